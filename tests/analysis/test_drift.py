"""Runs over time from figures made by hand: what is found, what is not, what is told beside."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trials_by_hand import SUITES, attempt, completion, error, price, trial

from evalkit.analysis.columns import ArmColumns
from evalkit.analysis.drifting.comparisons import comparisons
from evalkit.analysis.drifting.document import _in_order, arm_document
from evalkit.analysis.drifting.facts import CHARACTERS, Episode, Tally, UnitPrice, length_unit
from evalkit.analysis.drifting.news import news_of
from evalkit.analysis.drifting.watch import LEAST_RUNS, LIMIT, watch
from evalkit.analysis.outcomes import MALFORMED, OK, REFUSED, Outcomes, outcomes_of
from evalkit.analysis.pairing import Pairs, detectable, difference
from evalkit.analysis.sides import Identity, Side
from evalkit.core.records import Score, ToolCall, Usage
from evalkit.providers.catalogue import Catalogue, load_catalogue

TODAY = dt.date(2026, 11, 26)
IDENTITY = Identity(
    hash="h", hashes={"data": "d"}, grading="g", judges=[], judge_models=[], repeats=1,
    params={}, structured=["auto"],
)  # fmt: skip
KINDS = {
    "a noisy model": lambda rng, n: rng.beta(2, 1, n),
    "a model that is sure of most": lambda rng, n: np.where(
        rng.random(n) < 0.05, 0.5, rng.random(n) < 0.7
    ),
    "a model that always says the same": lambda rng, n: (rng.random(n) < 0.7).astype(float),
}


def outcomes(passed: Any, **changes: Any) -> Outcomes:
    """One repeat of each sample; quality is passing."""
    values = np.asarray(passed, dtype=np.float64)
    n = len(values)
    unknown = np.full(n, np.nan)
    given = {
        "suite": "s", "arm": "p:m", "primary": "g", "sample": np.arange(n, dtype=np.uint64),
        "repeat": np.ones(n, np.int32), "state": np.full(n, OK, np.int8),
        "first_bad": np.zeros(n, bool), "passed": values, "graders": {"g": values},
        "cost_usd": unknown, "latency_ms": unknown, "ttft_ms": unknown,
        "output_tokens": unknown, "critical": np.zeros(n, bool),
        "metrics": {CHARACTERS: np.full(n, 5.0)},
    }  # fmt: skip
    return Outcomes(**{**given, **changes})


def episode(number: int, passed: Any, **changes: Any) -> Episode:
    """The run of week `number`."""
    at = dt.datetime(2026, 10, 1, tzinfo=dt.UTC) + dt.timedelta(weeks=number)
    own = passed if isinstance(passed, Outcomes) else outcomes(passed)
    identity = changes.pop("identity", IDENTITY)
    given = {
        "run_id": f"r{number}", "path": f"results/r{number}", "at": at, "started_at": at,
        "state": ("complete", None), "row": None, "tally": Tally(), "environment": {},
        "side": Side(own, identity, "p:m", len(own), 0, f"results/r{number}"),
        "arm": {"kind": "model"},
    }  # fmt: skip
    return Episode(**{**given, **changes})


def drawn(rng: np.random.Generator, share: Any, runs: int) -> Any:
    """Answers of a model that passes each sample with its own chance, shape (runs, samples)."""
    return (rng.random((runs, len(share))) < share).astype(np.float64)


def found(values: Any, **changes: Any) -> dict[str, Any]:
    episodes = [episode(number, row, **changes) for number, row in enumerate(values, 1)]
    return arm_document(episodes, None, TODAY)


# ------------------------------------------------------------------- nothing happened


@pytest.mark.parametrize("kind", KINDS)
def test_eight_runs_of_one_model_raise_no_alarm(kind: str) -> None:
    """In 95 of 100 at least, whatever its noise: the cumulative sum alone."""
    rng = np.random.default_rng(1)
    alarms = [bool(watch(drawn(rng, KINDS[kind](rng, 60), 8)).alarms) for _ in range(300)]
    assert np.mean(alarms) <= 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_eight_runs_of_one_model_are_called_the_same(kind: str) -> None:
    """The whole verdict: every run against the first, and the sum."""
    rng = np.random.default_rng(2)
    said = [found(drawn(rng, KINDS[kind](rng, 60), 8))["verdict"]["outcome"] for _ in range(60)]
    assert said.count("none") >= 57


def test_the_scores_of_one_model_vary_by_1() -> None:
    """From the second run on, though the target is made of a few noisy runs."""
    rng = np.random.default_rng(3)
    share = rng.beta(2, 1, 200)
    scores = np.array([watch(drawn(rng, share, 8)).scores[1:] for _ in range(300)])
    assert abs(scores.mean()) < 0.1
    assert scores.std(axis=0) == pytest.approx(1.0, abs=0.15)


def test_one_flipped_sample_of_a_model_without_noise_is_no_alarm() -> None:
    """Its noise is never taken for 0."""
    values = np.ones((8, 50))
    values[4, 3] = 0.0
    same = watch(np.ones((8, 50)))
    assert (same.alarms, same.spread > 0) == ((), True)
    assert watch(values).alarms == ()


# ------------------------------------------------------------------- something happened


def test_a_drop_of_ten_points_after_the_fourth_run_is_found_and_dated() -> None:
    """By the comparisons with the first run, and by the sum, which says since when."""
    rng = np.random.default_rng(4)
    values = drawn(rng, np.where(rng.random(300) < 0.1, 0.5, 0.95), 8)
    values[4:, rng.random(300) < 0.12] = 0.0
    document = found(values)
    verdict = document["verdict"]
    assert verdict["outcome"] == "worse"
    assert verdict["since"] == {"run_id": "r5", "date": "2026-11-05"}
    assert "since about run 5 (2026-11-05) by the CUSUM" in verdict["sentence"]
    (alarm,) = document["cusum"]["alarms"]
    assert (alarm["direction"], alarm["since_run_id"]) == ("down", "r5")
    assert alarm["shift"] == pytest.approx(-0.11, abs=0.03)
    worse = {row["run_id"] for row in document["comparisons"] if row["change"] == "worse"}
    assert worse == {"r5", "r6", "r7", "r8"}


def test_ten_points_are_found_nine_times_in_ten() -> None:
    """With 200 samples, and a model that is sure of most."""
    rng = np.random.default_rng(5)
    found_near, found_exactly = 0, 0
    for _ in range(100):
        values = drawn(rng, np.where(rng.random(200) < 0.05, 0.5, 1.0), 8)
        values[4:, rng.random(200) < 0.1] = 0.0
        alarms = watch(values).alarms
        since = [alarm.since for alarm in alarms if alarm.direction == "down"]
        found_near += any(abs(run - 4) <= 1 for run in since)
        found_exactly += 4 in since
    assert found_near >= 95
    assert found_exactly >= 90


def test_what_got_better_is_no_failure() -> None:
    """And is said."""
    values = np.zeros((2, 100))
    values[1, :30] = 1.0
    verdict = found(values)["verdict"]
    assert verdict["outcome"] == "better"
    assert verdict["sentence"].startswith("better: quality +30.0 points [")


def test_a_model_that_recovered_was_worse_and_is_not_now() -> None:
    """The sentence says both."""
    values = np.ones((3, 100))
    values[1, :30] = 0.0
    verdict = found(values)["verdict"]
    assert verdict["outcome"] == "worse"
    assert verdict["sentence"].endswith("in run 2 (2026-10-15); not in the newest run")


def test_malformed_answers_alone_are_a_change() -> None:
    """Quality falls with them, and both are named."""
    bad = np.zeros(100, bool)
    bad[:40] = True
    passed = np.where(bad, 0.0, 1.0)
    state = np.where(bad, MALFORMED, OK).astype(np.int8)
    episodes = [episode(1, np.ones(100)), episode(2, outcomes(passed, first_bad=bad, state=state))]
    sentence = arm_document(episodes, None, TODAY)["verdict"]["sentence"]
    assert "quality -40.0 points" in sentence
    assert "malformed rate +40.0 points" in sentence


@pytest.mark.parametrize(("quality", "outcome"), [(0.0, "worse"), (1.0, "changed")])
def test_more_refusals_are_worse_unless_a_grader_asks_for_them(
    quality: float, outcome: str
) -> None:
    """Where declining scores, more of it may be right."""
    state = np.full(100, OK, np.int8)
    state[:40] = REFUSED
    passed = np.where(state == REFUSED, quality, 1.0)
    episodes = [episode(1, np.ones(100)), episode(2, outcomes(passed, state=state))]
    assert arm_document(episodes, None, TODAY)["verdict"]["outcome"] == outcome


# ------------------------------------------------------------------- what can be said


def test_no_change_says_what_could_have_been_seen() -> None:
    """At the level that all comparisons of the arm leave to each."""
    rng = np.random.default_rng(6)
    values = drawn(rng, rng.beta(2, 1, 100), 3)
    document = found(values)
    own = [row for row in document["comparisons"] if row["metric"] == "quality"]
    assert {row["n_comparisons"] for row in own} == {2}  # nothing was malformed or refused
    assert all(row["p_adjusted"] >= row["p_value"] for row in own)
    effects = [row["minimum_detectable_effect"] for row in own]
    assert effects == [detectable(pairs(values[0], later), 0.05 / 2) for later in values[1:]]
    most = max(effects)
    said = f"no drift found (could have seen {100 * most:.1f} points of quality or more)"
    assert document["verdict"]["sentence"] == said


def pairs(before: Any, after: Any) -> Pairs:
    own = [np.asarray(values, dtype=np.float64) for values in (before, after)]
    return Pairs(np.arange(len(own[0]), dtype=np.uint64), *own, None, repeated=False)


@pytest.mark.parametrize("flipped", [0, 5, 40])
def test_the_detectable_effect_allows_for_the_flips_that_it_brings(flipped: int) -> None:
    """It solves d = z sqrt((s² + d (1 - d)) / n)."""
    before = np.ones(200)
    after = np.ones(200)
    before[:flipped] = after[flipped : 2 * flipped] = 0.0
    effect = detectable(pairs(before, after), 0.05)
    assert effect is not None
    variance = 2 * flipped / 200 + effect * (1 - effect)
    assert effect == pytest.approx((1.959964 + 0.841621) * np.sqrt(variance / 200), rel=1e-6)


def test_the_detectable_effect_is_detected_about_four_times_in_five() -> None:
    """By the test that is made, at the level that is left to it."""
    rng = np.random.default_rng(9)
    alpha, n = 0.05 / 6, 100
    hits = 0
    for _ in range(200):
        share = np.where(rng.random(n) < 0.1, 0.5, 1.0)
        one, two, three = drawn(rng, share, 3)
        effect = detectable(pairs(one, two), alpha)
        assert effect is not None
        three[rng.random(n) < effect / share.mean()] = 0.0
        found_now = difference(pairs(one, three))
        hits += found_now.p_value < alpha and found_now.high < 0
    assert 0.75 <= hits / 200 <= 0.95


@pytest.mark.parametrize("n", [1, 2, 4])
def test_too_few_samples_see_nothing(n: int) -> None:
    """Not even if all of them flipped; and that is said."""
    document = found(np.ones((2, n)))
    assert document["verdict"]["sentence"] == "no drift found (too few samples to see any change)"


def test_the_sum_says_how_many_runs_it_needs() -> None:
    """Three give no noise that could be told from a jump."""
    cusum = found(np.ones((LEAST_RUNS - 1, 20)))["cusum"]
    assert cusum["reason"] == "needs at least 4 runs that can be compared, got 3"
    assert "means" not in cusum


def test_the_sum_looks_at_the_samples_that_all_runs_share() -> None:
    """Their number is told."""
    values = [np.ones(50), np.ones(50), np.ones(50), np.ones(20)]
    assert found(values)["cusum"]["n_samples"] == 20


def test_clusters_do_not_hide_a_change() -> None:
    """On the same samples noise is independent; whether others would fall is not asked here."""
    values = np.ones((2, 60))
    values[1, :12] = 0.0
    clusters = np.repeat(np.arange(6, dtype=np.uint64), 10)
    arms = [outcomes(row, cluster=clusters) for row in values]
    document = arm_document([episode(n, arm) for n, arm in enumerate(arms, 1)], None, TODAY)
    own = next(row for row in document["comparisons"] if row["metric"] == "quality")
    assert (own["n"], own["method"], own["change"]) == (60, "tango", "worse")


def test_a_run_without_a_score_leaves_the_sum_to_the_others() -> None:
    """An outage is no drop."""
    values = [np.ones(30), np.full(30, np.nan), *np.ones((3, 30))]
    document = found(values)
    assert document["cusum"]["runs"] == ["r1", "r3", "r4", "r5"]
    assert document["verdict"]["outcome"] == "none"


def test_nothing_scored_is_not_called_the_same() -> None:
    """0 samples are never a pass."""
    verdict = found([np.full(5, np.nan)] * 2)["verdict"]
    assert verdict["outcome"] == "nothing_scored"


def test_passing_is_left_out_where_it_is_the_quality() -> None:
    """It would only make the others dearer."""
    metrics = {row["metric"] for row in found(np.ones((2, 30)))["comparisons"]}
    assert "pass_rate" not in metrics
    graded = outcomes(np.ones(30), graders={"g": np.full(30, 0.7)})
    rows = comparisons([episode(1, graded), episode(2, graded)], "characters")
    assert "pass_rate" in {row["metric"] for row in rows}


def test_the_two_sums_have_an_alarm_each() -> None:
    """A rise before does not hide a fall."""
    means = np.array([0.5] * 4 + [0.9] * 3 + [0.1] * 5)
    values = np.repeat(means[:, None], 100, axis=1)
    alarms = {alarm.direction: alarm for alarm in watch(values).alarms}
    assert (alarms["up"].since, alarms["down"].since) == (4, 7)
    assert LIMIT == 5.0


@pytest.mark.parametrize("shape", [(1, 5), (0, 5), (3, 0)])
def test_a_sum_of_nothing_is_refused(shape: tuple[int, int]) -> None:
    """Never 0."""
    with pytest.raises(ValueError, match="two runs and a sample are needed"):
        watch(np.ones(shape))


# ------------------------------------------------------------------- who is compared


def test_runs_are_put_in_the_order_of_their_answers() -> None:
    """Whatever order they are given in."""
    episodes = [episode(n, np.ones(10)) for n in (3, 1, 2)]
    assert [run["run_id"] for run in arm_document(episodes, None, TODAY)["runs"]] == [
        "r1", "r2", "r3",
    ]  # fmt: skip


def test_a_run_of_a_changed_suite_is_named_and_left_out() -> None:
    """It is in no comparison and no sum."""
    changed = Identity(**{**as_dict(IDENTITY), "hash": "h2", "hashes": {"data": "d2"}})
    worse = np.zeros(40)
    episodes = [
        episode(1, np.ones(40)), episode(2, worse, identity=changed), episode(3, np.ones(40)),
    ]  # fmt: skip
    document = arm_document(episodes, None, TODAY)
    assert [run["comparable"] for run in document["runs"]] == [True, False, True]
    assert document["runs"][1]["differences"] == ["s: the suite changed (data)"]
    assert {row["run_id"] for row in document["comparisons"]} == {"r3"}
    assert document["cusum"]["runs"] == ["r1", "r3"]
    assert document["verdict"]["newest_is_compared"]


def test_a_newest_run_that_cannot_be_compared_is_said() -> None:
    """What holds of the others says nothing of it."""
    changed = Identity(**{**as_dict(IDENTITY), "hash": "h2"})
    episodes = [
        episode(1, np.ones(40)), episode(2, np.ones(40)), episode(3, np.ones(40), identity=changed),
    ]  # fmt: skip
    verdict = arm_document(episodes, None, TODAY)["verdict"]
    assert not verdict["newest_is_compared"]
    assert verdict["sentence"].endswith("; the newest run is not comparable and in none of this")


def test_a_first_run_that_nothing_compares_with_is_to_be_left_out() -> None:
    """The sentence names it."""
    changed = Identity(**{**as_dict(IDENTITY), "hash": "h2"})
    episodes = [episode(1, np.ones(9)), *(episode(n, np.ones(9), identity=changed) for n in (2, 3))]
    verdict = arm_document(episodes, None, TODAY)["verdict"]
    assert verdict["outcome"] == "not_comparable"
    assert "can be compared with the first, r1: leave it out" in verdict["sentence"]


def as_dict(identity: Identity) -> dict[str, Any]:
    return {name: getattr(identity, name) for name in identity.__struct_fields__}


# ------------------------------------------------------------------- lengths, times


def test_lengths_are_tokens_where_those_are_known() -> None:
    """Else characters, and no mixture."""
    tokens = outcomes(np.ones(20), output_tokens=np.full(20, 7.0))
    assert length_unit([episode(1, tokens), episode(2, tokens)]) == "tokens"
    assert length_unit([episode(1, tokens), episode(2, np.ones(20))]) == "characters"


def test_longer_answers_are_told_and_decide_nothing() -> None:
    """As a ratio of medians."""
    rng = np.random.default_rng(8)
    short = rng.integers(20, 40, 200).astype(float)
    arms = [
        outcomes(np.ones(200), metrics={CHARACTERS: length}, latency_ms=length)
        for length in (short, 3.0 * short)
    ]
    document = arm_document([episode(n, arm) for n, arm in enumerate(arms, 1)], None, TODAY)
    ratios = {r["metric"]: r for r in document["comparisons"] if r["kind"] == "ratio"}
    assert set(ratios) == {"output_characters_p50", "latency_p50_ms", "latency_p95_ms"}
    assert ratios["output_characters_p50"]["estimate"] == pytest.approx(3.0)
    assert ratios["latency_p50_ms"]["change"] == "changed"
    assert document["verdict"]["outcome"] == "none"


# ------------------------------------------------------------------- what is counted beside


def test_a_tally_counts_ids_fingerprints_prices_and_characters() -> None:
    """Of the model's own answers; a cache's are no news, a judge's are apart."""
    tally = Tally()
    said = completion(
        text="abcd", model_returned="m-1", system_fingerprint="fp", usage=Usage(input=9, output=1)
    )
    tally.add(trial("a", attempts=(attempt(completion=said),)), price)
    tally.add(trial("b", attempts=(attempt(completion=said, cached=True),)), price)
    tally.add(trial("c", status="skipped", attempts=()), price)
    tally.add(error("d"), price)
    calls = (ToolCall(name="find", arguments='{"a":1}'),)
    with_calls = completion(text="", tool_calls=calls, model_returned="m-2")
    judge = attempt(role="judge", model="p:judge", completion=completion(model_returned="j-1"))
    tally.add(trial("e", attempts=(attempt(completion=with_calls), judge)), price)
    assert tally.models_returned == {"m-1": 1, "m-2": 1}
    assert tally.fingerprints == {"fp": 1}
    assert tally.judges_returned == {("p:judge", "j-1"): 1}
    assert [p.source for p in tally.prices] == ["test", "test"]
    lengths = np.frombuffer(tally.characters)
    np.testing.assert_array_equal(lengths, [4.0, 4.0, np.nan, 11.0])


