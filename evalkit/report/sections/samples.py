"""The samples as the page's script reads them: figures in columns, texts by number.

A column of one value is that value; of numbers only the digits stay that are shown. It does not
know how they are shown.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalkit.analysis.reporting.browsing import Browsed
from evalkit.analysis.reporting.evidence import Evidence, ShownArm, SuiteEvidence
from evalkit.analysis.reporting.trials import SampleRow, Texts, TrialRow
from evalkit.report.page.texts import shown
from evalkit.report.sections.cells import Colours
from evalkit.report.values import clean
from evalkit.run.journal import NAME


def samples_document(
    evidence: Evidence, browsed: Sequence[Browsed], texts: Texts | None, beside: Path
) -> dict[str, Any]:
    """Return the page's data block.

    Args:
        evidence: The runs and their arms.
        browsed: The samples of each suite.
        texts: What they refer to; None where texts are left out.
        beside: The folder in which the page will lie: journals are named relative to it.
    """
    colours = Colours(evidence)
    return {
        "redacted": evidence.request.redact,
        "notes": _notes(texts),
        "journals": [
            clean(os.path.relpath(reading.run.folder / NAME, beside))
            for reading in evidence.readings
        ],
        "suites": [
            _suite(suite, found, colours)
            for suite, found in zip(evidence.suites, browsed, strict=True)
        ],
    }


def _notes(texts: Texts | None) -> list[str]:
    """Say which texts are not here whole."""
    if texts is None:
        return ["Inputs, outputs and reasons are left out of this page; ids and figures stay."]
    notes = []
    if texts.n_left_out:
        notes.append(
            f"{texts.n_left_out:,} texts found no room on this page and stand in the journal alone."
        )
    if texts.n_cut:
        notes.append(f"Of {texts.n_cut:,} long texts only the beginning is here.")
    return notes


def _suite(suite: SuiteEvidence, found: Browsed, colours: Colours) -> dict[str, Any]:
    samples, total = found.trials.samples, found.trials.n_samples
    left = total - len(samples)
    return {
        "name": clean(suite.name),
        "left_out": (
            f"{clean(suite.name)}: the runs hold {total:,} samples; on this page stand the "
            f"{len(samples):,} that are listed above, the others in the journal alone."
            if left
            else None
        ),
        "no_inputs": found.trials.no_inputs and shown(found.trials.no_inputs),
        "pair": _pair(suite),
        "ids": [shown(own.sample_id) for own in samples],
        "critical": [place for place, own in enumerate(samples) if own.critical],
        "slices": _slices(samples),
        "input": column([own.input for own in samples]),
        "target": column([own.target for own in samples]),
        "arms": [
            _arm(arm, rows, colours)
            for arm, rows in zip(suite.arms, found.trials.arms, strict=True)
        ],
    }


def _pair(suite: SuiteEvidence) -> list[int]:
    """Return the arms that are set side by side first: those of the verdict, else the first two."""
    if suite.contrast is None:
        return [0, min(1, len(suite.arms) - 1)]
    return [suite.place(suite.contrast.baseline), suite.place(suite.contrast.candidate)]


def _slices(samples: Sequence[SampleRow]) -> dict[str, Any]:
    """Return each slice column as its values and the place of each sample's value; -1 for none."""
    names = sorted({name for own in samples for name in own.slices})
    found = {}
    for name in names:
        values = list(dict.fromkeys(own.slices[name] for own in samples if name in own.slices))
        places = {value: place for place, value in enumerate(values)}
        found[clean(name)] = {
            "values": [clean(value) for value in values],
            "codes": column([places.get(own.slices.get(name, ""), -1) for own in samples]),
        }
    return found


def _arm(arm: ShownArm, rows: Sequence[TrialRow], colours: Colours) -> dict[str, Any]:
    return {
        "label": clean(arm.label),
        "colour": colours.of(arm),
        "recorded": bool(arm.row["recorded"]),
        "run": arm.number,
        "n": len(rows),
        "sample": column([row.sample for row in rows]),
        "repeat": column([row.repeat for row in rows]),
        "status": coded([row.status for row in rows]),
        "rung": coded([row.rung for row in rows]),
        "score": column([_digits(row.score, "4f") for row in rows]),
        "passed": column([None if row.passed is None else int(row.passed) for row in rows]),
        "latency_ms": column([_digits(row.latency_ms, "3g") for row in rows]),
        "cost_usd": column([_digits(row.cost_usd, "3g") for row in rows]),
        "tries": column([row.tries for row in rows]),
        "text": column([row.text for row in rows]),
        "reason": column([row.reason for row in rows]),
        "line": column([row.line for row in rows]),
    }


def column(values: Sequence[Any]) -> Any:
    """Return a column: one value where all are equal, `{"from": n}` where each is one more.

    Example:
        >>> column([1, 1, 1]), column([4, 5, 6]), column([1, None, 3])
        (1, {'from': 4}, [1, None, 3])
    """
    if not values or any(value != values[0] for value in values):
        counted = bool(values) and all(
            type(value) is int and value == values[0] + place for place, value in enumerate(values)
        )
        return {"from": values[0]} if counted else list(values)
    return values[0]


def coded(values: Sequence[str | None]) -> dict[str, Any]:
    """Return a column of few words as the words and their places.

    Example:
        >>> coded(["ok", "error", "ok"])
        {'words': ['ok', 'error'], 'codes': [0, 1, 0]}
    """
    words = list(dict.fromkeys(values))
    places = {word: place for place, word in enumerate(words)}
    return {
        "words": [None if word is None else clean(word) for word in words],
        "codes": column([places[value] for value in values]),
    }


def _digits(value: float | None, form: str) -> float | int | None:
    """Return a number with the digits that are shown, a whole one as such."""
    if value is None:
        return None
    short = float(f"{value:.{form}}")
    return int(short) if short.is_integer() else short
