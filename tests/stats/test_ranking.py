"""The Bradley-Terry model against other ways to the same maximum."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, special
from scipy.sparse.csgraph import connected_components
from sklearn.linear_model import LogisticRegression

from evalkit.stats import bradley_terry
from evalkit.stats.ranking import _strongly_connected, strength_limits

GAMES = [[0, 7, 8, 3], [3, 0, 6, 5], [2, 4, 0, 4], [1, 3, 6, 0]]


def tournament(size, per_pair, seed):
    """Return wins of models with normal strengths, and the strengths, centred."""
    generator = np.random.default_rng(seed)
    strengths = generator.normal(size=size)
    wins = np.zeros((size, size))
    for i in range(size):
        for j in range(i):
            won = generator.binomial(per_pair, special.expit(strengths[i] - strengths[j]))
            wins[i, j], wins[j, i] = won, per_pair - won
    return wins, strengths - strengths.mean()


def test_two_models_have_the_log_odds_of_their_wins():
    """9 to 3: log 3 apart, with variance 1/9 + 1/3."""
    found = bradley_terry([[0, 9], [3, 0]])
    assert found.estimate == pytest.approx((math.log(3) / 2, -math.log(3) / 2))
    assert found.standard_error == pytest.approx([math.sqrt(1 / 9 + 1 / 3) / 2] * 2)
    assert (found.method, found.n) == ("bradley-terry", 12)


def test_the_strengths_maximise_the_likelihood():
    """scipy.optimize from another start, with the last strength held at 0."""
    wins = np.array(GAMES, dtype=float)

    def loss(free):
        b = np.append(free, 0.0)
        return float((wins * np.logaddexp(0, b[None, :] - b[:, None])).sum())

    best = optimize.minimize(loss, [1.0, -1.0, 0.5], method="BFGS", options={"gtol": 1e-9})
    expected = np.append(best.x, 0.0)
    found = bradley_terry(GAMES)
    assert found.estimate == pytest.approx(expected - expected.mean(), abs=1e-6)


def test_the_strengths_are_a_logistic_regression_without_penalty():
    """scikit-learn on one row for each outcome, columns +1 and -1; and its information."""
    wins, _ = tournament(6, 15, 1)
    rows, outcomes, weights = [], [], []
    for i, j in zip(*np.nonzero(wins), strict=True):
        row = np.zeros(6)
        row[i], row[j] = 1.0, -1.0
        rows += [row[:-1], -row[:-1]]
        outcomes += [1, 0]
        weights += [wins[i, j] / 2] * 2
    oracle = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=5000)
    oracle.fit(rows, outcomes, weights)
    b = np.append(oracle.coef_[0], 0.0)
    found = bradley_terry(wins)
    assert found.estimate == pytest.approx(b - b.mean(), abs=1e-5)
    design, share = np.array(rows), oracle.predict_proba(rows)[:, 1]
    information = (design.T * (np.array(weights) * share * (1 - share))) @ design
    covariance = np.zeros((6, 6))
    covariance[:5, :5] = np.linalg.inv(information)
    centre = np.eye(6) - 1 / 6
    expected = np.sqrt(np.diag(centre @ covariance @ centre.T))
    assert found.standard_error == pytest.approx(expected, rel=1e-4)


def test_each_model_wins_as_often_as_the_model_says():
    """The likelihood equations, and strengths that sum to 0."""
    found = bradley_terry(GAMES)
    b, wins = np.array(found.estimate), np.array(GAMES)
    expected = ((wins + wins.T) * special.expit(b[:, None] - b[None, :])).sum(axis=1)
    assert expected == pytest.approx(wins.sum(axis=1), abs=1e-8)
    assert b.sum() == pytest.approx(0.0, abs=1e-12)


def test_a_tie_is_half_a_win_for_each():
    """Ties as a table are the same as halves in the wins."""
    ties = [[0, 2, 0, 1], [2, 0, 3, 0], [0, 3, 0, 0], [1, 0, 0, 0]]
    found = bradley_terry(GAMES, ties)
    expected = bradley_terry(np.array(GAMES) + np.array(ties) / 2)
    assert found == expected
    assert found.n == np.sum(GAMES) + np.sum(ties) / 2


def test_the_order_of_the_models_does_not_matter():
    """A permutation permutes the strengths."""
    order = [2, 0, 3, 1]
    first = bradley_terry(GAMES)
    second = bradley_terry(np.array(GAMES)[np.ix_(order, order)])
    assert second.estimate == pytest.approx([first.estimate[i] for i in order], abs=1e-9)
    assert second.standard_error == pytest.approx([first.standard_error[i] for i in order])


def test_a_difference_has_its_variance_in_the_covariance():
    """For two models it is 1/9 + 1/3; rows sum to 0."""
    c = np.array(bradley_terry([[0, 9], [3, 0]]).covariance)
    assert c[0, 0] + c[1, 1] - 2 * c[0, 1] == pytest.approx(1 / 9 + 1 / 3)
    assert np.array(bradley_terry(GAMES).covariance).sum(axis=1) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    "wins",
    [
        [[0, 5], [0, 0]],
        [[0, 3, 1], [2, 0, 1], [0, 0, 0]],
        [[0, 3, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1], [0, 0, 4, 0]],
        [[0, 3, 0], [2, 0, 0], [0, 0, 0]],
    ],
    ids=["one won all", "one lost all", "two groups that never met", "one never played"],
)
def test_without_a_maximum_a_ridge_is_used_and_said(wins):
    """Finite strengths, wide errors, and a method that tells."""
    found = bradley_terry(wins)
    assert found.method == "bradley-terry-ridge"
    assert np.isfinite(found.estimate).all()
    assert max(found.standard_error) > 0.7
    assert np.array(found.covariance).sum(axis=1) == pytest.approx(0.0, abs=1e-10)
    assert sum(found.estimate) == pytest.approx(0.0, abs=1e-10)


def test_the_ridge_is_a_normal_prior_of_standard_deviation_3():
    """scipy.optimize maximises the same posterior."""
    wins = np.array([[0, 3, 1], [2, 0, 1], [0, 0, 0]], dtype=float)

    def loss(b):
        return float((wins * np.logaddexp(0, b[None, :] - b[:, None])).sum() + b @ b / 18)

    best = optimize.minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-9})
    assert bradley_terry(wins).estimate == pytest.approx(best.x, abs=1e-5)


def test_a_model_that_never_played_stands_in_the_middle():
    """Nothing is known: 0, with the prior's error."""
    found = bradley_terry([[0, 3, 0], [3, 0, 0], [0, 0, 0]])
    assert found.estimate == pytest.approx((0, 0, 0), abs=1e-12)
    assert found.standard_error[2] > 2.0


