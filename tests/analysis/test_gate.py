"""A gate's verdicts on arms made by hand: what passes, what fails, what stays open and why."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest
from arms_by_hand import IDENTITY, binary, by_language, contest, gated, outcomes, rule, side

from evalkit.analysis.gates.document import Contest, gate_document
from evalkit.analysis.gates.policy import GatePolicy
from evalkit.analysis.gates.rules import Bout, judge_rule
from evalkit.analysis.outcomes import FAILED, MALFORMED, REFUSED
from evalkit.stats import clopper_pearson, paired_difference, tango


def only(document):
    (row,) = document["rules"]
    return row


# ------------------------------------------------------------------- one rule on quality


@pytest.mark.parametrize(
    ("n", "lost", "gained", "verdict"),
    [
        (200, 6, 6, "pass"),
        (400, 20, 12, "pass"),
        (200, 12, 4, "inconclusive"),
        (100, 10, 4, "inconclusive"),
        (200, 40, 4, "fail"),
        (10, 0, 0, "inconclusive"),
        (58, 0, 0, "pass"),
        (30, 0, 0, "inconclusive"),
    ],
)
def test_a_drop_of_five_points_is_judged_by_tangos_bounds(n, lost, gained, verdict):
    """Pass when the worse bound is within, fail when the better one is beyond, else open."""
    row = only(gated(contest(*binary(n, lost, gained)), rule(max_drop=0.05)))
    expected = tango(gained, lost, n, 0.9)
    assert row["verdict"] == verdict
    assert (row["estimate"], row["low"], row["high"]) == (
        expected.estimate,
        expected.low,
        expected.high,
    )
    assert (row["n"], row["method"], row["level"]) == (n, "tango", 0.9)


def test_worse_but_open_is_called_worse():
    """The whole interval is below 0, and the margin is not decided."""
    row = only(gated(contest(*binary(200, 12, 4)), rule(max_drop=0.05)))
    assert row["high"] < 0
    assert "worse, margin undecided" in row["reason"]


def test_worse_within_the_margin_passes_and_is_called_worse():
    """Real, but tolerable."""
    row = only(gated(contest(*binary(2000, 60, 20)), rule(max_drop=0.05)))
    assert row["verdict"] == "pass"
    assert "worse, but within the limit" in row["reason"]


@pytest.mark.parametrize("score", [1.0, 0.7, 0.0])
def test_ten_identical_samples_do_not_pass_a_margin_of_five_points(score):
    """An interval of width 0 would."""
    row = only(gated(contest([score] * 10, [score] * 10), rule(max_drop=0.05)))
    assert row["verdict"] == "inconclusive"
    assert row["high"] - row["low"] > 0.1


def test_ten_nearly_identical_graded_samples_do_not_pass_either():
    """Student's t has next to no width there, and would."""
    new = [0.9] * 9 + [0.901]
    assert paired_difference(new, [0.9] * 10, bounds=None, level=0.9).low > -0.05
    assert only(gated(contest([0.9] * 10, new), rule(max_drop=0.05)))["verdict"] == "inconclusive"


def test_graded_scores_get_the_outer_of_two_intervals():
    """Student's t and Gaffke's, which assumes nothing but the scale."""
    rng = np.random.default_rng(0)
    old, new = rng.beta(5, 2, 300), rng.beta(5, 2, 300)
    row = only(gated(contest(old, new), rule(max_drop=0.1)))
    expected = paired_difference(new, old, level=0.9, bounds=(-1, 1))
    assert (row["low"], row["high"]) == (expected.low, expected.high)
    assert row["method"] == "t+gaffke"
    assert row["verdict"] == "pass"


def test_repeats_are_averaged_within_a_sample_first():
    """n counts samples, and three equal repeats are no more evidence than one."""
    old, new = binary(200, 6, 6)
    row = only(gated(contest(np.repeat(old, 3), np.repeat(new, 3), repeats=3), rule(max_drop=0.05)))
    assert row["n"] == 200
    assert row["method"] == "t+gaffke"
    once = only(gated(contest(old, new), rule(max_drop=0.05)))
    assert row["high"] - row["low"] >= once["high"] - once["low"] - 1e-3


