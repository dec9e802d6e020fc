"""Open-weight models in this process: GGUF files through llama.cpp (`xllamacpp`).

Weights named by `options: {path: x.gguf}`, or pulled by name. Decodes greedily with a fixed seed
unless told otherwise. It does not know HTTP, although the runtime opens a loopback port of its
own, which is closed to others by a random key.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import secrets
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from evalkit.core.errors import ConfigError, FailureKind, ProviderError
from evalkit.core.ports import Adapter, ModelSpec, SuiteView
from evalkit.core.records import (
    MODES,
    Completion,
    FinishReason,
    Mode,
    Record,
    Request,
    ToolCall,
    Usage,
)
from evalkit.providers import weights
from evalkit.providers.prompted_tools import read_calls, with_tools

DEFAULT_MAX_TOKENS = 512
_PARAMS = frozenset(
    {
        "temperature", "top_p", "top_k", "min_p", "max_tokens", "seed", "stop",
        "presence_penalty", "frequency_penalty", "repeat_penalty",
    }
)  # fmt: skip
_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


class Settings(Record, frozen=True, kw_only=True):
    """How one GGUF file is loaded.

    Attributes:
        path: The file.
        alias: The model's name as answers return it.
        n_ctx: Context length in tokens, prompt and answer together.
        threads: Threads of computation.
    """

    path: str
    alias: str
    n_ctx: int = 4096
    threads: int = 1


class Stream:
    """What has come of one answer so far; also the switch that stops it.

    Chunks arrive in the computing thread, one at a time.
    """

    def __init__(self, started: float) -> None:
        self.started = started
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.calls: dict[int, dict[str, str]] = {}
        self.last: dict[str, Any] = {}
        self.finish: str | None = None
        self.usage: dict[str, Any] | None = None
        self.error: dict[str, Any] | None = None
        self.first_at: float | None = None
        self.stopped = threading.Event()

    def __call__(self, chunk: Mapping[str, Any]) -> bool:
        """Take one chunk; True asks the runtime to stop."""
        if "error" in chunk:
            self.error = dict(chunk["error"])
            return True
        self.last = dict(chunk)
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk.get("choices", ()):
            self.finish = choice.get("finish_reason") or self.finish
            self._take(choice.get("delta") or {})
        return self.stopped.is_set()

    def _take(self, delta: Mapping[str, Any]) -> None:
        content = delta.get("content") or ""
        thought = delta.get("reasoning_content") or ""
        calls = delta.get("tool_calls") or ()
        if self.first_at is None and (content or thought or calls):
            self.first_at = time.perf_counter()
        self.text.append(content)
        self.reasoning.append(thought)
        for call in calls:
            function = call.get("function") or {}
            known = self.calls.setdefault(call.get("index", 0), {"name": "", "arguments": ""})
            known["name"] += function.get("name") or ""
            known["arguments"] += function.get("arguments") or ""
            known["id"] = call.get("id") or known.get("id", "")


class Engine:
    """One loaded model with its single worker thread; shared by all suites that use it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="llama")
        self.users = 0
        self._server: Any = None
        self._knows_tools: bool | None = None

    def load(self) -> None:
        """Load the weights, unless that is done.

        Raises:
            ConfigError: If the runtime cannot read the file.
        """
        if self._server is not None:
            return
        import xllamacpp  # 0.05 s and 100 MB of library

        try:
            self._server = xllamacpp.Server(parameters(self.settings))
        except (RuntimeError, ValueError, OSError) as error:
            raise ConfigError(
                f"{self.settings.path}: llama.cpp cannot load it: {_one_line(error)}; "
                "allowed: a GGUF file of a text model"
            ) from None

    def answer(self, body: dict[str, Any], stream: Stream) -> float:
        """Fill `stream` with the answer to one request and return milliseconds of service."""
        stream.started = time.perf_counter()
        if not stream.stopped.is_set():
            self._server.handle_chat_completions(body, stream)
        return (time.perf_counter() - stream.started) * 1000

    def knows_tools(self, tools: Sequence[dict[str, Any]]) -> bool:
        """Return whether the chat template shows tools to the model: a longer prompt tells."""
        if self._knows_tools is None:
            body = {"messages": [{"role": "user", "content": "?"}], "max_tokens": 1}
            plain = self._server.handle_chat_completions(body)
            with_tools = self._server.handle_chat_completions({**body, "tools": list(tools)})
            sizes = [r.get("usage", {}).get("prompt_tokens", 0) for r in (plain, with_tools)]
            self._knows_tools = sizes[1] > sizes[0] + len(tools)
        return self._knows_tools

    def close(self) -> None:
        """Free the weights and end the threads."""
        self.worker.shutdown(wait=True)
        self._server = None


