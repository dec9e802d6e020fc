"""Comparisons of arms made by hand, held against scipy, statsmodels and counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
from arms_by_hand import binary, by_language, side
from statsmodels.stats.multitest import multipletests

from evalkit.analysis.compare import Comparison, Contestant, Duel, duels_of, left_out
from evalkit.analysis.outcomes import MALFORMED
from evalkit.stats import mcnemar_midp, minimum_detectable_effect, tango


def contestant(quality, name, run="r", **changes):
    return Contestant(name, run, side(quality, arm=name, **changes))


def compared(*contestants, baseline=None, **changes):
    return Comparison(duels_of(contestants, baseline), **changes).rows()


def one(rows, metric="quality", wanted=None):
    (row,) = [r for r in rows if r["metric"] == metric and r["slice"] == wanted]
    return row


def test_zeros_and_ones_have_tangos_limits_and_the_mid_p():
    """Candidate minus baseline; wins are the candidate's."""
    old, new = binary(250, 14, 25)
    row = one(compared(contestant(old, "a"), contestant(new, "b")))
    expected = tango(25, 14, 250)
    assert (row["difference"], row["low"], row["high"]) == (
        expected.estimate, expected.low, expected.high,
    )  # fmt: skip
    assert (row["wins"], row["losses"], row["ties"]) == (25, 14, 211)
    assert row["p_value"] == mcnemar_midp(25, 14)
    assert (row["n"], row["method"]) == (250, "tango")
    assert row["minimum_detectable_effect"] == pytest.approx(
        minimum_detectable_effect(39 / 250, 250), rel=0.01
    )


def test_what_would_show_allows_for_the_number_of_comparisons_and_never_is_0():
    """More comparisons show less; ten equal samples show next to nothing."""
    old, new = binary(250, 14, 25)
    two = one(compared(contestant(old, "a"), contestant(new, "b")))
    third = contestant(new, "c")
    three = compared(contestant(old, "a"), contestant(new, "b"), third)
    first = next(r for r in three if r["metric"] == "quality")
    assert first["would_show"] > two["would_show"] > two["minimum_detectable_effect"]
    same = one(compared(contestant(np.ones(10), "a"), contestant(np.ones(10), "b")))
    assert same["minimum_detectable_effect"] is None
    assert same["would_show"] > 0.4


def test_graded_scores_have_the_paired_t_interval():
    """As scipy has it."""
    rng = np.random.default_rng(0)
    old = rng.beta(4, 2, 300)
    new = np.clip(old + rng.normal(-0.01, 0.15, 300), 0, 1)
    row = one(compared(contestant(old, "a"), contestant(new, "b")))
    theirs = scipy.stats.ttest_rel(new, old)
    t = theirs.confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx((t.low, t.high), abs=1e-9)
    assert row["p_value"] == pytest.approx(theirs.pvalue, rel=1e-6)
    assert row["method"] == "t"


def test_few_graded_samples_get_an_interval_that_holds():
    """Ten nearly equal differences would have next to no width by Student's t."""
    rng = np.random.default_rng(0)
    old = rng.beta(4, 2, 10)
    new = np.clip(old + rng.normal(0, 0.001, 10), 0, 1)
    row = one(compared(contestant(old, "a"), contestant(new, "b")))
    assert row["method"] == "t+gaffke"
    assert row["high"] - row["low"] > 0.2


def test_equal_graded_samples_have_an_interval_of_some_width():
    """Never 0, however many there are."""
    old = np.tile([0.5, 0.75], 200)
    row = one(compared(contestant(old, "a"), contestant(old, "b")))
    assert (row["difference"], row["method"]) == (0.0, "gaffke")
    assert row["high"] - row["low"] > 0.01


