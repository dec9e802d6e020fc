"""A real model behind a real HTTP server on loopback: llama.cpp's own, in this process.

`with llama_server(weights) as url:` for code, `python tests/providers/llama_server.py` by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def llama_server(weights: Path, *, n_ctx: int = 2048, name: str = "smollm2") -> Iterator[str]:
    """Serve a GGUF file on a free port of 127.0.0.1, on one thread.

    Args:
        weights: The file.
        n_ctx: Context length in tokens.
        name: The model's name as /v1/models tells it.

    Yields:
        The base address, ending in /v1.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {name}
    params.n_ctx, params.n_parallel, params.port = n_ctx, 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.verbosity = -1
    server = xllamacpp.Server(params)
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server


if __name__ == "__main__":
    from evalkit.providers.weights import pull

    with llama_server(Path(sys.argv[1]) if len(sys.argv) > 1 else pull("smollm2")) as url:
        print(url, flush=True)  # noqa: T201 - the point of the script
        sys.stdin.read()  # until its input closes
