"""The rubric grader by itself: what is asked, how verdicts are read and joined, what is refused."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from making import build, sample

from evalkit.core.errors import CannotGrade, ConfigError, ProviderError
from evalkit.core.ports import Judged, JudgeQuestion, JudgingGrader
from evalkit.core.records import Completion, Message, Parsed, Score
from evalkit.graders.judge_prompt import (
    MAX_SHOWN_CHARS,
    Unreadable,
    clipped,
    is_quoted,
    read_verdict,
    verdict_form,
)
from evalkit.graders.rubric_file import Criterion, Rubric, read_rubric
from evalkit.graders.schema import SchemaCheck
from evalkit.graders.votes import Vote, between, decide, retest
from evalkit.providers.wire import strict_compatible

PAGE = Path(__file__).resolve().parents[2] / "docs" / "graders" / "rubric.md"
BASE: dict[str, Any] = {"criteria": [{"id": "ok", "question": "Is it?"}], "judge": "p:j"}
OK = Criterion(id="ok", question="?")


def said(**verdicts: Any) -> str:
    return json.dumps({n: {"evidence": "x", "verdict": v} for n, v in verdicts.items()})


def judge(grader: Any, text: str, *answers: str | Exception, target: Any = "t") -> Score:
    """What a grader makes of an output when its judges answer in turn, the last one for ever."""
    questions: list[JudgeQuestion] = []

    async def ask(question: JudgeQuestion) -> Completion:
        questions.append(question)
        answer = answers[min(len(questions), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return Completion(text=answer, finish_reason="stop")

    judged = Judged(
        sample(target),
        (Message(role="system", content="Sum up."), Message(role="user", content="notes")),
        Completion(text=text),
        Parsed(rung="valid", value=text),
    )
    score: Score = asyncio.run(grader.judge(judged, ask))
    return score


def page_example() -> dict[str, Any]:
    block = re.search(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert block is not None
    example: dict[str, Any] = yaml.safe_load(block[1])
    return example


@pytest.mark.parametrize("answer", page_example()["answers"], ids=range(3))
def test_the_example_of_the_page_comes_out(answer: dict[str, Any]) -> None:
    """Verdicts in, score or failure out."""
    options = page_example()["graders"]["rubric"]
    score = judge(build("rubric", **options), answer["text"], said(**answer["verdicts"]))
    assert score.value == answer.get("score")
    assert score.failure == answer.get("failure")


def test_it_is_a_grader_that_asks_judges() -> None:
    """Without one there is no verdict, whoever calls it."""
    grader = build("rubric", **BASE)
    assert isinstance(grader, JudgingGrader)
    with pytest.raises(CannotGrade, match="judges must be asked"):
        grader.grade(sample(), Completion(text="x"), Parsed(rung="valid", value="x"))


def test_an_outage_is_pending_and_an_unreadable_answer_is_not() -> None:
    """Only the first may be mended by asking again."""
    grader = build("rubric", **BASE)
    lost = judge(grader, "x", ProviderError("timeout", "no answer"))
    assert (lost.value, lost.pending) == (None, True)
    unread = judge(grader, "x", "well")
    assert (unread.value, unread.pending) == (None, False)
    refused = judge(grader, "x", CannotGrade("not allowed: sensitivity"))
    assert (refused.value, refused.pending) == (None, False)
    assert "not allowed" in (refused.failure or "")


def test_options_of_the_suite_replace_those_of_the_file(tmp_path: Path) -> None:
    """`--set graders.rubric.judge=...` and its like."""
    (tmp_path / "rubric.yaml").write_text(json.dumps({**BASE, "repeats": 2}))
    plain = build("rubric", folder=tmp_path)
    assert plain.judges == ("p:j",)  # type: ignore[attr-defined]
    other = build("rubric", folder=tmp_path, judge=["a:b", "c:d"], repeats=3, panel="mean")
    assert other.judges == ("a:b", "c:d")  # type: ignore[attr-defined]
    facts = other.facts()  # type: ignore[attr-defined]
    assert (facts["repeats"], facts["panel"]) == (3, "mean")
    assert plain.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"criteria": []}, "`criteria` must be a list of at least one"),
        ({"criteria": None}, "`criteria` must be a list of at least one"),
        ({"criteria": ["x"]}, "a criterion must be a mapping"),
        ({"criteria": [{"id": "a b", "question": "?"}]}, "`id` must be a short name"),
        ({"criteria": [{"id": "a"}]}, "`question` is missing"),
        ({"criteria": [{"id": "a", "question": "?"}] * 2}, "'a' stands twice"),
        ({"criteria": [{"id": "a", "question": "?", "weight": -1}]}, "`weight` must be"),
        ({"criteria": [{"id": "a", "question": "?", "weight": 0}]}, "weights .* sum to 0"),
        ({"criteria": [{"id": "a", "question": "?", "wieght": 1}]}, "unknown key 'wieght'"),
        ({"criteria": [{"id": "a", "question": "?", "scale": [2, 1]}]}, "`scale` got"),
        ({"criteria": [{"id": "a", "question": "?", "scale": "1-10"}]}, "`scale` got"),
        (
            {"criteria": [{"id": "a", "question": "?",
                           "examples": [{"output": "x", "verdict": "meh"}]}]},
            "`verdict` got 'meh'; allowed: no, yes",
        ),
        ({"judges": "p:j"}, "unknown key 'judges'; did you mean 'judge'"),
        ({"judge": "gpt"}, "`judge` got 'gpt'; allowed: provider:name"),
        ({"judge": ["p:j", "p:j"]}, "names a judge twice"),
        ({"panel": "median"}, "`panel` got 'median'"),
        ({"repeats": 0}, "`repeats` must be"),
        ({"reference": "answer"}, "`reference` got 'answer'"),
        ({"params": {"temprature": 0}}, "unknown key 'temprature'"),
        ({"schema_version": 2}, "`schema_version`"),
    ],
)  # fmt: skip
def test_a_bad_rubric_gets_one_clear_line(
    tmp_path: Path, change: dict[str, Any], problem: str
) -> None:
    """With file and line."""
    path = tmp_path / "rubric.yaml"
    path.write_text(json.dumps({k: v for k, v in {**BASE, **change}.items() if v is not None}))
    with pytest.raises(ConfigError, match=rf"rubric.yaml:\d+: .*{problem}"):
        read_rubric(path)


def test_yes_and_no_of_yaml_are_verdicts(tmp_path: Path) -> None:
    """YAML reads a bare `no` as false."""
    path = tmp_path / "rubric.yaml"
    path.write_text(
        "criteria:\n- id: a\n  question: '?'\n  examples:\n  - {output: x, verdict: no}\n"
        "  - {output: y, verdict: yes}\njudge: p:j\n"
    )
    (criterion,) = read_rubric(path).criteria
    assert [example.verdict for example in criterion.examples] == ["no", "yes"]


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ('{"ok": {"evidence": "e", "verdict": "yes"}}', "yes"),
        ('```json\n{"ok": {"verdict": "NO"}}\n```', "no"),
        ('Here: {"ok": {"verdict": true}}', "yes"),
        ('{"ok": "no"}', "no"),
        ('{"ok": {"verdict": 1}, "more": 2}', "yes"),
    ],
)
def test_form_is_read_leniently(answer: str, word: str) -> None:
    """A fence, prose around, a truth value: the judge's form is not what is judged."""
    rubric = Rubric(criteria=(OK,))
    assert read_verdict(rubric, Completion(text=answer)).verdicts == {"ok": word}