def test_clusters_are_what_is_counted():
    """Twenty documents of ten equal samples are twenty units, and decide less."""
    rng = np.random.default_rng(3)
    lost = np.repeat((rng.random(20) < 0.1).astype(float), 10)
    alone = only(gated(contest(np.ones(200), 1 - lost), rule(max_drop=0.1)))
    clusters = np.repeat(np.arange(20, dtype=np.uint64), 10)
    row = only(gated(contest(np.ones(200), 1 - lost, cluster=clusters), rule(max_drop=0.1)))
    assert row["n"] == 20
    assert row["method"] == "t+gaffke-clusters"
    few = contest(np.ones(200), np.ones(200), cluster=clusters)
    assert (
        "more clusters would decide" in only(gated(few, rule("malformed_rate", max=0.1)))["reason"]
    )
    assert row["high"] - row["low"] > alone["high"] - alone["low"]


@pytest.mark.parametrize(("lost", "gained"), [(5, 5), (8, 6), (9, 9)])
def test_as_many_samples_as_are_said_to_be_needed_do_decide(lost, gained):
    """Were the estimate to stay."""
    row = only(gated(contest(*binary(100, lost, gained)), rule(max_drop=0.05)))
    assert row["verdict"] == "inconclusive"
    times = row["needed_n"] / 100
    more = binary(row["needed_n"], int(lost * times), round(gained * times))
    assert only(gated(contest(*more), rule(max_drop=0.05)))["verdict"] == "pass"
    assert f"about {row['needed_n'] - 100} more samples" in row["reason"]


def test_graded_scores_need_as_many_as_their_own_interval_does():
    """Which is wider than the normal one where samples are few."""
    rng = np.random.default_rng(4)
    old = rng.beta(8, 2, 40)
    new = np.clip(old + rng.normal(0, 0.05, 40), 0, 1)
    row = only(gated(contest(old, new), rule(max_drop=0.05)))
    assert row["verdict"] == "inconclusive"
    times = row["needed_n"] // 40
    assert times > 1
    enough = contest(np.tile(old, times), np.tile(new, times))
    assert only(gated(enough, rule(max_drop=0.05)))["verdict"] == "pass"


@pytest.mark.parametrize("steady", [False, True])
def test_repeats_are_offered_only_where_the_models_own_noise_is_the_cause(steady):
    """Answers that are the same each time say no more when they are asked for again."""
    rng = np.random.default_rng(8)
    old, new = (rng.random(600) < 0.8 for _ in range(2))
    if steady:
        old, new = (np.repeat(values, 2) for values in binary(300, 20, 20))
    row = only(gated(contest(old, new, repeats=2), rule(max_drop=0.02)))
    assert row["verdict"] == "inconclusive"
    assert ("repeats in place of 2" in row["reason"]) != steady


# ------------------------------------------------------------------- other metrics


def test_a_malformed_rate_is_held_by_its_upper_bound():
    """None of 200 passes 2 %, none of 50 leaves it open, 10 % of 300 fails."""
    limit = rule("malformed_rate", max=0.02)
    assert only(gated(contest(np.ones(200), np.ones(200)), limit))["verdict"] == "pass"
    few = only(gated(contest(np.ones(50), np.ones(50)), limit))
    assert few["verdict"] == "inconclusive"
    assert few["needed_n"] > 130
    bad = np.arange(300) % 10 == 0
    assert (
        only(gated(contest(np.ones(300), np.ones(300), first_bad=bad), limit))["verdict"] == "fail"
    )


def test_a_refusal_rate_may_not_rise():
    """Paired, and a rise is what is worse."""
    state = np.where(np.arange(400) % 10 == 0, REFUSED, 0).astype(np.int8)
    found = Contest(side(np.ones(400), arm="a"), side(np.ones(400), arm="b", state=state))
    row = only(gated(found, rule("refusal_rate", max_increase=0.01)))
    assert row["verdict"] == "fail"
    assert row["estimate"] == pytest.approx(0.1)
    back = Contest(found.candidate, found.baseline)
    assert only(gated(back, rule("refusal_rate", max_increase=0.01)))["verdict"] == "pass"


