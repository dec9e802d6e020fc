"""Data sets of the Hugging Face hub, through `datasets`, as plain rows.

What is cached on this machine is used without the network; where the hub cannot be reached it is
not waited for. This module does not know what the columns mean.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from evalkit.core.errors import ConfigError

HubName = dict[str, Any]
DEFAULT_SPLIT = "test"


def title(hub: HubName) -> str:
    """Return a data set's name for messages, `org/set[split]`."""
    return f"{hub['name']}[{hub.get('split') or DEFAULT_SPLIT}]"


def hub_rows(hub: HubName, where: str) -> Iterator[dict[str, Any]]:
    """Return the rows of a data set; class numbers become their names.

    Raises:
        ConfigError: If it cannot be fetched or has no such split.
    """
    rows = _loaded(hub, where)
    features = rows.features
    names = hub.get("rename") or {}
    return (_renamed(_named_labels(row, features), names) for row in rows)


def _renamed(row: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(column, column): value for column, value in row.items()}


def _loaded(hub: HubName, where: str) -> Any:
    import datasets  # 0.7 s: only where a suite names the hub
    from huggingface_hub import constants
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]
    from pyarrow import ArrowException

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # one line, not one a retry
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    constants.HF_HUB_DISABLE_TELEMETRY = True
    if not Path(hub["name"]).exists() and not _reachable(constants.ENDPOINT):
        datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        return datasets.load_dataset(
            hub["name"], hub.get("config"), split=hub.get("split") or DEFAULT_SPLIT,
            revision=hub.get("revision"),
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError, LookupError, HTTPError, ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    raise ConfigError(
        f"{where}: hub data set {title(hub)} cannot be fetched: {reason}; "
        "a local copy can be named with --set data.path=FILE"
    )


def _reachable(address: str) -> bool:
    """Return whether the hub's name can be resolved, or a proxy does that."""
    parts = urlsplit(address)
    if getproxies().get(parts.scheme):
        return True
    try:
        socket.getaddrinfo(parts.hostname, parts.port or 443)
    except OSError:
        return False
    return True


def _named_labels(row: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
    """Class numbers become their names; -1 is what a hidden label is published as."""
    named = dict(row)
    for column, feature in features.items():
        value = row[column]
        if hasattr(feature, "int2str") and isinstance(value, int):
            named[column] = feature.int2str(value) if value >= 0 else None
    return named