@given(st.text(max_size=60) | st.dictionaries(st.text(max_size=4), st.integers()).map(json.dumps))
def test_any_answer_is_a_verdict_or_unreadable(answer: str) -> None:
    """Nothing else ever comes out."""
    rubric = Rubric(criteria=(OK,))
    said_so = None
    with suppress(Unreadable):
        said_so = read_verdict(rubric, Completion(text=answer)).verdicts["ok"]
    assert said_so in (None, "yes", "no")


def test_the_form_is_strict_for_every_vendor_and_takes_its_own_verdicts() -> None:
    """Strings with an enum, everything required, nothing else allowed."""
    scale = Criterion(id="scale", question="?", scale=(0, 1, 2))
    form = verdict_form(Rubric(criteria=(OK, scale)))
    assert strict_compatible(form.schema)
    check = SchemaCheck(form.schema or {}, "form")
    assert check.failure(json.loads(said(ok="yes", scale="2"))) is None
    assert check.failure(json.loads(said(ok="maybe", scale="2"))) is not None


@pytest.mark.parametrize(
    ("evidence", "output", "found"),
    [
        ("the cat sat", "So “The Cat” sat.", True),
        ("cat ... sat", "The cat has sat.", True),
        ("the dog", "the cat", False),
        ("...", "anything", False),
        ("", "anything", False),
    ],
)
def test_a_quotation_is_looked_up_in_the_output(evidence: str, output: str, found: bool) -> None:
    """Case, spaces, quotation marks and omissions aside."""
    assert is_quoted(evidence, output) is found


