"""A run's figures for other tools: CycloneDX components with model cards, a hub's model index.

Figures are those of summary.json. What providers declare is passed on as declared.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from evalkit.providers.openness import read_licence

FORMATS = ("cyclonedx", "model-index")
_FIGURES = ("quality", "pass_rate", "malformed_rate", "usable_rate", "refusal_rate")
_SPACE = uuid.UUID("6f0c3c54-2f0b-5d0c-9a53-1f1f5f0e4a11")  # one's own; ids hang on the run


def cyclonedx_document(manifest: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a CycloneDX 1.6 document: a machine-learning model for each model of the run.

    Args:
        manifest: run.json.
        summary: summary.json.

    Source:
        CycloneDX 1.6, modelCard.
    """
    models: dict[str, list[Mapping[str, Any]]] = {}
    for row in summary["rows"]:
        models.setdefault(row["model"], []).append(row)
    facts = {arm["model"]: arm for arm in manifest["arms"]}
    serial = uuid.uuid5(_SPACE, str(manifest["run_id"]))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": manifest["started_at"],
            "tools": {
                "components": [
                    {
                        "type": "application",
                        "name": "evalkit",
                        "version": manifest["environment"]["evalkit"],
                    }
                ]
            },
        },
        "components": [_component(model, rows, facts[model]) for model, rows in models.items()],
    }


def _component(
    model: str, rows: list[Mapping[str, Any]], facts: Mapping[str, Any]
) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": model,
        "name": str(facts["wire_name"]),
        "group": str(facts["provider"]),
        "modelCard": {
            "modelParameters": {
                "task": ", ".join(dict.fromkeys(str(row["suite"]) for row in rows)),
                "datasets": [{"type": "dataset", "name": str(row["suite"])} for row in rows],
            },
            "quantitativeAnalysis": {
                "performanceMetrics": [metric for row in rows for metric in _metrics(row)]
            },
        },
        "properties": [
            {"name": f"evalkit:declared:{name}", "value": str(facts[name])}
            for name in ("weights", "quantisation", "base", "retires_on")
            if facts.get(name) is not None
        ],
    }
    if facts.get("licence"):
        component["licenses"] = [_licence(str(facts["licence"]))]
    return component


def _licence(declared: str) -> dict[str, Any]:
    """Return a licence as CycloneDX wants it: what is no SPDX expression is a name."""
    expression = read_licence(declared).expression
    return {"license": {"name": declared}} if expression is None else {"expression": expression}


def _metrics(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row's figures, and its quality in each slice."""
    where = f"{row['suite']}: {row['arm']}"
    found = [_metric(name, row[name], where) for name in _FIGURES if row[name] is not None]
    for column, values in row["slices"].items():
        found += [
            _metric("quality", own["quality"], f"{where}, {column}={value}")
            for value, own in values.items()
            if own["quality"] is not None
        ]
    return found


def _metric(name: str, figure: Mapping[str, Any], where: str) -> dict[str, Any]:
    metric: dict[str, Any] = {"type": name, "value": f"{figure['value']:.6g}", "slice": where}
    if figure["low"] is not None and figure["high"] is not None:
        metric["confidenceInterval"] = {
            "lowerBound": f"{figure['low']:.6g}",
            "upperBound": f"{figure['high']:.6g}",
        }
    return metric


def model_index(manifest: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `model-index` of a hub's model cards, an entry for each model of the run.

    Args:
        manifest: run.json.
        summary: summary.json.

    Source:
        Hugging Face hub documentation, model cards: `model-index`.
    """
    names = {arm["model"]: str(arm["wire_name"]) for arm in manifest["arms"]}
    tasks = {suite["name"]: str(suite["task"] or "other") for suite in manifest["suites"]}
    versions = {suite["name"]: suite for suite in manifest["suites"]}
    models: dict[str, list[dict[str, Any]]] = {}
    for row in summary["rows"]:
        suite = versions[row["suite"]]
        metrics = [
            {"type": name, "value": row[name]["value"], "name": f"{name} of {row['arm']}"}
            for name in _FIGURES
            if row[name] is not None
        ]
        if metrics:
            models.setdefault(row["model"], []).append(
                {
                    "task": {"type": tasks[row["suite"]]},
                    "dataset": {
                        "type": row["suite"],
                        "name": f"{row['suite']} {suite['version']}",
                        "revision": suite["hash"],
                    },
                    "metrics": metrics,
                }
            )
    return {
        "model-index": [
            {"name": names[model], "results": results} for model, results in models.items()
        ]
    }