def test_a_least_value_is_held_by_its_lower_bound():
    """`min` looks at the candidate alone."""
    new = np.r_[np.ones(95), np.zeros(5)]
    assert only(gated(contest(np.zeros(100), new), rule(min=0.85)))["verdict"] == "pass"
    assert only(gated(contest(np.zeros(100), new), rule(min=0.99)))["verdict"] == "fail"


def test_a_rate_is_held_by_bounds_that_are_exact():
    """Nine of ten is no proof that 98 % are not reached: Wilson's bound said so."""
    new = np.r_[np.ones(9), 0.0]
    row = only(gated(contest(np.ones(10), new), rule(min=0.98)))
    assert (row["verdict"], row["method"]) == ("inconclusive", "clopper-pearson")
    assert row["low"] == clopper_pearson(9, 10, 0.9).low


def test_money_is_not_judged_by_few_samples():
    """A rare dear answer may be in none of them."""
    cost = np.full(20, 0.001)
    found = Contest(
        side(np.ones(20), arm="a", cost_usd=cost),
        side(np.ones(20), arm="b", cost_usd=cost / 4 + np.arange(20) / 1e7),
    )
    for limit in ({"max_ratio": 0.9}, {"max": 5.0}):
        row = only(gated(found, rule("cost_per_1000_usd", **limit)))
        assert (row["verdict"], row["needed_n"]) == ("inconclusive", 30)
        assert "too few for a rule on money" in row["reason"]


def _timed(factor, n=600, **changes):
    rng = np.random.default_rng(5)
    base = rng.lognormal(6, 0.5, n)
    return Contest(
        side(np.ones(n), arm="a", latency_ms=base, **changes),
        side(np.ones(n), arm="b", latency_ms=base * rng.lognormal(0, 0.2, n) * factor, **changes),
    )


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, "pass"), (3.0, "fail"), (1.35, "inconclusive")]
)
def test_a_latency_may_be_a_multiple_of_the_baselines(factor, verdict):
    """By the interval of the ratio of the quantiles."""
    row = only(gated(_timed(factor), rule("latency_p95_ms", max_ratio=1.4)))
    assert row["verdict"] == verdict
    assert row["low"] < row["estimate"] < row["high"]


def test_too_few_times_have_no_upper_bound_and_pass_nothing():
    """The 95th percentile of 20 values may be anything."""
    row = only(gated(_timed(0.5, n=20), rule("latency_p95_ms", max_ratio=1.4)))
    assert (row["verdict"], row["high"]) == ("inconclusive", None)
    assert row["needed_n"] >= 59


@pytest.mark.parametrize(("factor", "verdict"), [(0.3, "pass"), (1.0, "fail")])
def test_a_cost_per_success_may_be_a_share_of_the_baselines(factor, verdict):
    """Money by passed trials, paired by sample."""
    rng = np.random.default_rng(1)
    cost = rng.uniform(0.001, 0.003, 300)
    right = (rng.random(300) < 0.8).astype(float)
    found = Contest(
        side(right, arm="a", cost_usd=cost), side(right, arm="b", cost_usd=cost * factor)
    )
    row = only(gated(found, rule("cost_per_success_usd", max_ratio=0.5)))
    assert row["verdict"] == verdict
    assert row["estimate"] == pytest.approx(factor)


@pytest.mark.parametrize("limit", [{"max_ratio": 2.0}, {"max": 5.0}])
@pytest.mark.parametrize("metric", ["cost_per_success_usd", "cost_per_1000_usd", "latency_p95_ms"])
def test_what_was_not_measured_is_open_and_never_0(metric, limit):
    """No price is no price of 0."""
    row = only(gated(contest(np.ones(100), np.ones(100)), rule(metric, **limit)))
    assert (row["verdict"], row["estimate"]) == ("inconclusive", None)
    if metric.startswith("cost") and "max_ratio" in limit:
        assert "unpriced" in row["reason"]


def test_an_unknown_grader_is_open():
    """A typing error in a grader's name passes nothing."""
    row = only(gated(contest(np.ones(100), np.ones(100)), rule("graders.feilds", max_drop=0.1)))
    assert (row["verdict"], row["n"]) == ("inconclusive", 0)


