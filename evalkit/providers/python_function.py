"""A function of the suite's own folder as a contestant: where AI is unnecessary.

`rules.py:answer(sample)` gets a sample's columns and id, never its target, and returns the answer.
Its code runs only where the caller allows the suite's code. It does not know whether an answer is
right.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from evalkit.core.errors import ConfigError, ProviderError
from evalkit.core.ports import Adapter, ModelSpec, SuiteView
from evalkit.core.records import Completion, OutputFormat, Request, ToolCall

_OPTIONS = ("file", "function")


class PythonFunction:
    """One function as a contestant; a thread for each call, since it may block."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.identity = ""
        self.modes: tuple[str, ...] = ()
        self._functions: dict[str, tuple[Callable[[dict[str, Any]], Any], Path]] = {}

    async def open(self, suite: SuiteView) -> None:
        """Load the suite's function.

        Raises:
            ConfigError: If code is not allowed, or the file or function is missing or broken.
        """
        unknown = sorted(set(self.spec.options) - set(_OPTIONS))
        if unknown:
            raise ConfigError(
                f"{self._where}: unknown option {unknown[0]!r}; allowed: 'file', 'function'"
            )
        path = suite.folder / str(self.spec.options.get("file", "rules.py"))
        name = str(self.spec.options.get("function", "answer"))
        if not path.is_file():
            raise ConfigError(f"{self._where}: suite {suite.name!r} has no {path.name}")
        if not suite.code_allowed:
            raise ConfigError(
                f"{path}: code of a suite from outside the current directory is not run; "
                "allow it with --allow-code"
            )
        source = path.read_bytes()
        function = getattr(load_module(path, source), name, None)
        if not callable(function):
            raise ConfigError(f"{path}: it has no function {name!r}; allowed: {name}(sample)")
        self._functions[suite.name] = (function, path)
        self.identity = f"sha256:{hashlib.sha256(source).hexdigest()} function:{name}"

    async def complete(self, request: Request) -> Completion:
        """Call the function with one sample.

        Raises:
            ProviderError: `adapter` where the function raises or returns what is no answer,
                `timeout` where it takes too long (its thread is left behind).
        """
        loaded = self._functions.get(request.suite)
        if loaded is None:
            raise ProviderError("adapter", f"{request.arm}: suite {request.suite!r} is not open")
        sample = {**request.inputs, "id": request.sample_id}
        started = time.perf_counter()
        try:
            value, service_ms = await asyncio.wait_for(_call(*loaded, sample), self.spec.timeout_s)
        except TimeoutError:
            error = ProviderError(
                "timeout", f"{self._where}: no answer in {self.spec.timeout_s:g} s"
            )
            error.service_ms = (time.perf_counter() - started) * 1000
            raise error from None
        return _completion(value, request.output.format, service_ms)

    async def close(self) -> None:
        """Forget the functions."""
        self._functions.clear()

    @property
    def _where(self) -> str:
        return f"{self.spec.provider}:{self.spec.name}"


def adapter(spec: ModelSpec) -> Adapter:
    """Return the contestant that calls a suite's own function."""
    return PythonFunction(spec)


def load_module(path: Path, source: bytes) -> ModuleType:
    """Run a file's bytes as a module.

    The bytes themselves are run, so that what is hashed is what answers, and no compiled copy is
    left in the suite's folder.

    Raises:
        ConfigError: If the code does not compile or raises.
    """
    name = f"evalkit_suite_{hashlib.sha256(bytes(path.resolve()) + source).hexdigest()[:16]}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - allowed by caller
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything
        del sys.modules[name]
        place = _place(error, path) or str(path)
        raise ConfigError(f"{place}: {type(error).__name__}: {error}; it cannot be run") from None
    return module


async def _call(
    function: Callable[[dict[str, Any]], Any], path: Path, sample: dict[str, Any]
) -> tuple[Any, float]:
    """Call in a daemon thread: one that never returns must not keep the process alive.

    Returns:
        Whatever the user's code returns, and its own milliseconds, without the loop's delays.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[tuple[Any, float]] = loop.create_future()
    threading.Thread(
        target=_work, args=(function, sample, loop, future), name="suite-code", daemon=True
    ).start()
    try:
        value, service_ms = await future
        if not inspect.isawaitable(value):
            return value, service_ms
        started = time.perf_counter()
        return await value, service_ms + (time.perf_counter() - started) * 1000
    except (ProviderError, TimeoutError, asyncio.CancelledError):
        raise
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything
        place = _place(error, path)
        where = f" at {place}" if place else ""
        raise ProviderError("adapter", f"{type(error).__name__}: {error}{where}") from None


def _work(
    function: Callable[[dict[str, Any]], Any],
    sample: dict[str, Any],
    loop: asyncio.AbstractEventLoop,
    future: asyncio.Future[tuple[Any, float]],
) -> None:
    value: Any = None
    started = time.perf_counter()
    problem: BaseException | None = None
    try:
        value = function(sample)
    except Exception as error:  # noqa: BLE001 - carried to the caller
        problem = error
    service_ms = (time.perf_counter() - started) * 1000

    def deliver() -> None:
        if future.done():  # timed out meanwhile
            return
        if problem is None:
            future.set_result((value, service_ms))
        else:
            future.set_exception(problem)

    if not loop.is_closed():
        loop.call_soon_threadsafe(deliver)


def _place(error: Exception, path: Path) -> str | None:
    """Return `rules.py:LINE` of the innermost frame in the user's file."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path.name}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return f"{path.name}:{lines[-1]}" if lines else None


def _completion(value: object, form: OutputFormat, service_ms: float) -> Completion:
    if isinstance(value, str):
        return Completion(text=value, finish_reason="stop", service_ms=service_ms)
    if form == "tool_calls" and isinstance(value, list):
        calls = tuple(_tool_call(item) for item in value)
        if not calls:  # said in so many words: no call is due, which is not an empty answer
            return Completion(text="[]", finish_reason="stop", service_ms=service_ms)
        return Completion(tool_calls=calls, finish_reason="tool_calls", service_ms=service_ms)
    if form == "json" and isinstance(value, (dict, list)):
        return Completion(text=_json(value), finish_reason="stop", service_ms=service_ms)
    allowed = {"json": "str, dict or list", "tool_calls": "str or a list of calls"}.get(form, "str")
    raise ProviderError(
        "adapter",
        f"the function returned {type(value).__name__} for format {form!r}; allowed: {allowed}",
    )


def _tool_call(item: object) -> ToolCall:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise ProviderError(
            "adapter", f"the function returned the call {item!r:.80}; allowed: {{name, arguments}}"
        )
    arguments = item.get("arguments", {})
    text = arguments if isinstance(arguments, str) else _json(arguments)
    return ToolCall(name=item["name"], arguments=text)


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise ProviderError("adapter", f"the function's answer is not JSON: {error}") from None