def test_lengths_stand_beside_their_trials() -> None:
    """Outcomes are ordered by sample, trials come as they were finished."""
    tally, columns = Tally(), ArmColumns(SUITES["s"])
    for number in range(20):
        said = completion(text="x" * number)
        one = trial(f"t{number}", number / 20, attempts=(attempt(completion=said),))
        columns.add(one, price)
        tally.add(one, price)
    lengths = _in_order(tally, columns)
    np.testing.assert_allclose(lengths / 20, outcomes_of("s", "p:m", columns).quality)


def test_a_recording_is_dated_by_its_answers() -> None:
    """Not by the day on which it was replayed."""
    tally = Tally()
    for day in ("2026-10-02T00:00:00", "2026-10-01T12:00:00+02:00"):
        done = completion(recorded=True, recorded_at=day)
        tally.add(trial("a", attempts=(attempt(completion=done, recorded=True),)), price)
    assert tally.recorded_from == dt.datetime(2026, 10, 1, 10, tzinfo=dt.UTC)
    assert tally.recorded_to == dt.datetime(2026, 10, 2, tzinfo=dt.UTC)


def test_ids_without_end_do_not_fill_the_memory() -> None:
    """A server that makes up an id for each answer is counted so far and no further."""
    tally = Tally()
    for number in range(700):
        done = completion(model_returned=f"m-{number}")
        tally.add(trial(str(number), attempts=(attempt(completion=done),)), price)
    assert len(tally.models_returned) == 500


