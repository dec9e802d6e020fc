"""A suite's own function as a contestant."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.core.errors import ConfigError, ProviderError
from evalkit.core.records import Completion, OutputSpec
from evalkit.providers.python_function import adapter

pytestmark = pytest.mark.anyio

TEXT = OutputSpec()
JSON = OutputSpec(format="json")
CALLS = OutputSpec(format="tool_calls")
Run = Callable[..., Awaitable[Completion]]


@pytest.fixture
def run(kit: SimpleNamespace, tmp_path: Path) -> Run:
    async def running(source: str, output: OutputSpec = TEXT, **spec: Any) -> Completion:
        (tmp_path / "rules.py").write_text(source)
        contestant = adapter(kit.spec("python", **spec))
        await contestant.open(kit.suite(tmp_path, output, code_allowed=True))
        return await contestant.complete(kit.request(output, "hello"))

    return running


async def test_the_function_sees_columns_and_id_and_no_target(run: Run) -> None:
    """What it returns as text is the answer."""
    answer = await run("def answer(sample): return repr(sorted(sample.items()))")
    assert answer.text == "[('id', '1'), ('text', 'hello')]"
    assert answer.service_ms is not None
    assert answer.usage is None


@pytest.mark.parametrize(
    ("source", "output", "text", "calls"),
    [
        ("def answer(s): return {'a': 1.5, 'b': 'é'}", JSON, '{"a":1.5,"b":"é"}', []),
        ("def answer(s): return [1, 2]", JSON, "[1,2]", []),
        ("def answer(s): return 'not json'", JSON, "not json", []),
        ("async def answer(s): return {'a': 1}", JSON, '{"a":1}', []),
        (
            "def answer(s): return [{'name': 'f', 'arguments': {'x': 1}}]",
            CALLS,
            "",
            [("f", '{"x":1}')],
        ),
        ("def answer(s): return [{'name': 'f', 'arguments': '{'}]", CALLS, "", [("f", "{")]),
        ("def answer(s): return []", CALLS, "[]", []),
    ],
)
async def test_answers_take_the_form_that_the_suite_asks_for(
    run: Run, source: str, output: OutputSpec, text: str, calls: list[tuple[str, str]]
) -> None:
    """Text as it is, objects as compact JSON, calls as calls."""
    answer = await run(source, output)
    assert text == answer.text
    assert calls == [(c.name, c.arguments) for c in answer.tool_calls]


@pytest.mark.parametrize(
    ("source", "output", "telling"),
    [
        ("def answer(s):\n    return {}['total']", JSON, "KeyError: 'total' at rules.py:2"),
        ("async def answer(s):\n    raise ValueError('x')", JSON, "ValueError: x at rules.py:2"),
        ("def answer(s): return None", JSON, "returned NoneType for format 'json'"),
        ("def answer(s): return {}", TEXT, "returned dict for format 'text'; allowed: str"),
        ("def answer(s): return {'a': float('nan')}", JSON, "answer is not JSON"),
        ("def answer(s): return {'a': {1, 2}}", JSON, "answer is not JSON"),
        ("def answer(s): return ['f']", CALLS, "returned the call 'f'"),
    ],
)
async def test_what_is_no_answer_is_a_failure_of_the_adapter(
    run: Run, source: str, output: OutputSpec, telling: str
) -> None:
    """Neither a wrong answer nor a crash of the run; never tried again."""
    with pytest.raises(ProviderError) as failed:
        await run(source, output)
    assert telling in str(failed.value)
    assert failed.value.kind == "adapter"
    assert not failed.value.may_retry


async def test_a_function_that_hangs_is_left_behind(run: Run) -> None:
    """Its thread cannot be stopped; the run goes on."""
    source = "import threading\ndef answer(s): threading.Event().wait(30)"
    with pytest.raises(ProviderError) as late:
        await run(source, timeout_s=0.05)
    assert late.value.kind == "timeout"
    assert late.value.service_ms >= 50


def test_a_function_that_hangs_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    """The process ends although a thread of the suite's code never does."""
    (tmp_path / "rules.py").write_text(
        "import threading\ndef answer(s): threading.Event().wait(90)"
    )
    code = f"""
    import asyncio
    from pathlib import Path
    from evalkit.core.errors import ProviderError
    from evalkit.core.ports import ModelSpec, SuiteView
    from evalkit.core.records import OutputSpec, Request
    from evalkit.providers.python_function import adapter

    async def main():
        output = OutputSpec()
        rules = adapter(ModelSpec(provider="p", name="m", wire="python", wire_name="m",
                                  timeout_s=0.1))
        await rules.open(SuiteView(name="s", folder=Path({str(tmp_path)!r}), output=output,
                                   code_allowed=True))
        try:
            await rules.complete(Request(suite="s", sample_id="1", arm="p:m", repeat=1,
                                         provider="p", model="m", messages=(), output=output))
        except ProviderError as error:
            print(error.kind)

    asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "timeout\n", "")


@pytest.mark.parametrize(
    ("source", "telling"),
    [
        ("def answer(s: return", "rules.py:1: SyntaxError"),
        ("x = 1\n1 / 0", "rules.py:2: ZeroDivisionError"),
        ("def other(s): pass", "no function 'answer'"),
        ("answer = 3", "no function 'answer'"),
    ],
)
async def test_code_that_cannot_be_loaded_is_told_with_its_line(
    run: Run, source: str, telling: str
) -> None:
    """Before anything is asked."""
    with pytest.raises(ConfigError, match=telling):
        await run(source)


async def test_code_runs_only_by_consent(kit: SimpleNamespace, tmp_path: Path) -> None:
    """Without it the file is not even read as code."""
    (tmp_path / "rules.py").write_text("raise SystemExit(9)")
    with pytest.raises(ConfigError, match="--allow-code"):
        await adapter(kit.spec("python")).open(kit.suite(tmp_path))


async def test_a_suite_without_the_file_says_so(kit: SimpleNamespace, tmp_path: Path) -> None:
    """The reason why this contestant is not there."""
    with pytest.raises(ConfigError, match=r"suite 's' has no rules\.py"):
        await adapter(kit.spec("python")).open(kit.suite(tmp_path, code_allowed=True))
    with pytest.raises(ConfigError, match="unknown option 'fil'"):
        await adapter(kit.spec("python", options={"fil": 1})).open(kit.suite(tmp_path))


async def test_identity_follows_the_bytes_of_the_file(kit: SimpleNamespace, tmp_path: Path) -> None:
    """An edited rule asks again; nothing is left in the suite's folder."""
    seen = []
    for source in ("def answer(s): return '1'", "def answer(s): return '2'"):
        (tmp_path / "own.py").write_text(source)
        contestant = adapter(kit.spec("python", options={"file": "own.py"}))
        await contestant.open(kit.suite(tmp_path, code_allowed=True))
        answer = await contestant.complete(kit.request())
        seen.append((contestant.identity, answer.text))
    assert [text for _, text in seen] == ["1", "2"]
    assert seen[0][0] != seen[1][0]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["own.py"]
    assert not (tmp_path / "__pycache__").exists()


