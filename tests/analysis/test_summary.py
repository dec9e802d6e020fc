"""summary.json: every figure by its definition, whatever order the trials come in."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tracemalloc
from typing import get_args

import pytest
from trials_by_hand import ArmFacts, attempt, completion, error, price, row, rows, trial

from evalkit.analysis.summary import SuiteFacts
from evalkit.core.records import Score, Status, Usage
from evalkit.stats import (
    clopper_pearson,
    cost_per_success,
    mean_interval,
    quantile_interval,
    wilson,
)

KEYS = {
    "suite", "arm", "model", "structured_mode", "weights", "recorded", "n_asked",
    "n_answered", "n_error", "n_skipped", "n_trials", "quality", "pass_rate",
    "malformed_rate", "usable_rate", "refusal_rate", "rungs", "latency_ms", "ttft_ms",
    "attempts_per_trial", "tokens", "cost_usd", "judge_cost_usd", "cost_per_1000_usd",
    "cost_per_success_usd", "priced_fraction", "graders", "slices", "quality_given_valid",
    "n_grader_failed",
}  # fmt: skip


def figure(found, interval):
    return (found["value"], found["low"], found["high"], found["n"], found["method"]) == (
        interval.estimate, interval.low, interval.high, interval.n, interval.method,
    )  # fmt: skip


def test_a_row_has_every_key_of_the_contract():
    """Readers may rely on each."""
    assert set() == KEYS - set(row([trial()]))


def test_every_trial_is_counted_once():
    """n_asked = n_answered + n_error + n_skipped, and no status is forgotten."""
    found = row([
        trial("a"), trial("b", status="malformed"), trial("c", status="refused"),
        error("d"), trial("e", status="skipped", attempts=()),
    ])  # fmt: skip
    assert len(get_args(Status)) == found["n_asked"]
    assert (found["n_answered"], found["n_error"], found["n_skipped"]) == (3, 1, 1)


def test_unusable_answers_score_zero_and_errors_do_not_count():
    """Intention to treat: quality over answered trials; given valid beside it."""
    found = row([
        trial("a", 1.0), trial("b", 1.0), trial("c", status="malformed"),
        trial("d", status="refused"), error("e"), trial("f", status="skipped", attempts=()),
    ])  # fmt: skip
    assert figure(found["quality"], wilson(2, 4))
    assert figure(found["quality_given_valid"], wilson(2, 2))
    assert figure(found["pass_rate"], wilson(2, 4))
    assert figure(found["usable_rate"], wilson(2, 4))
    assert figure(found["refusal_rate"], wilson(1, 4))
    assert found["n_trials"] == 4


def test_a_graders_failure_is_no_score_of_zero():
    """It is left out of quality and counted; the answer itself was usable."""
    found = row([trial("a", 1.0), trial("b", None), trial("c", 1.0)])
    assert figure(found["quality"], wilson(2, 2))
    assert (found["n_grader_failed"], found["usable_rate"]["n"], found["n_trials"]) == (1, 3, 2)


@pytest.mark.parametrize(
    ("rung", "status", "bad"),
    [
        ("valid", "ok", 0), ("refusal", "refused", 0), ("fenced", "ok", 1),
        ("schema:type", "malformed", 1), ("empty", "malformed", 1), (None, "malformed", 1),
        (None, "ok", 0),
    ],
)  # fmt: skip
def test_malformed_rate_looks_at_the_first_answer(rung, status, bad):
    """A repaired second answer is usable, but the first was malformed."""
    found = row([trial(status=status, output_rung=rung, first_rung=rung)])
    assert figure(found["malformed_rate"], wilson(bad, 1))


def test_a_second_attempt_makes_a_trial_usable_but_not_well_formed():
    """Both rates stand beside each other."""
    found = row([trial(first_rung="not_json", output_rung="valid")])
    assert (found["malformed_rate"]["value"], found["usable_rate"]["value"]) == (1.0, 1.0)
    assert found["rungs"] == {"valid": 1}


def test_repeats_are_averaged_within_a_sample_first():
    """n counts samples, n_trials stands beside, and Wilson is not used."""
    found = row([
        trial("a", 1.0, repeat=1), trial("a", 0.0, repeat=2), trial("a", 0.0, repeat=3),
        trial("b", 1.0, repeat=1),
    ])  # fmt: skip
    assert figure(found["quality"], mean_interval([1 / 3, 1.0]))
    assert (found["quality"]["n"], found["n_trials"]) == (2, 4)
    assert pytest.approx(found["graders"]["fields"]) == 2 / 3


def test_intervals_count_clusters():
    """Samples of one document are one unit; a sample without a cluster is its own."""
    values = {"a": 1.0, "b": 1.0, "c": 0.0, "d": 1.0}
    groups = {"a": "doc", "b": "doc", "c": "doc"}
    found = row([trial(s, v, cluster=groups.get(s)) for s, v in values.items()])
    expected = mean_interval(list(values.values()), ["doc", "doc", "doc", "d"])
    assert (expected.n, expected.method) == (found["quality"]["n"], found["quality"]["method"])
    assert expected.low == pytest.approx(found["quality"]["low"])
    assert found["malformed_rate"]["n"] == 2


def test_graded_scores_get_an_interval_that_holds():
    """Not all 0 or 1: no Wilson, and never a width of 0."""
    found = row([trial(str(i), 0.75) for i in range(10)])["quality"]
    assert found["method"] == "gaffke"
    assert found["low"] < 0.75 < found["high"]


def test_pass_follows_the_grader_else_the_suites_threshold():
    """`passed` wins; where it is not said, the score is compared with pass_at."""
    said = Score(grader="fields", version="1", value=0.4, passed=True)
    facts = {"s": SuiteFacts(primary="fields", pass_at=0.8)}
    found = row([trial("a", 0.8), trial("b", 0.79), trial("c", scores=(said,))], suites=facts)
    assert pytest.approx(found["pass_rate"]["value"]) == 2 / 3


def test_latency_is_service_and_backoff_of_all_attempts():
    """No queue and no rate wait; the quantiles have order-statistic intervals."""
    tries = (
        attempt(1, outcome="rate_limited", service_ms=20.0, queue_ms=500.0),
        attempt(2, cause="rate_limited", backoff_ms=1000.0, rate_wait_ms=700.0),
    )
    found = row([trial("a", attempts=tries)] + [trial(str(i)) for i in range(9)])
    expected = quantile_interval([1120.0] + [100.0] * 9, 0.95)
    assert (found["latency_ms"]["p95"]["value"], 100.0) == (expected.estimate, expected.low)
    assert None is found["latency_ms"]["p99"]["high"]
    assert pytest.approx(found["attempts_per_trial"]) == 1.1
    assert found["attempt_latency_ms"]["p50"]["n"] == 10


def test_a_timeout_is_censored_at_its_limit_and_said():
    """It counts as at least its limit; other errors have no latency."""
    found = row([trial("a"), error("b", "timeout", service_ms=60_000.0), error("c", "auth")])
    assert (found["n_censored"], found["latency_ms"]["p50"]["n"]) == (1, 2)
    assert found["latency_ms"]["p50"]["value"] == (100.0 + 60_000.0) / 2


def test_cached_answers_are_in_no_latency_and_no_cost():
    """They were neither waited for nor paid now."""
    found = row([trial("a", attempts=(attempt(cached=True),)), trial("b")])
    assert (found["n_cached"], found["latency_ms"]["p50"]["n"]) == (1, 1)
    assert pytest.approx(found["cost_usd"]) == 0.00011
    assert pytest.approx(found["cost_per_1000_usd"]) == 0.11
    assert (found["priced_fraction"], found["tokens"]["input"]) == (1.0, 100)
    assert found["quality"]["n"] == 2


def test_cost_includes_errored_and_repeated_attempts():
    """Money spent on trials that failed is spent; successes carry it."""
    paid_error = trial("c", status="error", attempts=(attempt(1), attempt(2, outcome="timeout")))
    twice = trial("b", attempts=(attempt(1), attempt(2, cause="malformed")))
    found = row([trial("a"), twice, paid_error])
    assert pytest.approx(found["cost_usd"]) == 4 * 0.00011
    assert pytest.approx(found["cost_per_1000_usd"]) == 1000 * 4 * 0.00011 / 2
    assert pytest.approx(found["cost_per_success_usd"]) == 2 * 0.00011


def test_cost_per_success_has_an_interval_from_the_first_success_on():
    """One unit has none: its ends are null and its value stands."""
    values = [1.0] * 16 + [0.0] * 4
    found = row([trial(str(i), v) for i, v in enumerate(values)])["cost_per_success_interval"]
    expected = cost_per_success([0.00011] * 20, values)
    assert (expected.estimate, expected.low, expected.high) == pytest.approx(
        (found["value"], found["low"], found["high"])
    )
    few = row([trial("a", 1.0)])["cost_per_success_interval"]
    assert pytest.approx((few["value"], few["low"], few["high"])) == (0.00011, None, None)


def test_no_success_has_no_cost_per_success():
    """Never 0, never infinite."""
    assert None is row([trial("a", 0.0)])["cost_per_success_usd"]


def test_unpriced_is_null_and_never_zero():
    """No known price: no cost, and a priced fraction of 0."""
    found = row([trial(model="own:m", arm="own:m")])
    money = ("cost_usd", "judge_cost_usd", "cost_per_1000_usd", "cost_per_success_usd")
    assert [found[key] for key in money] == [None] * 4
    assert found["priced_fraction"] == 0.0


def test_a_partly_priced_arm_says_so():
    """An answer without usage is not priced at 0: the figure is of the priced part."""
    dark = trial("b", attempts=(attempt(completion=completion(usage=None)),))
    found = row([trial("a"), dark])
    assert (found["priced_fraction"], pytest.approx(found["cost_per_1000_usd"])) == (0.5, 0.11)


def test_judges_are_paid_apart():
    """A judge's attempt is in judge_cost_usd only, priced as the judge."""
    judge = attempt(2, role="judge", model="p:judge")
    found = row([trial(attempts=(attempt(1), judge), model="own:m")])
    assert (found["cost_usd"], pytest.approx(found["judge_cost_usd"])) == (None, 0.00011)
    assert (found["attempts_per_trial"], found["tokens"]["input"]) == (1.0, 100)