def tallied(**counts: Any) -> Tally:
    tally = Tally()
    for name, values in counts.items():
        getattr(tally, name).update(values)
    return tally


def texts(*episodes: Episode, catalogue: Catalogue | None = None) -> list[str]:
    return [f"{news['run_id']}: {news['text']}" for news in news_of(episodes, catalogue, TODAY)]


def test_ids_and_fingerprints_that_are_new_are_told_once() -> None:
    """With how many answers bore them."""
    one = tallied(models_returned={"m-1": 5}, fingerprints={"a": 5})
    two = tallied(models_returned={"m-1": 2, "m-2": 3}, fingerprints={"b": 5})
    said = texts(
        episode(1, [1.0], tally=one), episode(2, [1.0], tally=two), episode(3, [1.0], tally=two)
    )
    assert said == [
        "r2: answers come from the id m-2 (3 of 5)",
        "r2: new system_fingerprint b (5 of 5)",
    ]


def test_a_judge_that_is_another_one_is_told() -> None:
    """Its drift looks like the model's."""
    judges = [{("p:judge", "j-1"): 4}, {("p:judge", "j-2"): 4}]
    tallies = [tallied(judges_returned=counts) for counts in judges]
    said = texts(*(episode(n, [1.0], tally=tally) for n, tally in enumerate(tallies, 1)))
    assert said == ["r2: a judge answers as j-2 (p:judge) (4 of 4)"]


