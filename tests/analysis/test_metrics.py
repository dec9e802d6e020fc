"""Refusals that graders were asked for, and metrics beside the scores."""

from __future__ import annotations

import json
import random
import tracemalloc

import pytest
from trials_by_hand import error, price, row, rows, trial

from evalkit.analysis.columns import ArmColumns
from evalkit.analysis.metrics import MOST_NAMES
from evalkit.analysis.summary import SuiteFacts
from evalkit.core.records import Score
from evalkit.stats import mean_interval, wilson


def score(value: float | None, grader: str = "fields", **changes) -> Score:
    failure = "it crashed" if value is None else None
    return Score(grader=grader, version="1", value=value, failure=failure, **changes)


def told(value: float | None = 1.0, **metrics) -> dict:
    return {"scores": (score(value, details={"metrics": metrics}),)}


def test_a_refusal_keeps_the_score_of_a_grader_that_was_asked():
    """All others score 0; `passed` follows the primary's own word."""
    asked = (score(1.0, passed=True), score(0.5, "other"))
    found = row([
        trial("a", status="refused", scores=asked),
        trial("b", status="refused"),
        trial("c", status="refused", scores=(score(0.0, passed=False),)),
        trial("d", scores=(score(1.0), score(1.0, "other"), score(1.0, "third"))),
    ])  # fmt: skip
    assert found["quality"]["value"] == 0.5
    assert found["pass_rate"]["value"] == 0.5
    assert found["graders"] == {"fields": 0.5, "other": 1.5 / 4, "third": 0.25}
    assert (found["refusal_rate"]["value"], found["usable_rate"]["value"]) == (0.75, 0.25)
    assert found["n_trials"] == 4


def test_a_malformed_answer_scores_zero_whatever_a_grader_said_of_it():
    """`forbidden` finds no leak in it, but nobody can use it either."""
    found = row([trial("a", status="malformed", scores=(score(1.0, passed=True),)), trial("b")])
    assert (found["quality"]["value"], found["pass_rate"]["value"]) == (0.5, 0.5)


@pytest.mark.parametrize("order", [1, -1])
def test_a_graders_failure_on_a_refusal_is_no_score_of_zero(order):
    """Whether its first score comes before or after."""
    failed = trial("a", status="refused", scores=(score(None), score(None, "other")))
    right = trial("b", scores=(score(1.0), score(1.0, "other")))
    found = row([failed, right][::order])
    assert found["graders"] == {"fields": 1.0, "other": 1.0}
    assert (found["n_trials"], found["n_grader_failed"]) == (1, 1)
    assert found["grader_failures"] == {"it crashed": 1}
    assert found["pass_rate"]["n"] == 1


def test_a_metric_is_the_mean_over_the_trials_that_have_it():
    """With its interval, and n says how many those are."""
    found = row([
        trial("a", **told(missed=0)),
        trial("b", **told(missed=1, accuracy=0.5)),
        trial("c", **told(accuracy=0.75)),
        trial("d", status="refused", **told(missed=1)),
        trial("e", status="malformed", **told(0.0, leaked=True)),
        trial("f", **told(None, missed=1)),
        error("g"),
    ])["metrics"]  # fmt: skip
    assert list(found) == ["fields.accuracy", "fields.leaked", "fields.missed"]
    expected = wilson(2, 3)
    assert (expected.estimate, expected.low, expected.n, "wilson") == tuple(
        found["fields.missed"][key] for key in ("value", "low", "n", "method")
    )
    assert found["fields.accuracy"]["value"] == 0.625
    assert found["fields.leaked"]["n"] == 1


def test_a_metric_counts_samples_and_clusters_like_every_figure():
    """Repeats are averaged within a sample first."""
    repeats = row([
        trial("a", repeat=1, **told(missed=1)), trial("a", repeat=2, **told(missed=0)),
        trial("a", repeat=3), trial("b", **told(missed=1)), trial("c"),
    ])["metrics"]["fields.missed"]  # fmt: skip
    expected = mean_interval([0.5, 1.0])
    assert (expected.estimate, expected.n) == (repeats["value"], repeats["n"])
    clusters = row([trial(s, cluster=s[0], **told(missed=0)) for s in ("x1", "x2", "y1")])
    assert clusters["metrics"]["fields.missed"]["n"] == 2


@pytest.mark.parametrize("bad", [2, -0.1, float("inf"), "1", None, [1]])
def test_what_is_no_share_is_no_metric(bad):
    """A journal of an older version may hold anything."""
    assert row([trial(**told(x=bad, y=1))])["metrics"].keys() == {"fields.y"}
    odd = score(1.0, details={"metrics": bad})
    assert row([trial(scores=(odd,))])["metrics"] == {}


def test_a_grader_that_names_its_samples_has_no_metrics():
    """Too many names are no metrics: all are left out, whatever the order, and it is said."""
    many = [trial(str(i), **told(**{f"m{i}": 1})) for i in range(MOST_NAMES + 9)]
    few = [trial(f"x{i}", scores=(score(1.0, "g", details={"metrics": {"n": 1}}),))
           for i in range(3)]  # fmt: skip
    trials = many + few
    first = row(trials)
    assert (first["metrics"].keys(), first["metrics_left_out"]) == ({"g.n"}, ["fields"])
    random.Random(1).shuffle(trials)
    assert json.dumps(first) == json.dumps(row(trials))
    kept = row(many[:MOST_NAMES])
    assert (len(kept["metrics"]), kept["metrics_left_out"]) == (MOST_NAMES, [])


def test_the_order_of_trials_does_not_matter():
    """Nor do shards."""
    generator = random.Random(3)
    trials = [
        trial(f"s{i // 2}", repeat=1 + i % 2, cluster=f"c{i // 6}",
              status=generator.choice(["ok", "refused", "malformed"]),
              **told(generator.choice([0.0, 1.0, None]), a=generator.random(), b=i % 2))
        for i in range(300)
    ]  # fmt: skip
    first = json.dumps(rows(trials))
    generator.shuffle(trials)
    assert first == json.dumps(rows(trials))


def test_a_metric_takes_little_memory():
    """A row number and a number for each value."""
    made = [trial(str(i), **told(a=0, b=1)) for i in range(4000)]
    plain = [trial(str(i)) for i in range(4000)]
    used = []
    for trials in (plain, made):
        tracemalloc.start()
        columns = ArmColumns(SuiteFacts(primary="fields"))
        for one in trials:
            columns.add(one, price)
        used.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert (used[1] - used[0]) / len(made) < 2 * 30