def test_tokens_that_nobody_reported_are_null():
    """Sums of what was reported, null where nothing was."""
    done = completion(usage=Usage(input=5, output=2, reasoning=1))
    found = row([trial(attempts=(attempt(completion=done),))])["tokens"]
    assert found == {
        "input": 5, "output": 2, "cache_read": None, "cache_write": None, "reasoning": 1,
    }  # fmt: skip


def test_ttft_is_of_streamed_answers():
    """null unless something was streamed."""
    streamed = trial("b", attempts=(attempt(completion=completion(ttft_ms=40.0)),))
    assert None is row([trial("a")])["ttft_ms"]
    assert row([trial("a"), streamed])["ttft_ms"]["p50"]["value"] == 40.0


def test_a_recordings_own_times_are_used():
    """Never the replay's."""
    done = completion(service_ms=900.0, recorded=True)
    found = row([trial(recorded=True, attempts=(attempt(completion=done, service_ms=0.1),))])
    assert (found["latency_ms"]["p50"]["value"], found["recorded"]) == (900.0, True)


def test_slices_have_quality_and_n():
    """Each value of each column; a trial without the column is in none of its values."""
    found = row([
        trial("a", 1.0, slices={"language": "de"}), trial("b", 0.0, slices={"language": "de"}),
        trial("c", 1.0, slices={"language": "en"}), trial("d", 1.0),
    ])["slices"]["language"]  # fmt: skip
    assert list(found) == ["de", "en"]
    assert figure(found["de"]["quality"], wilson(1, 2))
    assert (found["de"]["n"], found["en"]["n"]) == (2, 1)