def test_strong_connection_is_found_as_scipy_finds_it():
    """On 300 random graphs of three to six models."""
    generator, seen = np.random.default_rng(0), set()
    for _ in range(300):
        size = int(generator.integers(3, 7))
        edge = generator.random((size, size)) < generator.choice([0.2, 0.35, 0.5])
        np.fill_diagonal(edge, val=False)
        count, _ = connected_components(edge, directed=True, connection="strong")
        assert _strongly_connected(edge) == (count == 1)
        seen.add(count == 1)
    assert seen == {True, False}


def test_nearly_separated_data_converge():
    """A million to one is 13.8 apart."""
    found = bradley_terry([[0, 1e6], [1, 0]])
    assert found.estimate[0] == pytest.approx(math.log(1e6) / 2, abs=1e-6)
    assert found.method == "bradley-terry"


def test_the_errors_cover_the_strengths():
    """Eight models, 20 games a pair: 93 to 97 % of 100 tournaments' strengths are within 1.96."""
    hits = []
    for seed in range(100):
        wins, truth = tournament(8, 20, seed)
        found = bradley_terry(wins)
        hits.append(
            np.abs(np.array(found.estimate) - truth) < 1.96 * np.array(found.standard_error)
        )
    assert 0.93 <= np.mean(hits) <= 0.97


@pytest.mark.parametrize(
    ("wins", "ties", "problem"),
    [
        ([[0]], None, "square table of two"),
        ([[0, 1]], None, "square table"),
        ([[0, 0], [0, 0]], None, "no game"),
        ([[0, -1], [1, 0]], None, "at least 0"),
        ([[0, math.nan], [1, 0]], None, "finite"),
        ([[1, 1], [1, 0]], None, "plays itself"),
        ([[0, 1], [1, 0]], [[0, 2], [0, 0]], "symmetric"),
        ([[0, 1], [1, 0]], [[0, 2, 1], [2, 0, 1], [1, 1, 0]], "differ in shape"),
    ],
)
def test_tables_that_are_none_raise(wins, ties, problem):
    """With what is wrong."""
    with pytest.raises(ValueError, match=problem):
        bradley_terry(wins, ties)


def units(count, size, seed, tied=0.0):
    """Return a game of every two models in each unit, shape (n, k, k), and the true strengths."""
    generator = np.random.default_rng(seed)
    strengths = generator.normal(size=size) * 0.8
    win = special.expit(strengths[:, None] - strengths[None, :])
    tables = np.where(generator.random((count, size, size)) < win, 1.0, 0.0)
    tables = np.where(generator.random((count, size, size)) < tied, 0.5, tables)
    lower = np.tril(tables, -1)
    below = np.tril(np.ones((size, size)), -1)
    share = np.tril(win * (1 - tied) + tied / 2, -1)
    truth = bradley_terry(share + (below - share).T).estimate
    return lower + (below - lower).transpose(0, 2, 1), np.array(truth)


def test_limits_of_units_that_all_tie_have_a_width():
    """As wide as one unseen unit makes them, like the win rate's; narrower with more units."""
    tie = (1 - np.eye(3)) / 2
    widths = []
    for count in (5, 20, 80):
        low, high = strength_limits([tie] * count, np.random.default_rng(0))
        assert max(low) < 0 < min(high)
        widths.append(high[0] - low[0])
    assert widths == sorted(widths, reverse=True)
    assert widths[1] == pytest.approx(0.4, abs=0.15)


def test_limits_enclose_the_estimate_of_one_that_lost_every_game():
    """The prior holds in every draw where the data have no maximum: limits are finite."""
    table = np.triu(np.ones((12, 12)), 1)
    estimate = bradley_terry(table * 6).estimate
    low, high = strength_limits([table] * 6, np.random.default_rng(0), 100)
    assert all(a < b < c for a, b, c in zip(low, estimate, high, strict=True))
    assert np.isfinite([low, high]).all()


@pytest.mark.parametrize(("count", "size", "tied"), [(20, 3, 0.0), (20, 3, 0.5), (8, 3, 0.2)])
def test_limits_cover_the_strengths(count, size, tied):
    """91 % at least of 60 simulated tables' strengths, few units and ties included."""
    hits = []
    for seed in range(60):
        tables, truth = units(count, size, seed, tied)
        low, high = strength_limits(tables, np.random.default_rng(seed), 120)
        hits.append((np.array(low) <= truth) & (truth <= np.array(high)))
    assert np.mean(hits) >= 0.91


def test_one_unit_has_no_limits():
    """Nothing tells how units vary."""
    with pytest.raises(ValueError, match="at least two units"):
        strength_limits([[[0, 1], [0, 0]]], np.random.default_rng(0))