def test_prices_that_changed_are_told() -> None:
    """The new unit price and the one before, and where a price is gone."""

    def tally(units: tuple[tuple[str, str], ...], source: str) -> Tally:
        return tallied(prices={UnitPrice("m", units, source, ""): 4})

    old = tally((("input_usd_per_mtok", "1"),), "table 1")
    new = tally((("input_usd_per_mtok", "2"),), "table 2")
    none = tally((), "no known price")
    said = texts(*(episode(n, [1.0], tally=t) for n, t in enumerate((old, new, none), 1)))
    assert said == [
        "r2: new unit price input $2 per million tokens in 4 answers, before input $1 per million "
        "tokens (table 2)",
        "r3: 4 answers have no price any more: no known price",
    ]


def test_a_price_table_of_another_version_is_told() -> None:
    """As it was installed when the run was made."""
    versions = [{"dependencies": {"genai-prices": v}} for v in ("0.2.1", "0.2.1", "0.2.3")]
    said = texts(*(episode(n, [1.0], environment=e) for n, e in enumerate(versions, 1)))
    assert said == ["r3: price table genai-prices 0.2.3, before genai-prices 0.2.1"]


def test_an_arm_whose_entry_changed_is_told() -> None:
    """Address, parameters, weights, terms: an arm of the same name is another one then."""
    first = {"kind": "model", "base_url": "http://a", "governance": {"as_of": "2026-01-01"}}
    second = {"kind": "model", "base_url": "http://b", "identity": "sha256:2",
              "governance": {"as_of": "2026-06-01"}}  # fmt: skip
    said = texts(episode(1, [1.0], arm=first), episode(2, [1.0], arm=second))
    assert said == [
        "r2: base_url changed: http://a, then http://b",
        "r2: the contestant itself (its weights, code or data) changed",
        "r2: declared terms changed: as_of from 2026-01-01 to 2026-06-01",
    ]