async def test_suites_of_one_contestant_keep_their_own_function(
    kit: SimpleNamespace, tmp_path: Path
) -> None:
    """Two folders, one adapter."""
    contestant = adapter(kit.spec("python"))
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "rules.py").write_text(f"def answer(s): return {name!r}")
        await contestant.open(kit.suite(folder, name=name, code_allowed=True))
    answers = [(await contestant.complete(kit.request(suite=name))).text for name in ("a", "b")]
    assert answers == ["a", "b"]
    with pytest.raises(ProviderError, match="suite 'c' is not open"):
        await contestant.complete(kit.request(suite="c"))


@pytest.mark.parametrize("suite", ["banking77", "hotel_slots"])
async def test_the_rules_of_the_projects_suites_answer_in_form(
    kit: SimpleNamespace, suite: str
) -> None:
    """A label of the suite, or an object of its slots."""
    folder = Path(__file__).parents[3] / "suites" / suite
    form = JSON if suite == "hotel_slots" else OutputSpec(format="label")
    contestant = adapter(kit.spec("python"))
    await contestant.open(kit.suite(folder, form, code_allowed=True))
    text = "two adults from Monday" if suite == "hotel_slots" else "How do I activate my card?"
    answer = await contestant.complete(kit.request(form, text))
    if suite == "hotel_slots":
        assert json.loads(answer.text) == {"adults": "two", "date_from": "Monday"}
    else:
        assert answer.text == "activate_my_card"