def test_a_very_long_output_loses_its_middle_and_says_so() -> None:
    """A judge's context is bounded, and a cut must not look like the model's."""
    text = clipped("a" * MAX_SHOWN_CHARS + "b" * MAX_SHOWN_CHARS)
    assert len(text) < MAX_SHOWN_CHARS + 100
    assert f"[... {MAX_SHOWN_CHARS} characters left out ...]" in text


# ------------------------------------------------------------------ joining


def votes(*words: str | None) -> list[Vote]:
    return [
        Vote(f"j{n}", 1, None if word is None else {"ok": word}) for n, word in enumerate(words)
    ]


@pytest.mark.parametrize(
    ("words", "value", "tie"),
    [
        (("yes",), 1.0, False),
        (("yes", "no"), 0.5, True),
        (("yes", "no", "no"), 0.0, False),
        (("yes", "yes", "no", "no"), 0.5, True),
        ((None,), None, False),
        (("yes", None), None, False),
        (("yes", "yes", None), 1.0, False),
        (("yes", "yes", "no", None), None, False),
    ],
)
def test_a_majority_decides_and_a_lost_vote_leaves_open_what_it_could_change(
    words: tuple[str | None, ...], value: float | None, tie: bool
) -> None:
    """Ties are ties in whatever order the judges are listed."""
    for order in (words, words[::-1]):
        found = decide(OK, votes(*order), "majority")
        assert (found.value, found.tie) == (value, tie)


def test_an_ordinal_panel_ties_at_the_mean_of_the_tied() -> None:
    """Two for 0, two for 2, one for 1: neither, and not 1 either."""
    scale = Criterion(id="ok", question="?", scale=(0, 1, 2))
    found = decide(scale, votes("0", "0", "2", "2", "1"), "majority")
    assert (found.value, found.verdict, found.tie, found.spread) == (0.5, None, True, 1.0)
    assert decide(scale, votes("0", "2", "2"), "mean").value == pytest.approx(2 / 3)
    assert decide(scale, votes("0", None, "2"), "mean").value is None


def test_agreement_is_counted_between_judges_and_between_repeats_apart() -> None:
    """Pairs of one judge are its retest, pairs of two are the panel."""
    said_by = [
        Vote("a", 1, {"ok": "yes"}), Vote("a", 2, {"ok": "no"}),
        Vote("b", 1, {"ok": "yes"}), Vote("b", 2, None),
    ]  # fmt: skip
    assert retest(said_by) == (0, 1)
    assert between(said_by) == (1, 2)


def test_the_mean_of_one_judge_keeps_its_word() -> None:
    """On an uneven scale too; different words have none."""
    scale = Criterion(id="ok", question="?", scale=(0, 1, 10))
    assert decide(scale, votes("1"), "mean")[:3] == (0.1, "1", False)
    assert decide(scale, votes("1", "10"), "mean")[:3] == (0.55, None, False)
