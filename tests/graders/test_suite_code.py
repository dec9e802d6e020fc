"""A suite's own code that never ends is stopped, recorded, and the next answer is graded."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from making import build, sample

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.ports import Grader
from evalkit.core.records import Completion, Parsed, Score

CODE = r"""
import os, re, sys, time

seen = 0

def grade(sample, output, parsed):
    global seen
    seen += 1
    if output == "regex":
        return bool(re.fullmatch(r"(a+)+$", "a" * 60 + "b"))
    if output == "loop":
        while True:
            pass
    if output == "sleep":
        time.sleep(60)
    if output == "die":
        os._exit(3)
    if output == "print":
        print("noise on stdout")
        sys.stdout.flush()
    if output == "wait":
        time.sleep(0.5)
    return output == "right"
"""


def made(folder: Path, timeout_s: float = 10) -> Grader:
    (folder / "graders.py").write_text(CODE)
    return build("python", folder=folder, timeout_s=timeout_s)


def grade(grader: Grader, text: str) -> Score:
    return grader.grade(sample(), Completion(text=text), Parsed(rung="valid", value=text))


@pytest.mark.parametrize("text", ["regex", "loop", "sleep"])
def test_code_that_never_ends_is_stopped_and_the_next_answer_is_graded(
    tmp_path: Path, text: str
) -> None:
    """A backtracking expression, an endless loop, a long sleep: failures with the limit."""
    grader = made(tmp_path, timeout_s=0.5)
    assert grade(grader, "right").value == 1.0
    started = time.monotonic()
    with pytest.raises(CannotGrade, match=r"python: stopped after 0.5 s"):
        grade(grader, text)
    assert time.monotonic() - started < 10
    assert grade(grader, "right").value == 1.0


def test_code_that_ends_its_process_is_a_failure_and_no_end_of_the_run(tmp_path: Path) -> None:
    """As a crash in native code would be."""
    grader = made(tmp_path)
    with pytest.raises(CannotGrade, match="or it ended its process"):
        grade(grader, "die")
    assert grade(grader, "wrong").value == 0.0


def test_what_code_prints_does_not_disturb(tmp_path: Path) -> None:
    """It goes to stderr."""
    assert grade(made(tmp_path), "print").value == 0.0


def test_answers_that_wait_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """Four at once: a grader may ask something over a wire."""
    grader = made(tmp_path)
    grade(grader, "right")
    values: list[float | None] = []
    threads = [
        threading.Thread(target=lambda: values.append(grade(grader, "wait").value))
        for _ in range(4)
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == [0.0] * 4
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("limit", [0, -1, float("inf"), float("nan")])
def test_a_limit_that_is_none_is_refused(tmp_path: Path, limit: float) -> None:
    """There is always one."""
    with pytest.raises(ConfigError, match="`timeout_s` cannot be"):
        made(tmp_path, timeout_s=limit)


def test_a_reply_that_nobody_waited_for_reaches_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C the next answer gets its own verdict, not the one before."""
    grader = made(tmp_path)
    assert grade(grader, "wrong").value == 0.0
    process = grader._verdict._running[0]  # type: ignore[attr-defined]
    real = process.ask

    def interrupted(line: bytes, wall_s: float) -> object:
        process._requests.write(line + b"\n")
        process._requests.flush()
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "ask", interrupted)
    with pytest.raises(KeyboardInterrupt):
        grade(grader, "right")
    monkeypatch.setattr(process, "ask", real)
    assert grade(grader, "wrong").value == 0.0