def test_clusters_have_the_cluster_robust_interval():
    """As statsmodels has it, with the factor C / (C - 1) alone."""
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(150), 8)
    shift = rng.normal(0, 0.1, 150)[group]
    old = rng.beta(4, 2, 1200)
    new = np.clip(old + shift + rng.normal(0, 0.1, 1200), 0, 1)
    clusters = group.astype(np.uint64)
    arms = [contestant(v, n, cluster=clusters) for v, n in ((old, "a"), (new, "b"))]
    row = one(compared(*arms))
    fit = sm.OLS(new - old, np.ones(1200)).fit(
        cov_type="cluster", cov_kwds={"groups": group, "use_correction": True}, use_t=True
    )
    low, high = fit.conf_int()[0]
    assert (row["n"], row["method"]) == (150, "t-clusters")
    assert (row["low"], row["high"]) == pytest.approx((low, high), abs=1e-4)


def test_the_bootstrap_check_agrees_with_scipys():
    """Percentiles of the mean difference over samples, all pairs drawn together."""
    rng = np.random.default_rng(2)
    arms = [rng.beta(4, 2, 400) for _ in range(3)]
    rows = compared(*(contestant(v, name) for v, name in zip(arms, "abc", strict=True)))
    for (i, j), row in zip([(0, 1), (0, 2), (1, 2)],
                           [r for r in rows if r["metric"] == "quality"], strict=True):  # fmt: skip
        theirs = scipy.stats.bootstrap(
            (arms[j] - arms[i],), np.mean, n_resamples=9999, method="percentile", rng=rng
        ).confidence_interval
        assert row["check"]["low"] == pytest.approx(theirs.low, abs=0.003)
        assert row["check"]["high"] == pytest.approx(theirs.high, abs=0.003)
        assert row["check"]["agrees"]


def test_draws_are_of_clusters():
    """Ten equal samples are one: the check is as wide as over the clusters alone."""
    rng = np.random.default_rng(3)
    old, new = rng.beta(4, 2, 60), rng.beta(4, 2, 60)
    clusters = np.repeat(np.arange(60, dtype=np.uint64), 10)
    whole = one(
        compared(
            contestant(np.repeat(old, 10), "a", cluster=clusters),
            contestant(np.repeat(new, 10), "b", cluster=clusters),
        )
    )
    alone = one(compared(contestant(old, "a"), contestant(new, "b")))
    assert whole["check"]["low"] == pytest.approx(alone["check"]["low"], abs=0.01)


def test_repeats_are_averaged_first():
    """Six trials of two samples are two pairs."""
    row = one(
        compared(
            contestant([1, 1, 0, 0, 0, 1], "a", repeats=3),
            contestant([1, 1, 1, 0, 0, 0], "b", repeats=3),
        )
    )
    assert row["n"] == 2
    assert row["difference"] == pytest.approx((1 / 3 - 1 / 3) / 2)
    assert (row["wins"], row["losses"], row["ties"]) == (1, 1, 0)


def test_more_malformed_answers_are_losses():
    """Where less is better, a rise is worse."""
    bad = np.arange(100) < 30
    row = one(
        compared(
            contestant(np.ones(100), "a"),
            contestant(1.0 - bad, "b", first_bad=bad, state=np.where(bad, MALFORMED, 0)),
        ),
        "malformed_rate",
    )
    assert row["difference"] == pytest.approx(0.3)
    assert (row["wins"], row["losses"], row["higher_is_better"]) == (0, 30, False)


def test_every_two_arms_or_all_against_the_baseline():
    """Four arms: six duels, or three."""
    arms = [contestant(np.ones(20), name) for name in "abcd"]
    assert len(duels_of(arms, None)) == 6
    against = duels_of(arms, "c")
    assert [(d.baseline.label, d.candidate.label) for d in against] == [
        ("c", "a"),
        ("c", "b"),
        ("c", "d"),
    ]


def test_two_runs_of_the_same_arms_set_each_against_itself():
    """What changed in between is the question."""
    arms = [
        Contestant(f"{name} ({run})", run, side(np.ones(20), arm=name))
        for run in ("r1", "r2")
        for name in "ab"
    ]
    pairs = [(d.baseline.label, d.candidate.label) for d in duels_of(arms, None)]
    assert pairs == [("a (r1)", "a (r2)"), ("b (r1)", "b (r2)")]


