"""The verdict in words: one sentence, the same in a line for each suite, and what it rests on.

A symbol and a word say what the colour says. Nothing is decided here: a gate decides, or the
difference of two arms is told with its interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.analysis.reporting.contrast import Contrast
from evalkit.analysis.reporting.evidence import Evidence, SuiteEvidence
from evalkit.report.compare_table import points
from evalkit.report.gate_values import headline
from evalkit.report.page.parts import Tone, Verdict
from evalkit.report.sections.cells import BETTER, LEVEL, OPEN, WORSE, share_text
from evalkit.report.values import clean, money, share

_GATE: dict[str, tuple[Tone, str, str]] = {
    "pass": ("good", "✓", "PASS"),
    "fail": ("bad", "✗", "FAIL"),
    "inconclusive": ("open", OPEN, "INCONCLUSIVE"),
}
_READINGS: dict[str, tuple[Tone, str, str]] = {
    "better": ("good", BETTER, "better"),
    "worse": ("bad", WORSE, "worse"),
    "not told apart": ("open", LEVEL, "not told apart"),
    "too few": ("open", OPEN, "too few samples"),
    "not compared": ("open", OPEN, "not compared"),
}
_NONE: tuple[Tone, str, str] = ("open", OPEN, "no comparison")


def verdict(evidence: Evidence) -> Verdict:
    """Return what the page says first."""
    lines = [f"{clean(suite.name)}: {suite_sentence(suite)}" for suite in evidence.suites]
    lines += _fine_print(evidence.suites)
    if evidence.gate is not None:
        tone, symbol, word = _GATE[evidence.gate["verdict"]]
        said = headline(evidence.gate).removeprefix(f"{word}: ")
        return Verdict(tone, symbol, word, said, tuple(lines))
    if not evidence.suites:
        return Verdict("open", OPEN, "nothing was asked", "These runs hold no trial.")
    if len(evidence.suites) == 1:
        tone, symbol, word = _mark(evidence.suites[0].contrast)
        return Verdict(tone, symbol, word, lines[0], tuple(lines[1:]))
    tone, symbol, word = _overall(evidence.suites)
    return Verdict(tone, symbol, word, _over_suites(evidence.suites), tuple(lines))


def _mark(contrast: Contrast | None) -> tuple[Tone, str, str]:
    return _NONE if contrast is None else _READINGS[contrast.reading]


def _overall(suites: Sequence[SuiteEvidence]) -> tuple[Tone, str, str]:
    """Return the mark that holds on all suites, else that it depends."""
    marks = {_mark(suite.contrast) for suite in suites}
    return marks.pop() if len(marks) == 1 else ("open", OPEN, "it depends on the suite")


def _over_suites(suites: Sequence[SuiteEvidence]) -> str:
    count = Counter(_mark(suite.contrast)[2] for suite in suites)
    told = ", ".join(f"{word} on {n}" for word, n in count.most_common())
    about = {suite.contrast.question for suite in suites if suite.contrast}
    who = {
        frozenset({"open or closed"}): "The best open-weight model against the best closed one",
        frozenset({"leader"}): "The best arm against the next best",
    }.get(frozenset(about), "The candidate against the baseline")
    return f"{who}, on {len(suites)} suites: {told}."


def suite_sentence(suite: SuiteEvidence) -> str:
    """Return what a suite's figures say, in one sentence."""
    contrast = suite.contrast
    if contrast is None:
        return _alone(suite)
    named = f"{clean(contrast.candidate)}{_role(suite, contrast.candidate)}"
    other = f"{clean(contrast.baseline)}{_role(suite, contrast.baseline)}"
    row = contrast.rows.get("quality")
    if row is None:
        return f"{named} and {other} cannot be compared: they were not asked the same."
    values = f"quality {share(row['candidate_value'])} against {share(row['baseline_value'])}"
    gap = f"{points(row['difference'])} points [{points(row['low'])}, {points(row['high'])}]"
    said = {
        "better": f"{named} is better than {other}: {values}, {gap}",
        "worse": f"{named} is worse than {other}: {values}, {gap}",
        "not told apart": (
            f"{named} and {other} cannot be told apart: {values}, {gap}; a loss of more than "
            f"{100 * max(0.0, -row['low']):.1f} points is ruled out"
        ),
        "too few": f"{named} and {other}: too few samples to tell: {values}, {gap}",
    }[contrast.reading]
    return "; ".join([said, *_besides(contrast.rows)]) + "."


def _role(suite: SuiteEvidence, label: str) -> str:
    """Say what kind of weights an arm has, where that is known."""
    row = suite.arms[suite.place(label)].row
    if row.get("kind") == "classical":
        return " (no LLM)"
    weights = str(row["weights"] or "")
    return (
        f" ({'open' if weights.startswith('open') else clean(weights)} weights)" if weights else ""
    )


def _alone(suite: SuiteEvidence) -> str:
    answered = [arm for arm in suite.arms if arm.answered]
    if not answered:
        return "no arm has an answer that could be scored."
    if len(answered) == 1:
        arm = answered[0]
        return f"only {clean(arm.label)} was scored: quality {share_text(arm.row['quality'])}."
    return "the named arms do not stand on this suite."


def _besides(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say where malformed output, latency and cost differ for sure."""
    said = []
    row = rows.get("malformed_rate")
    if row is not None and (row["low"] > 0 or row["high"] < 0):
        said.append(
            f"its output is malformed in {share(row['candidate_value'])} against "
            f"{share(row['baseline_value'])}"
        )
    for metric, name, write in (
        ("latency_p95_ms", "p95 latency", _ratio),
        ("cost_per_success_usd", "cost per success", _dollars),
    ):
        row = rows.get(metric)
        if row is not None and _differs(row):
            said.append(f"{name} {write(row)}")
    return said


def _differs(row: Mapping[str, Any]) -> bool:
    return (row["low"] or 0.0) > 1.0 or (row["high"] is not None and row["high"] < 1.0)


def _ratio(row: Mapping[str, Any]) -> str:
    high = "?" if row["high"] is None else f"{row['high']:.2f}"
    low = "?" if row["low"] is None else f"{row['low']:.2f}"
    return f"×{row['ratio']:.2f} [{low}, {high}]"


def _dollars(row: Mapping[str, Any]) -> str:
    return f"{_ratio(row)}, {money(row['candidate_value'])} against {money(row['baseline_value'])}"


def _fine_print(suites: Sequence[SuiteEvidence]) -> list[str]:
    """Say how the two arms were chosen, where the same data chose them."""
    asked = {suite.contrast.question for suite in suites if suite.contrast}
    which = [
        words
        for question, words in (
            ("open or closed", "the best open-weight and the best closed arm"),
            ("leader", "the two best arms"),
        )
        if question in asked
    ]
    if not which:
        return []
    return [
        f"These are {' or '.join(which)} by the same samples, which flatters the best; p-values "
        "are adjusted for all pairs. --baseline and --candidate name them beforehand."
    ]