# Two suites of one run ask the same weights: they are loaded once, and freed with the last user.
_ENGINES: weakref.WeakValueDictionary[Settings, Engine] = weakref.WeakValueDictionary()


class LlamaCpp:
    """One GGUF model as a contestant."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.identity = ""
        self.modes: tuple[str, ...] = MODES
        self._engine: Engine | None = None

    async def open(self, suite: SuiteView) -> None:
        """Load the weights.

        Raises:
            ConfigError: If the runtime or the weights are missing, or cannot be loaded.
        """
        settings = read_settings(self.spec)
        await self.close()
        engine = _ENGINES.get(settings)
        if engine is None:
            engine = _ENGINES[settings] = Engine(settings)
        engine.users += 1
        self._engine = engine
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(engine.worker, engine.load)
        except ConfigError:
            await self.close()
            raise
        digest = await loop.run_in_executor(None, weights.sha256_of, Path(settings.path))
        version = importlib.metadata.version("xllamacpp")
        self.identity = f"sha256:{digest} xllamacpp:{version} n_ctx:{settings.n_ctx}"

    async def complete(self, request: Request) -> Completion:
        """Answer one request in the worker thread.

        Raises:
            ProviderError: `context_length`, `schema_rejected`, `timeout`, or what the runtime
                said.
        """
        engine = self._engine
        if engine is None:
            raise ProviderError("adapter", f"{request.arm}: the model is not loaded; open it first")
        loop = asyncio.get_running_loop()
        tools = request.output.tools if request.output.format == "tool_calls" else ()
        if tools and not await loop.run_in_executor(engine.worker, engine.knows_tools, tools):
            request = _prompted(request)
        body, params, mode = encode(request, unsupported=self.spec.unsupported_params)
        stream = Stream(time.perf_counter())
        call = loop.run_in_executor(engine.worker, engine.answer, body, stream)
        try:
            service_ms = await asyncio.wait_for(call, self.spec.timeout_s)
        except TimeoutError:
            stream.stopped.set()
            raise _failed("timeout", f"no answer in {self.spec.timeout_s:g} s", stream) from None
        except asyncio.CancelledError:
            stream.stopped.set()
            raise
        except (ValueError, RuntimeError) as error:
            raise _failed(_kind_of_refusal(request, mode), _one_line(error), stream) from None
        return decode(request, stream, service_ms=service_ms, params=params, mode=mode)

    async def close(self) -> None:
        """Free the weights where no other suite uses them."""
        engine, self._engine = self._engine, None
        if engine is None:
            return
        engine.users -= 1
        if engine.users == 0:
            _ENGINES.pop(engine.settings, None)
            await asyncio.to_thread(engine.close)


def adapter(spec: ModelSpec) -> Adapter:
    """Return the in-process contestant for one GGUF model."""
    return LlamaCpp(spec)


def read_settings(spec: ModelSpec) -> Settings:
    """Return how to load a model entry.

    Raises:
        ConfigError: If the runtime or the weights are not here, or an option is wrong.
    """
    where = f"{spec.provider}:{spec.name}"
    if importlib.util.find_spec("xllamacpp") is None:
        raise ConfigError(f"{where}: its runtime is not installed; pip install 'evalkit[local]'")
    options = {k: v for k, v in spec.options.items() if k in ("path", "n_ctx", "threads")}
    unknown = sorted(set(spec.options) - set(options))
    if unknown:
        raise ConfigError(
            f"{where}: unknown option {unknown[0]!r}; allowed: 'path', 'n_ctx', 'threads'"
        )
    for name in ("n_ctx", "threads"):
        value = options.get(name, 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(
                f"{where}: option {name!r} must be a whole number >= 1, got {value!r}"
            )
    given = options.pop("path", None)
    path = _pulled(spec) if given is None else Path(str(given)).expanduser()
    if not path.is_file():
        raise ConfigError(f"{where}: no such file of weights, got {str(path)!r}")
    return Settings(path=str(path.resolve()), alias=spec.wire_name, **options)


def parameters(settings: Settings) -> Any:
    """Return llama.cpp's parameters: silent, one sequence, a loopback port that none can use."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings.path
    params.model_alias = {settings.alias}
    params.n_ctx = settings.n_ctx
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings.threads
    params.port = 0
    params.n_threads_http = 1
    params.api_keys = [secrets.token_urlsafe(24)]
    params.ui = params.endpoint_slots = params.endpoint_props = False
    params.cache_ram_mib = 0  # the live slot already keeps the shared prefix
    params.verbosity = -1
    return params