# ------------------------------------------------------------------- slices, critical samples


def test_a_slice_has_a_rule_of_its_own():
    """What is lost in one language does not drown in the other."""
    new = np.ones(1000)
    new[:30] = 0.0
    found = contest(np.ones(1000), new, slices=by_language(1000, 100))
    whole, german = gated(
        found, rule(max_drop=0.05), rule(max_drop=0.05, slice={"language": "de"})
    )["rules"]
    assert (whole["verdict"], german["verdict"]) == ("pass", "fail")
    assert (german["n"], german["slice"]) == (100, {"language": "de"})


def test_a_slice_that_is_not_there_is_open():
    """Zero samples never pass."""
    found = contest(np.ones(100), np.ones(100), slices=by_language(100, 50))
    row = only(gated(found, rule(max_drop=0.5, slice={"language": "fr"})))
    assert (row["verdict"], row["n"]) == ("inconclusive", 0)


def test_one_critical_sample_that_regresses_fails():
    """Whatever the average says."""
    critical = np.arange(500) < 3
    new = np.ones(500)
    new[1] = 0.0
    found = contest(np.ones(500), new, critical=critical)
    row = only(gated(found, rule("pass_rate", critical=True, max_regressions=0)))
    assert (row["verdict"], row["estimate"], row["n"]) == ("fail", 1.0, 3)
    assert (
        only(gated(found, rule("pass_rate", critical=True, max_regressions=1)))["verdict"] == "pass"
    )


def test_critical_rules_without_critical_samples_are_open():
    """A forgotten column must not pass."""
    row = only(
        gated(
            contest(np.ones(50), np.ones(50)), rule("pass_rate", critical=True, max_regressions=0)
        )
    )
    assert row["verdict"] == "inconclusive"
    assert "no sample is marked critical" in row["reason"]


def test_a_critical_sample_without_an_answer_is_open():
    """It may have regressed."""
    critical = np.arange(200) < 2
    state = np.zeros(200, np.int8)
    state[0] = FAILED
    new = np.ones(200)
    new[0] = np.nan
    found = Contest(
        side(np.ones(200), arm="a", critical=critical),
        side(new, arm="b", critical=critical, state=state),
    )
    row = only(gated(found, rule("pass_rate", critical=True, max_regressions=0)))
    assert row["verdict"] == "inconclusive"
    assert "1 could not be compared" in row["reason"]


def test_a_critical_sample_that_nobody_was_asked_is_open():
    """A budget that ended both arms, or a recording that lacks it."""
    new = side(np.ones(200), arm="b", critical=np.arange(200) < 2)
    old = side(np.ones(200), arm="a", critical=np.arange(200) < 2)
    found = Contest(old, dataclasses.replace(new, n_unseen=1))
    row = only(gated(found, rule("pass_rate", critical=True, max_regressions=0)))
    assert row["verdict"] == "inconclusive"
    assert (
        only(gated(Contest(old, new), rule("pass_rate", critical=True, max_regressions=0)))[
            "verdict"
        ]
        == "pass"
    )


def test_a_slice_that_was_not_reached_before_the_decision_is_open():
    """It has samples, but none of those that the run was decided by."""
    found = contest(np.ones(40), np.ones(40), slices=by_language(40, 10))
    bout = Bout(
        found.baseline.outcomes, found.candidate.outcomes, 0.05, order=lambda s: np.arange(0)
    )
    judged = judge_rule(rule(max_drop=0.05, slice={"language": "de"}), bout)
    assert (judged.verdict, judged.n) == ("inconclusive", 0)


def test_a_sample_regresses_when_most_repeats_do():
    """Passing two of three before, failing two of three now."""
    old = [1, 1, 0, 1, 1, 1]
    new = [1, 0, 0, 1, 1, 0]
    found = contest(old, new, repeats=3, critical=np.ones(6, bool))
    assert only(gated(found, rule("pass_rate", critical=True, max_regressions=0)))["estimate"] == 1


