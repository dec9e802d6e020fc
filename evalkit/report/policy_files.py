"""A policy as files: policy.json, and the configuration of a gateway.

It does not decide what is in them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.analysis.reporting.inputs import find_inputs
from evalkit.analysis.routing.document import Routed, RouteRequest
from evalkit.analysis.routing.gateways import gateway_document
from evalkit.core.errors import ConfigError
from evalkit.core.records import OutputSpec
from evalkit.providers.catalogue import load_catalogue
from evalkit.run.folder import Run

POLICY = "policy.json"
_FILES = {"litellm": "litellm.yaml", "portkey": "portkey.json"}


class WrittenPolicy(NamedTuple):
    """Where a policy was written, and what must be known beside it."""

    paths: dict[str, str | None]
    notes: list[str]


def write_policy(
    routed: Routed, request: RouteRequest, export: str | None, output: Path | None
) -> WrittenPolicy:
    """Write a policy; nothing where no task has one.

    Raises:
        ConfigError: If an arm cannot be reached by the gateway, or there is nothing to export.
    """
    paths: dict[str, str | None] = {"policy_path": None, "export_path": None}
    if not routed.policy["tasks"]:
        if export is not None:
            raise ConfigError(
                "route: there is no policy to export: no task was assigned; run without --export "
                "for the reasons"
            )
        return WrittenPolicy(paths, ["no task was assigned: no policy is written"])
    notes: list[str] = []
    text = ""
    if export is not None:
        run = Run(request.run)
        catalogue = load_catalogue(request.providers or run.providers_path)
        made, notes = gateway_document(
            export, routed.policy, catalogue, routed.models, _outputs(run.manifest)
        )
        text = _text(export, made)
    policy = request.run / POLICY if output is None or export is not None else output
    paths["policy_path"] = _write(policy, json.dumps(routed.policy, indent=2) + "\n")
    if export is not None:
        paths["export_path"] = _write(output or request.run / _FILES[export], text)
    return WrittenPolicy(paths, notes)


def _outputs(manifest: Mapping[str, Any]) -> dict[str, OutputSpec]:
    """Return the form of each suite's answers, as far as the suite is here."""
    found = {facts["name"]: find_inputs(manifest, facts).suite for facts in manifest["suites"]}
    return {name: suite.spec.output for name, suite in found.items() if suite is not None}


def _text(export: str, made: dict[str, Any]) -> str:
    if export == "portkey":
        return json.dumps(made, indent=2) + "\n"
    import yaml

    return str(yaml.safe_dump(made, sort_keys=False, allow_unicode=True))


def _write(path: Path, text: str) -> str:
    if path.is_dir():
        raise ConfigError(f"route: -o must be a file, got the folder {str(path)!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)