def test_what_a_run_lacks_is_told() -> None:
    """That it was cut short, or that a cache answered."""
    said = texts(
        episode(1, [1.0], state=("interrupted", "it was not closed")),
        episode(2, [1.0], row={"n_cached": 3}),
    )
    assert said == [
        "r1: the run is interrupted: it was not closed",
        "r2: 3 answers came from the cache: they are no news",
    ]


def test_a_run_with_few_samples_is_told() -> None:
    """The sums see what all runs share, and a small run makes that small."""
    said = texts(episode(1, np.ones(50)), episode(2, np.ones(20)), episode(3, np.ones(40)))
    assert said == ["r2: it scored 20 samples of 50: the sums see no more"]


def test_what_a_model_does_not_honour_is_told_once() -> None:
    """And where it does so again."""
    plain = episode(1, [1.0])
    deaf = replace(plain.side, not_honoured=("temperature=0 was not sent",))
    said = texts(
        plain, *(episode(n, [1.0], side=deaf) for n in (2, 3)), episode(4, [1.0], side=plain.side)
    )
    assert said == [
        "r2: temperature=0 was not sent",
        "r4: all that the suite asks for was sent",
    ]


def test_recordings_of_the_same_time_are_told() -> None:
    """Two runs of one recording are one measurement."""
    at = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
    tally = Tally()
    tally.recorded_from = tally.recorded_to = at
    said = texts(episode(1, [1.0], tally=tally), episode(2, [1.0], tally=tally))
    assert said == ["r2: its recording is of the same time as that of r1"]