def test_quality_regresses_by_passing():
    """A graded score that falls and still passes is no regression."""
    old, new = np.full(200, 1.0), np.full(200, 0.9)
    new[0] = 0.4
    found = Contest(
        side(old, arm="a", passed=np.ones(200), critical=np.arange(200) < 9),
        side(new, arm="b", passed=(new >= 0.8) * 1.0, critical=np.arange(200) < 9),
    )
    for metric in ("quality", "pass_rate"):
        row = only(gated(found, rule(metric, critical=True, max_regressions=0)))
        assert (row["estimate"], row["verdict"]) == (1.0, "fail")


def test_a_metric_of_which_less_is_better_may_be_held_from_above():
    """Which way is up, the author of its grader knows."""
    leaked = np.where(np.arange(300) < 30, 1.0, 0.0)
    found = Contest(
        side(np.ones(300), arm="a", metrics={"forbidden.leaked": np.zeros(300)}),
        side(np.ones(300), arm="b", metrics={"forbidden.leaked": leaked}),
    )
    row = only(gated(found, rule("metrics.forbidden.leaked", max_increase=0.01)))
    assert (row["verdict"], row["estimate"]) == ("fail", pytest.approx(0.1))


def test_an_open_rule_far_beyond_the_limit_is_not_called_near_it():
    """Nine samples, of which seven were lost, need a few more."""
    row = only(gated(contest(*binary(9, 3, 0)), rule(max_drop=0.03)))
    assert row["verdict"] == "inconclusive"
    assert "near the limit" not in row["reason"]


# ------------------------------------------------------------------- the whole gate


def test_the_gate_passes_only_when_every_rule_passes():
    """One fail fails it, one open rule leaves it open."""
    found = contest(*binary(400, 8, 8))
    rules = {
        "pass": rule(max_drop=0.05),
        "inconclusive": rule("malformed_rate", max=0.001),
        "fail": rule("pass_rate", min=0.999),
    }
    for names, verdict in (
        (("pass",), "pass"),
        (("pass", "inconclusive"), "inconclusive"),
        (("pass", "inconclusive", "fail"), "fail"),
    ):
        document = gated(found, *(rules[name] for name in names))
        assert document["verdict"] == verdict
        assert document["sentence"].startswith(verdict.upper())


def test_errors_have_a_budget_and_are_no_quality():
    """3 % without an answer is open at a budget of 2 %, whatever the rest says."""
    state = np.zeros(400, np.int8)
    state[:12] = FAILED
    new = np.ones(400)
    new[:12] = np.nan
    found = Contest(side(np.ones(400), arm="a"), side(new, arm="b", state=state))
    document = gated(found, rule(max_drop=0.05))
    assert document["verdict"] == "inconclusive"
    assert "12 of 400" in document["reason"]
    assert only(document)["estimate"] == 0.0
    assert gated(found, rule(max_drop=0.05), error_budget=0.05)["verdict"] == "pass"


def test_answers_without_a_score_are_within_the_same_budget():
    """What a judge failed on may be the hard samples."""
    new = np.ones(400)
    new[:12] = np.nan
    found = contest(np.ones(400), new)
    document = gated(found, rule(max_drop=0.05))
    assert document["verdict"] == "inconclusive"
    assert "no answer to 0 and no score for 12 of 400" in document["reason"]
    assert gated(found, rule(max_drop=0.05), error_budget=0.05)["verdict"] == "pass"


def test_trials_that_were_never_made_are_without_an_answer():
    """An interrupted run does not pass on its easy half."""
    found = contest(np.ones(400), np.ones(400), expected=800)
    document = gated(found, rule(max_drop=0.05))
    assert document["verdict"] == "inconclusive"
    assert [row["n_unanswered"] for row in document["evidence"]] == [400, 400]


def test_samples_that_both_skip_are_not_asked_and_those_of_one_are_missing():
    """A recording of a part of the suite can be gated on that part."""
    gone = np.arange(1000, 1100, dtype=np.uint64)
    both = contest(np.ones(200), np.ones(200), skipped=gone, n_skipped=100, expected=300)
    assert gated(both, rule(max_drop=0.05))["verdict"] == "pass"
    one = Contest(
        side(np.ones(300), arm="a"),
        side(np.ones(200), arm="b", skipped=gone, n_skipped=100, expected=300),
    )
    document = gated(one, rule(max_drop=0.05))
    assert document["verdict"] == "inconclusive"
    assert document["evidence"][1]["n_unanswered"] == 100