def encode(
    request: Request, unsupported: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any], Mode]:
    """Return the request as llama.cpp reads it, its parameters as sent, and the structured mode.

    Repeats of one sample differ in their seed, so that they are separate draws.
    """
    known = _PARAMS.difference(unsupported)
    asked = {k: v for k, v in request.params.items() if k in known and v is not None}
    seed = asked.get("seed", 0) + request.repeat - 1
    params = {"temperature": 0, "max_tokens": DEFAULT_MAX_TOKENS, **asked, "seed": seed}
    mode: Mode = request.mode or "prompt"
    body: dict[str, Any] = {
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        **params,
        "cache_prompt": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    output = request.output
    if output.format != "json" or (mode == "json_schema" and output.schema is None):
        mode = "prompt"
    if mode == "json_schema":
        schema = {"name": "answer", "strict": True, "schema": output.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif mode == "json_object":
        body["response_format"] = {"type": "json_object"}
    if output.format == "tool_calls" and output.tools:
        body["tools"] = list(output.tools)
    return body, params, mode


def decode(
    request: Request, stream: Stream, *, service_ms: float, params: dict[str, Any], mode: Mode
) -> Completion:
    """Return what came as a completion.

    Raises:
        ProviderError: If the runtime answered with an error, or with nothing.
    """
    if stream.error is not None:
        message = str(stream.error.get("message", stream.error))
        raise _failed(_kind_of_error(stream.error), message, stream, params=params)
    if stream.finish is None:
        raise _failed("bad_body", "the answer broke off without a finish reason", stream)
    text = "".join(stream.text)
    calls = tuple(
        ToolCall(name=c["name"], arguments=c["arguments"], id=c.get("id") or None)
        for _, c in sorted(stream.calls.items())
    )
    if request.output.format == "tool_calls" and not calls:
        calls = read_calls(text)
    ttft = (stream.first_at - stream.started) * 1000 if stream.first_at else None
    return Completion(
        text=text,
        reasoning="".join(stream.reasoning) or None,
        tool_calls=calls,
        finish_reason=_FINISH.get(stream.finish, "other"),
        finish_reason_raw=stream.finish,
        usage=_usage(stream.usage),
        model_returned=stream.last.get("model"),
        system_fingerprint=stream.last.get("system_fingerprint"),
        request_id=stream.last.get("id"),
        ttft_ms=ttft if request.stream else None,
        service_ms=service_ms,
        mode_sent=mode,
        params_sent=params,
    )


def _prompted(request: Request) -> Request:
    """Return the request with its tools told in the prompt instead of beside it."""
    output = msgspec.structs.replace(request.output, tools=())
    messages = with_tools(request.messages, request.output.tools)
    return msgspec.structs.replace(request, messages=messages, output=output)


def _usage(raw: Mapping[str, Any] | None) -> Usage | None:
    if raw is None:
        return None
    details = raw.get("prompt_tokens_details") or {}
    return Usage(
        input=raw.get("prompt_tokens"),
        output=raw.get("completion_tokens"),
        cache_read=details.get("cached_tokens"),
    )


def _kind_of_error(error: Mapping[str, Any]) -> FailureKind:
    if error.get("type") == "exceed_context_size_error":
        return "context_length"
    return "server_error" if int(error.get("code") or 500) >= 500 else "rejected"


def _kind_of_refusal(request: Request, mode: Mode) -> FailureKind:
    """The runtime raises where it cannot build a grammar or fill the chat template."""
    constrained = mode == "json_schema" or request.output.format == "tool_calls"
    return "schema_rejected" if constrained else "rejected"


def _failed(
    kind: FailureKind, message: str, stream: Stream, params: dict[str, Any] | None = None
) -> ProviderError:
    error = ProviderError(kind, f"llama.cpp: {message}")
    error.service_ms = (time.perf_counter() - stream.started) * 1000
    error.params_sent = params or {}
    return error


def _pulled(spec: ModelSpec) -> Path:
    names = [w.name for w in weights.known()]
    if spec.wire_name not in names:
        raise ConfigError(
            f"{spec.provider}:{spec.name}: it names no weights; give "
            f"`options: {{path: FILE.gguf}}`, or a known name: {', '.join(names)}"
        )
    path = weights.find(spec.wire_name)
    if path is None:
        raise ConfigError(
            f"{spec.provider}:{spec.name}: its weights are not here; "
            f"evalkit models pull {spec.wire_name}"
        )
    return path


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
