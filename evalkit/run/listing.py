"""What can be asked and what can be run: models with what they lack, suites with what is wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from evalkit.core.errors import ConfigError
from evalkit.providers.catalogue import (
    Model,
    Provider,
    find_file,
    licence_warnings,
    load_catalogue,
    missing,
)
from evalkit.providers.presence import absent_models
from evalkit.run.plan import recorded_model
from evalkit.suite.loader import read_spec


def list_models(providers: Path | None = None) -> list[dict[str, Any]]:
    """Return every model of a providers file, and what it lacks to be asked here.

    Raises:
        ConfigError: If the file is missing or wrong.
    """
    catalogue = load_catalogue(find_file(providers))
    lacking = {name: missing(p) for name, p in catalogue.providers.items()}
    absent = asyncio.run(_absent([p for n, p in catalogue.providers.items() if not lacking[n]]))
    rows = []
    for provider in catalogue.providers.values():
        for model in _models(provider, lacking[provider.name]):
            reason = lacking[provider.name] or absent.get(provider.name, {}).get(model.name)
            rows.append(_row(provider, model, reason))
    return rows


def list_warnings(providers: Path | None = None) -> list[str]:
    """Return what is wrong with the licences of a providers file, a line each with its place.

    Raises:
        ConfigError: If the file is missing or wrong.
    """
    catalogue = load_catalogue(find_file(providers))
    return [line for own in catalogue.providers.values() for line in licence_warnings(own)]


def list_suites(folder: Path) -> list[dict[str, Any]]:
    """Return the suites below a folder; one that cannot be read says why.

    Raises:
        ConfigError: If there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder of suites")
    return [_suite_row(file.parent) for file in sorted(folder.glob("**/suite.yaml"))]


async def _absent(providers: list[Provider]) -> dict[str, dict[str, str | None]]:
    found = await asyncio.gather(*(absent_models(p) for p in providers))
    return dict(zip((p.name for p in providers), found, strict=True))


def _models(provider: Provider, lack: str | None) -> list[Model]:
    if provider.wire != "replay" or lack or provider.path is None:
        return list(provider.models.values())
    from evalkit.providers.replay import recorded_models

    return [recorded_model(provider, name) for name in recorded_models(provider.path)]


def _row(provider: Provider, model: Model, reason: str | None) -> dict[str, Any]:
    declared = provider.governance
    return {
        "model": f"{provider.name}:{model.name}",
        "wire": provider.wire,
        "wire_name": model.wire_name,
        "kind": provider.kind,
        "weights": model.weights,
        "licence": model.licence,
        "structured": model.structured,
        "allowed_sensitivity": declared.allowed_sensitivity,
        "regions": declared.regions,
        "retention_days": declared.retention_days,
        "trains_on_data": declared.trains_on_data,
        "retires_on": model.retires_on,
        "missing": reason,
    }


def _suite_row(folder: Path) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(("name", "version", "task", "format", "description"))
    row |= {"folder": str(folder), "data": None, "problem": None}
    try:
        spec = read_spec(folder)
    except ConfigError as error:
        return {**row, "problem": error.problems[0]}
    hub = spec.data.hub
    return {
        **row,
        "name": spec.name,
        "version": spec.version,
        "task": spec.task,
        "format": spec.output.format,
        "description": spec.description,
        "data": spec.data.path.name if spec.data.path else f"hub {hub['name']}" if hub else None,
    }