@pytest.mark.parametrize(
    ("retires_on", "expected"),
    [
        ("2026-12-26", ["r1: it retires on 2026-12-26, in 30 days"]),
        ("2026-11-26", ["r1: it retires on 2026-11-26, in 0 days"]),
        ("2026-11-16", ["r1: it was to retire on 2026-11-16, 10 days ago"]),
        ("2027-05-25", ["r1: it retires on 2027-05-25, in 180 days"]),
        ("2027-05-26", []),
        (None, []),
    ],
)
def test_retirement_is_told_half_a_year_ahead(retires_on: str | None, expected: list[str]) -> None:
    """By the day that is handed in."""
    assert texts(episode(1, [1.0], arm={"kind": "model", "retires_on": retires_on})) == expected


def test_the_providers_file_of_today_knows_better(tmp_path: Path) -> None:
    """A date that moved is told, and so is a model that is gone."""
    file = tmp_path / "providers.yaml"
    entry = "{wire: openai_chat, base_url: 'http://h/v1', models: {m: {retires_on: 2026-12-06}}}"
    file.write_text(f"schema_version: 1\nproviders:\n  p: {entry}\n")
    catalogue = load_catalogue(file)
    one = episode(1, [1.0], arm={"kind": "model", "retires_on": "2027-12-31"})
    assert texts(one, catalogue=catalogue) == [
        "r1: its retirement date was 2027-12-31, and is now 2026-12-06",
        "r1: it retires on 2026-12-06, in 10 days",
    ]
    other = replace(one, side=replace(one.side, model="p:gone"))
    assert texts(other, catalogue=catalogue)[0] == f"r1: p:gone is not in {file} any more"


def test_a_refused_answer_of_a_grader_counts_for_what_it_scored() -> None:
    """Scores by hand as records: the fixture that this file leans on."""
    assert trial("a", 0.5).scores == (Score(grader="fields", version="1", value=0.5),)