def test_graders_seen_late_score_unusable_answers_zero_too():
    """Each grader's mean is by intention to treat, like quality."""
    extra = (
        Score(grader="fields", version="1", value=1.0),
        Score(grader="json_schema", version="1", value=1.0),
    )
    found = row([trial("a", status="malformed"), error("b"), trial("c", scores=extra)])
    assert found["graders"] == {"fields": 0.5, "json_schema": 0.5}


def test_nothing_answered_gives_nulls():
    """No data is never 0, and JSON knows no NaN."""
    found = row([error("a"), trial("b", status="skipped", attempts=())])
    nulls = (
        "quality", "pass_rate", "malformed_rate", "usable_rate", "refusal_rate",
        "latency_ms", "ttft_ms", "cost_usd", "cost_per_1000_usd", "priced_fraction",
    )  # fmt: skip
    assert [None] * len(nulls) == [found[key] for key in nulls]
    assert found["graders"] == {"fields": None}
    only_skipped = row([trial("b", status="skipped", attempts=())])
    assert (only_skipped["quality"], only_skipped["attempts_per_trial"]) == (None, None)
    json.dumps([found, only_skipped], allow_nan=False)


def _many(n, seed=0):
    generator = random.Random(seed)
    statuses = ["ok"] * 8 + ["malformed", "refused", "error"]
    for index in range(n):
        status = generator.choice(statuses)
        done = completion(
            usage=Usage(input=generator.randrange(1000), output=generator.randrange(100)),
            service_ms=generator.lognormvariate(5, 1),
        )
        made = attempt(completion=done) if status != "error" else attempt(outcome="timeout")
        yield trial(
            f"s{index // 2}", generator.random(), status=status, attempts=(made,),
            repeat=1 + index % 2, cluster=f"c{index // 10}", arm=f"p:m{index % 3}",
            slices={"language": generator.choice(["de", "en"])},
        )  # fmt: skip