@pytest.mark.parametrize("values", [[], [np.nan] * 20])
def test_nothing_scored_never_passes(values):
    """Zero samples, or none that could be graded."""
    document = gated(contest(values, values), rule(max_drop=0.99))
    assert document["verdict"] == "inconclusive"
    assert "no scored sample" in document["reason"]


def test_malformed_answers_are_quality_of_0():
    """They are answers, and of no use: no error, and not left out."""
    new = np.ones(300)
    new[:60] = 0.0
    state = np.zeros(300, np.int8)
    state[:60] = MALFORMED
    found = Contest(side(np.ones(300), arm="a"), side(new, arm="b", state=state))
    assert gated(found, rule(max_drop=0.05))["verdict"] == "fail"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hash": "x", "hashes": {"data": "e"}}, "the suite changed (data)"),
        ({"grading": "x"}, "graders"),
        ({"judges": ["p:j"]}, "judged by none, then by p:j"),
        ({"judge_models": ["j-2"]}, "a judge is another model"),
        ({"repeats": 3}, "1 repeats, then 3"),
        ({"params": {"temperature": 1}}, "asked with"),
        ({"structured": ["prompt"]}, "modes"),
    ],
)
def test_runs_that_asked_otherwise_are_not_comparable(changes, said):
    """Each difference is named, no rule is judged, and it is open; --allow-changed says so."""
    other = msgspec.structs.replace(IDENTITY, **changes)
    repeats = other.repeats
    found = Contest(
        side(np.ones(300), arm="a"),
        side(np.ones(300 * repeats), arm="b", identity=other, repeats=repeats),
    )
    document = gated(found, rule(max_drop=0.05))
    assert (document["verdict"], document["comparable"]) == ("inconclusive", False)
    assert said in document["differences"][0]
    assert document["rules"] == []
    policy = GatePolicy(rules=(rule(max_drop=0.05),))
    allowed = gate_document([found], policy, allow_changed=True)
    assert (allowed["verdict"], allowed["differences"]) == ("pass", document["differences"])


def test_what_an_arm_did_not_honour_is_listed_and_no_reason_to_refuse():
    """A reasoning model takes no temperature."""
    found = contest(np.ones(300), np.ones(300))
    candidate = dataclasses.replace(found.candidate, not_honoured=("temperature=0 was not sent",))
    document = gated(Contest(found.baseline, candidate), rule(max_drop=0.05))
    assert document["verdict"] == "pass"
    assert document["not_honoured"] == ["s: p:new: temperature=0 was not sent"]


def test_what_only_one_arm_answered_is_counted():
    """The comparison is on the rest."""
    new = np.ones(300)
    new[:4] = np.nan
    state = np.zeros(300, np.int8)
    state[:4] = FAILED
    found = Contest(side(np.ones(300), arm="a"), side(new, arm="b", state=state))
    document = gated(found, rule(max_drop=0.05))
    assert document["left_out"] == [{"suite": "s", "only_baseline": 4, "only_candidate": 0}]
    assert only(document)["n"] == 296


def test_the_order_of_the_samples_does_not_matter():
    """The same arms, shuffled before they were sorted, give the same document."""
    rng = np.random.default_rng(2)
    old, new = rng.random(100), rng.random(100)
    names = rng.permutation(1000).astype(np.uint64)[:100]
    order = np.argsort(names)
    one = contest(old, new)
    other = Contest(
        side(old[order], arm="p:old", sample=names[order]),
        side(new[order], arm="p:new", sample=names[order]),
    )
    first, second = (only(gated(c, rule(max_drop=0.1))) for c in (one, other))
    assert first["estimate"] == pytest.approx(second["estimate"], abs=1e-12)
    assert first["low"] == pytest.approx(second["low"], abs=1e-9)


def test_outcomes_by_hand_are_what_they_say():
    """The helper itself: repeats of a sample stand together."""
    own = outcomes([1, 0, 1, 1], repeats=2)
    assert own.sample.tolist() == [0, 0, 1, 1]
    assert own.repeat.tolist() == [1, 2, 1, 2]
