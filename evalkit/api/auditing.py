"""What a run can show to those who ask.

It does not say whether that is enough.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class Signing(NamedTuple):
    """With which key an audit record is signed.

    Attributes:
        key: A private key's file, or a public one's whose private one an agent holds.
        identity: Who signs: kept in the record.
        by_hand: Somebody is there to type a passphrase; else nothing is asked for.
    """

    key: Path
    identity: str | None = None
    by_hand: bool = False


def audit(
    folder: Path,
    *,
    gate: Path | None = None,
    output: Path | None = None,
    day: str | None = None,
    signing: Signing | None = None,
) -> dict[str, Any]:
    """Return the audit record of a run.

    Args:
        folder: The run's folder.
        gate: What `evalkit gate --json` printed, to be kept with it.
        output: A folder for audit.json and audit.md; the run's own where it is signed.
        day: Of the audit, ISO 8601; by default the day it is.
        signing: Sign audit.json, the signature lies beside it; not where the journal does not hold.

    Raises:
        ConfigError: If the gate's document cannot be read, the run to be signed was never closed,
            or the key did not sign.
        JournalError: If the folder is no run.
    """
    from evalkit.analysis.audit import signature
    from evalkit.analysis.audit.evidence import audit_document
    from evalkit.report.audit_text import audit_markdown
    from evalkit.run.clock import SystemClock
    from evalkit.run.folder import Run

    document = audit_document(Run(folder), day or SystemClock().now_iso()[:10], gate)
    signed = None
    if signing is not None and document["journal"]["holds"]:
        document |= {"signed_by": signing.identity, "signed_on": document["audited_on"]}
        signed = _signed(document, signing)
        output = output or folder
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        record = output / signature.RECORD
        record.write_bytes(signature.canonical(document))
        (output / "audit.md").write_text(audit_markdown(document), encoding="utf-8")
        if signed is not None:
            Path(f"{record}{signature.SUFFIX}").write_bytes(signed)
    return document


def verify_audit(
    folder: Path, allowed: Path, identity: str, *, record: Path | None = None
) -> dict[str, Any]:
    """Return whether a run's signed audit record holds; see `evalkit.analysis.audit.signature`.

    Args:
        folder: The run's folder.
        allowed: OpenSSH's file of allowed signers.
        identity: Who must have signed, by the name in that file.
        record: audit.json, its signature beside it; by default the one in the run's folder.

    Raises:
        ConfigError: If a file is missing, or there is no `ssh-keygen`.
        JournalError: If the folder is no run.
    """
    from evalkit.analysis.audit.signature import RECORD, verify
    from evalkit.run.folder import Run

    return verify(Run(folder), record or folder / RECORD, allowed, identity)


def _signed(document: Mapping[str, Any], signing: Signing) -> bytes:
    from evalkit.analysis.audit.signature import canonical, sign
    from evalkit.core.errors import ConfigError

    if document["journal"]["closed_with_sha256"] is None:
        raise ConfigError(
            f"audit --sign: run {document['run']['run_id']!r} was never closed and may still grow; "
            "`evalkit resume` it first"
        )
    return sign(canonical(document), signing.key, by_hand=signing.by_hand)


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