def test_the_order_of_trials_does_not_matter():
    """Journals of parallel runs and shards give the same bytes."""
    trials = list(_many(600))
    first = json.dumps(rows(trials))
    random.Random(5).shuffle(trials)
    assert first == json.dumps(rows(trials))


def test_rows_stand_in_the_order_of_suites_and_arms():
    """Arms that are not named come after, by name."""
    trials = [trial(arm=a, suite=s) for s in ("t", "s") for a in ("z:z", "b:b", "a:a")]
    found = rows(
        trials, arms={(s, "b:b"): ArmFacts(weights="closed", kind="classical") for s in "st"}
    )
    assert [(s, a) for s in "st" for a in ("b:b", "a:a", "z:z")] == [
        (r["suite"], r["arm"]) for r in found
    ]
    assert tuple(found[0][k] for k in ("weights", "kind", "model")) == (
        "closed",
        "classical",
        "p:m",
    )


def test_memory_stays_small():
    """At most 200 bytes a trial are kept, numbers and their growth included."""
    rows(_many(200))
    tracemalloc.start()
    from evalkit.analysis.columns import ArmColumns

    columns = ArmColumns(SuiteFacts(primary="fields"))
    before = tracemalloc.get_traced_memory()[0]
    for made in _many(5000):
        columns.add(made, price)
    del made
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert used / 5000 < 200


def test_a_summary_needs_no_heavy_library():
    """No pandas, scipy or matplotlib on the way of every run."""
    code = (
        "import sys; from evalkit.analysis.summary import summarise; "
        "sys.exit(any(m in sys.modules for m in ('pandas', 'scipy', 'matplotlib', 'pyarrow', "
        "'genai_prices', 'sklearn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_all_right_is_no_certainty():
    """200 of 200: the lower limit is Wilson's, not 1; the bounded one is Clopper-Pearson's."""
    once = row([trial(str(i)) for i in range(200)])["quality"]
    twice = row([trial(str(i), repeat=r) for i in range(200) for r in (1, 2)])["quality"]
    assert wilson(200, 200).low == once["low"]
    assert clopper_pearson(200, 200).low == pytest.approx(twice["low"])


def test_reasons_of_skips_and_graders_failures_are_counted():
    """The five most common, whatever the order; each with its count."""
    skipped = [
        trial(f"s{n}", status="skipped", attempts=(), reason=f"reason {n % 7}") for n in range(15)
    ]
    failed = [trial(f"f{n}", None) for n in range(3)]
    both = [*skipped, *failed, trial("a")]
    found = row(both)
    assert found["skip_reasons"] == {f"reason {n}": 3 if n == 0 else 2 for n in range(5)}
    assert found["grader_failures"] == {"no": 3}
    assert row(both[::-1]) == found
    assert (row([trial("a")])["skip_reasons"], row([trial("a")])["grader_failures"]) == ({}, {})


def test_an_ungraded_trial_is_in_neither_part_of_the_cost_of_a_success():
    """Nobody knows whether it passed; its money stands in the total."""
    graded, ungraded = trial("a", 1.0), trial("b", None)
    found = row([graded, ungraded])
    alone = row([graded])
    assert found["cost_per_success_usd"] == alone["cost_per_success_usd"]
    assert found["cost_usd"] == 2 * alone["cost_usd"]
