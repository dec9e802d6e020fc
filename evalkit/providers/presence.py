"""Which contestants are here without a key: weights on disk, servers that answer.

Used only where the user named no models. A server is asked for its list of models, nothing else;
one that does not answer within a second is not there.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit

from evalkit.core.errors import ConfigError
from evalkit.providers.catalogue import Provider

_PATIENCE_S = 1.0


async def absent_models(provider: Provider) -> dict[str, str | None]:
    """Return, for each model of a provider, why it cannot be asked here, or None where it can."""
    if provider.wire == "llama_cpp":
        return _weights(provider)
    if provider.is_local or provider.api_key_env or provider.base_url is None:
        return {}
    served = await served_models(provider.base_url)
    if isinstance(served, str):
        return dict.fromkeys(provider.models, served)
    return {
        name: None
        if model.wire_name in served or (len(provider.models) == 1 and served)
        else f"{provider.base_url} does not serve {model.wire_name!r}"
        for name, model in provider.models.items()
    }


async def served_models(base_url: str) -> set[str] | str:
    """Return the ids that a server lists under /models, or why it does not."""
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
            writer.close()
    except (OSError, TimeoutError, ValueError):
        return f"no server answers at {base_url}"
    return await _listed(f"{base_url.rstrip('/')}/models")


async def _listed(url: str) -> set[str] | str:
    import aiohttp

    try:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            body = json.loads(await response.read())
        return {str(item["id"]) for item in body["data"]}
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError, RecursionError):
        return f"{url} gives no list of models"


def _weights(provider: Provider) -> dict[str, str | None]:
    from evalkit.providers import weights

    lacking: dict[str, str | None] = {}
    for name, model in provider.models.items():
        path = model.options.get("path")
        if path is not None:
            if not Path(str(path)).expanduser().is_file():
                lacking[name] = f"{path} does not exist; model {name!r} in {model.where} needs it"
            continue
        try:
            found = weights.find(model.wire_name)
        except ConfigError as error:
            lacking[name] = str(error)
            continue
        if found is None:
            lacking[name] = f"weights are not here; `evalkit models pull {model.wire_name}`"
    return lacking
