"""Studies that stop early, simulated: error rates, and the same wealth as `BettingTest` has."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.stats import BettingTest
from evalkit.stats.sequential import log_wealth
from evalkit.stats.stopping import simulate_stopping


def rates(margin, difference, discordance, cap=1000, **changes):
    return simulate_stopping(
        margin, (difference, discordance), cap, rng=np.random.default_rng(0), **changes
    )


@pytest.mark.parametrize("above", [True, False])
def test_the_wealth_of_many_studies_is_that_of_the_test_itself(above):
    """After each value."""
    values = np.random.default_rng(0).choice([-1, 0, 1], (3, 200), p=[0.1, 0.75, 0.15])
    found = log_wealth(values, -0.05, above=above)
    for study, path in zip(values, found, strict=True):
        test = BettingTest(-0.05)
        for value, wealth in zip(study, path, strict=True):
            test.add(float(value))
            assert wealth == pytest.approx(test.log_e_above if above else test.log_e_below)


@pytest.mark.parametrize("discordance", [0.06, 0.15, 0.3])
def test_at_the_margin_either_error_is_rare(discordance):
    """In at most 5 of 100, looked at after every sample."""
    found = rates(0.05, -0.05, discordance, draws=400)
    assert found.passed <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5
    assert found.failed <= 0.05 + 2 * (0.05 * 0.95 / 400) ** 0.5


def test_equal_arms_pass_and_much_worse_ones_fail():
    """Both before the cap."""
    equal, worse = rates(0.05, 0.0, 0.1), rates(0.05, -0.15, 0.2)
    assert equal.passed > 0.9
    assert worse.failed > 0.95
    assert max(equal.median_samples, worse.median_samples) < 600


def test_shares_add_up_and_the_cap_is_never_passed():
    """Whatever the truth."""
    found = rates(0.02, -0.01, 0.1, cap=100)
    assert found.passed + found.failed + found.undecided == pytest.approx(1.0)
    assert found.median_samples <= 100


@pytest.mark.parametrize(
    ("truth", "cap", "draws"), [((0.2, 0.1), 10, 5), ((0.0, 1.5), 10, 5), ((0.0, 0.1), 0, 5),
                                ((0.0, 0.1), 10, 0)]
)  # fmt: skip
def test_what_cannot_be_drawn_raises(truth, cap, draws):
    """A difference beyond the discordance, no sample, no study."""
    with pytest.raises(ValueError, match="must be at least"):
        simulate_stopping(0.05, truth, cap, draws=draws, rng=np.random.default_rng(0))
