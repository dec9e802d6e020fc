"""pass@k and pass^k against the papers' code, exact binomials and enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.stats import pass_at_k, pass_hat_k


@st.composite
def counts(draw, most=300):
    """Return n, c and k with c <= n and k <= n."""
    n = draw(st.integers(1, most))
    return n, draw(st.integers(0, n)), draw(st.integers(1, n))


def chen(n, c, k):
    """The estimator as Chen et al. (2021) print it."""
    return 1.0 if n - c < k else 1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1))


@given(counts())
@settings(deadline=None)
def test_pass_at_k_is_the_papers_estimator(table):
    """1 - prod(1 - k / (n - c + 1 .. n)), and the share of sets of k without a success."""
    n, c, k = table
    assert pass_at_k(n, c, k) == pytest.approx(chen(n, c, k), abs=1e-12)
    expected = 1 - math.comb(n - c, k) / math.comb(n, k)
    assert pass_at_k(n, c, k) == pytest.approx(expected, abs=1e-12)


@given(counts())
@settings(deadline=None)
def test_pass_hat_k_is_the_share_of_sets_that_all_succeed(table):
    """C(c, k) / C(n, k), in whole numbers."""
    n, c, k = table
    expected = math.comb(c, k) / math.comb(n, k)
    assert pass_hat_k(n, c, k) == pytest.approx(expected, rel=1e-10, abs=1e-300)


def test_both_are_shares_of_the_sets_of_k_tries():
    """Counted one by one: 6 tries, 2 of them right, sets of 3."""
    sets = list(itertools.combinations([1, 1, 0, 0, 0, 0], 3))
    assert pass_at_k(6, 2, 3) == pytest.approx(np.mean([any(s) for s in sets]))
    assert pass_hat_k(6, 4, 3) == pytest.approx(
        np.mean([all(s) for s in itertools.combinations([1, 1, 1, 1, 0, 0], 3)])
    )


@given(counts(60))
@settings(deadline=None)
def test_failing_always_is_succeeding_never(table):
    """pass@k of c and pass^k of the failures add up to 1; both are c/n at k = 1."""
    n, c, k = table
    assert pass_at_k(n, c, k) + pass_hat_k(n, n - c, k) == pytest.approx(1.0)
    assert pass_at_k(n, c, 1) == pytest.approx(c / n)
    assert pass_hat_k(n, c, 1) == pytest.approx(c / n)
    assert pass_hat_k(n, c, k) <= c / n + 1e-12
    assert pass_at_k(n, c, k) >= c / n - 1e-12


def test_neither_is_biased():
    """Over all outcomes of 8 tries at p = 0.3 their mean is 1 - 0.7³ and 0.3³."""
    chance = [math.comb(8, c) * 0.3**c * 0.7 ** (8 - c) for c in range(9)]
    at = sum(p * pass_at_k(8, c, 3) for c, p in enumerate(chance))
    hat = sum(p * pass_hat_k(8, c, 3) for c, p in enumerate(chance))
    assert (at, hat) == (pytest.approx(1 - 0.7**3), pytest.approx(0.3**3))


def test_samples_are_averaged_whatever_their_number_of_tries():
    """Lists, arrays, series; one n for all; not pooled."""
    n, c = [10, 5, 20], [3, 0, 20]
    each = [pass_at_k(a, b, 5) for a, b in zip(n, c, strict=True)]
    assert pass_at_k(n, c, 5) == pytest.approx(np.mean(each))
    assert pass_at_k(pd.Series(n), np.array(c), 5) == pass_at_k(n, c, 5)
    assert pass_hat_k(10, [10, 0, 5], 2) == pytest.approx((1 + 0 + 20 / 90) / 3)
    assert isinstance(pass_at_k(np.int64(10), np.int64(3), 5), float)


def test_a_million_tries_need_no_giant_number():
    """C(10⁶, 1000) has thousands of digits; the product has none of them."""
    assert pass_at_k(10**6, 1000, 1000) == pytest.approx(chen(10**6, 1000, 1000), rel=1e-9)
    assert pass_hat_k(10**6, 10**6 - 1, 5 * 10**5) == pytest.approx(0.5)


@pytest.mark.parametrize("measure", [pass_at_k, pass_hat_k])
@pytest.mark.parametrize(
    ("n", "c", "k", "problem"),
    [
        (5, 2, 6, "n >= k"),
        ([10, 3], [2, 2], 5, "n >= k"),
        (5, 6, 1, "c <= n"),
        (5, -1, 1, "0 <= c"),
        (5, 2, 0, "k >= 1"),
        ([], [], 1, "at least one sample"),
        (10, [], 1, "at least one sample"),
        ([5, 5], [1, 1, 1], 1, "one count for each"),
        ([[5, 5]], [[1, 1]], 1, "one count for each"),
        (5.0, 2, 1, "whole numbers"),
        (5, [1.5], 1, "whole numbers"),
        (5, 2, 1.0, "whole numbers"),
    ],
)
def test_what_is_undefined_raises(measure, n, c, k, problem):
    """With what is needed."""
    with pytest.raises(ValueError, match=problem):
        measure(n, c, k)