def test_p_values_are_adjusted_by_holm_over_the_duels_of_a_metric():
    """statsmodels adjusts likewise."""
    arms = [contestant(binary(200, 5 * k, 20)[1], f"m{k}") for k in range(4)]
    rows = [r for r in compared(*arms) if r["metric"] == "quality"]
    raw = [row["p_value"] for row in rows]
    assert [row["p_adjusted"] for row in rows] == pytest.approx(
        multipletests(raw, method="holm")[1].tolist()
    )
    assert {row["n_comparisons"] for row in rows} == {6}


def test_slices_have_rows_of_their_own_adjusted_among_each_other():
    """By column and value."""
    old, new = binary(400, 30, 10)
    slices = by_language(400, 100)
    rows = compared(contestant(old, "a", slices=slices), contestant(new, "b", slices=slices))
    own = [row for row in rows if row["slice"]]
    assert [row["slice"] for row in own] == [{"language": "de"}, {"language": "en"}]
    assert [row["n"] for row in own] == [100, 300]
    raw = [row["p_value"] for row in own]
    assert [row["p_adjusted"] for row in own] == pytest.approx(
        multipletests(raw, method="holm")[1].tolist()
    )


def test_times_and_money_are_ratios():
    """Candidate by baseline."""
    rng = np.random.default_rng(4)
    base = rng.lognormal(6, 0.4, 500)
    rows = compared(
        contestant(np.ones(500), "a", latency_ms=base, cost_usd=base / 1e5),
        contestant(np.ones(500), "b", latency_ms=2 * base, cost_usd=base / 2e5),
    )
    assert one(rows, "latency_p95_ms")["ratio"] == pytest.approx(2.0)
    assert one(rows, "cost_per_success_usd")["ratio"] == pytest.approx(0.5)
    assert one(rows, "latency_p95_ms")["difference"] is None


def test_what_was_not_measured_has_no_row():
    """No price is not a ratio of 1."""
    rows = compared(contestant(np.ones(50), "a"), contestant(np.ones(50), "b"))
    assert {row["metric"] for row in rows} == {
        "quality", "pass_rate", "malformed_rate", "usable_rate", "refusal_rate",
    }  # fmt: skip


def test_what_only_one_arm_has_is_left_out_and_counted():
    """The difference is on the shared samples alone."""
    names = np.arange(5, 105, dtype=np.uint64)
    duel = Duel(contestant(np.ones(100), "a"), contestant(np.ones(100), "b", sample=names))
    gone = left_out(duel, {n: f"sample {n}" for n in range(105)})
    assert gone["samples"] == sorted(f"sample {n}" for n in [*range(5), *range(100, 105)])
    assert (gone["only_baseline"], gone["only_candidate"]) == (5, 5)
    assert one(Comparison([duel]).rows())["n"] == 95


def test_exchanging_the_arms_turns_every_figure_round():
    """Differences change their sign, ratios their side, p-values nothing."""
    rng = np.random.default_rng(6)
    a = contestant(rng.beta(4, 2, 200), "a", latency_ms=rng.lognormal(6, 0.3, 200))
    b = contestant(rng.beta(4, 2, 200), "b", latency_ms=rng.lognormal(6, 0.3, 200))
    there, back = compared(a, b), compared(b, a)
    first, second = one(there), one(back)
    assert first["difference"] == pytest.approx(-second["difference"])
    assert first["low"] == pytest.approx(-second["high"])
    assert first["p_value"] == pytest.approx(second["p_value"])
    ratios = [one(rows, "latency_p50_ms") for rows in (there, back)]
    assert ratios[0]["ratio"] == pytest.approx(1 / ratios[1]["ratio"])
    assert ratios[0]["low"] == pytest.approx(1 / ratios[1]["high"])


def test_equal_seeds_give_equal_documents():
    """Whatever the threads do."""
    rng = np.random.default_rng(7)
    arms = [contestant(rng.beta(4, 2, 300), name) for name in "abc"]
    assert compared(*arms, seed=3) == compared(*arms, seed=3)
