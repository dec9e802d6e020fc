"""What a run can show to those who ask.

It does not say whether that is enough.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def audit(
    folder: Path, *, gate: Path | None = None, output: Path | None = None, day: str | None = None
) -> dict[str, Any]:
    """Return the audit record of a run.

    Args:
        folder: The run's folder.
        gate: What `evalkit gate --json` printed, to be kept with it.
        output: A folder for audit.json and audit.md.
        day: Of the audit, ISO 8601; by default the day it is.

    Raises:
        ConfigError: If the gate's document cannot be read.
        JournalError: If the folder is no run.
    """
    from evalkit.analysis.audit.evidence import audit_document
    from evalkit.report.audit_text import audit_markdown
    from evalkit.run.clock import SystemClock
    from evalkit.run.folder import Run

    document = audit_document(Run(folder), day or SystemClock().now_iso()[:10], gate)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        (output / "audit.json").write_text(text + "\n", encoding="utf-8")
        (output / "audit.md").write_text(audit_markdown(document), encoding="utf-8")
    return document


def export_card(folder: Path, form: str, output: Path | None = None) -> Path:
    """Write a run's figures as a model card for other tools; return the file.

    Args:
        folder: The run's folder.
        form: `cyclonedx` or `model-index`.
        output: The file; by default in the run's folder.

    Raises:
        ConfigError: If the output is a folder.
        JournalError: If it is no run, or its journal is foreign, mixed or edited.
    """
    from evalkit.analysis.runs import summarise_run
    from evalkit.core.errors import ConfigError
    from evalkit.report.model_card import cyclonedx_document, model_index
    from evalkit.run.folder import Run

    run = Run(folder)
    path = output or folder / ("cyclonedx.json" if form == "cyclonedx" else "model-index.yaml")
    if path.is_dir():
        raise ConfigError(f"export: -o must be a file, got the folder {str(path)!r}")
    summary = summarise_run(run)
    if form == "cyclonedx":
        text = json.dumps(cyclonedx_document(run.manifest, summary), indent=2) + "\n"
    else:
        import yaml

        text = yaml.safe_dump(model_index(run.manifest, summary), sort_keys=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
