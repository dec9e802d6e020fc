"""Draws: seeded, and right where a closed form is known."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evalkit.analysis.economics.assumptions import inputs_of
from evalkit.analysis.economics.horizon import Outlook, look_ahead
from evalkit.analysis.economics.profile import Operations, SelfHosting
from evalkit.analysis.economics.sampled import Sampled, price_of
from evalkit.analysis.economics.triangle import Triangle, certain
from evalkit.analysis.economics.uncertainty import (
    DRAWS,
    Expected,
    draw_horizons,
    draw_months,
    tornado,
)

FIXED = {
    name: certain(value)
    for name, value in {
        "gpus_per_replica": 1, "requests_per_s_per_replica": 10, "min_replicas": 1,
        "spare_replicas": 0, "utilisation": 1, "peak_factor": 1, "hours_per_month": 100,
        "infrastructure_share": 0, "fallback_share": 0,
    }.items()
}  # fmt: skip
NOBODY = Operations(
    hours_per_month=certain(0), usd_per_hour=certain(0), setup_hours=certain(0),
    amortise_months=certain(1),
)  # fmt: skip


def test_a_probability_is_that_of_the_triangle() -> None:
    """Rent 1 to 4, most likely 2; level at 3: P(rent < 3) = 1 - (4 - 3)^2 / (3 × 2)."""
    rent = Triangle(low=1, mode=2, high=4)
    inputs = inputs_of(SelfHosting(usd_per_gpu_hour=rent, **FIXED), NOBODY)
    draws = draw_months(inputs, certain(300), Sampled(1.0), attempts=1, seed=0)
    assert draws.probability == pytest.approx(1 - 1 / 6, abs=4 * np.sqrt(5 / 36 / DRAWS))
    assert draws.quantile(0.5) == pytest.approx(300 - 100 * (4 - np.sqrt(3)), abs=2)


def test_the_seed_decides() -> None:
    """The same seed the same answer, another another."""
    inputs = inputs_of(SelfHosting(), Operations())
    volume = Triangle(low=1e4, mode=1e5, high=1e6)
    first, same, other = (
        draw_months(inputs, volume, Sampled(0.01), attempts=1, seed=seed).saved_usd
        for seed in (1, 1, 2)
    )
    assert (first == same).all()
    assert (first != other).any()


def test_twenty_thousand_draws_take_less_than_a_second() -> None:
    """All quantities uncertain."""
    inputs = inputs_of(SelfHosting(), Operations())
    start = time.perf_counter()
    draw_months(inputs, Triangle(low=1e4, mode=1e5, high=1e6), Sampled(0.01), attempts=1, seed=0)
    assert time.perf_counter() - start < 1


def test_draws_of_certain_months_are_those_months() -> None:
    """Nothing is drawn: prices that fall, a volume that grows, leaving, setup, as by hand."""
    people = Operations(
        hours_per_month=certain(1), usd_per_hour=certain(50), setup_hours=certain(10),
        amortise_months=certain(12),
    )  # fmt: skip
    inputs = inputs_of(SelfHosting(usd_per_gpu_hour=certain(2), **FIXED), people)
    outlook = Outlook(9, -0.4, 0.7, switching_usd=123, switching_weeks=6)
    expected = Expected(outlook, certain(-0.4), certain(0.7))
    draws = draw_horizons(inputs, certain(300), Sampled(1.0), expected, attempts=1, seed=0)
    ahead = look_ahead(inputs.serving(inputs.modes(), 1), 300, 1.0, outlook)
    assert draws.saved_usd[0] == pytest.approx(ahead.api_usd[-1] - ahead.own_usd[-1])
    assert draws.quantile(0.05) == pytest.approx(draws.quantile(0.95))


def test_a_range_of_price_changes_makes_a_payback_a_chance() -> None:
    """Level over two months where the price falls by x in the second: P by the triangle."""
    inputs = inputs_of(SelfHosting(usd_per_gpu_hour=certain(1.9), **FIXED), NOBODY)
    change = Triangle(low=-0.9, mode=-0.9, high=0.0)
    expected = Expected(Outlook(2), change, certain(0))
    draws = draw_horizons(inputs, certain(200), Sampled(1.0), expected, attempts=1, seed=0)
    level = 0.9**12 - 1  # 200 + 200 (1 + c)^(1/12) = 380
    wanted = ((0.0 - level) / 0.9) ** 2
    assert draws.probability == pytest.approx(wanted, abs=4 * np.sqrt(0.25 / DRAWS))


def test_one_at_a_time_moves_what_it_should() -> None:
    """Rent from 1 to 4 at 100 hours: 300 less is saved; certain quantities are left out."""
    inputs = inputs_of(
        SelfHosting(usd_per_gpu_hour=Triangle(low=1, mode=2, high=4), **FIXED), NOBODY
    )
    (swing,) = tornado(inputs, certain(300), Sampled(1.0), attempts=1)
    assert (swing.name, swing.low_usd, swing.high_usd) == ("usd_per_gpu_hour", 200, -100)


def test_the_error_of_a_measured_price_is_drawn() -> None:
    """Servers cost 200, buying 300 a thousandth with an error: P by Student's t."""
    inputs = inputs_of(SelfHosting(usd_per_gpu_hour=certain(2), **FIXED), NOBODY)
    price = Sampled(0.7, 0.1, 12)
    draws = draw_months(inputs, certain(300), price, attempts=1, seed=3)
    wanted = stats.t.cdf((300 * 0.7 - 200) / (300 * 0.1), 11)
    assert draws.probability == pytest.approx(wanted, abs=4 * np.sqrt(0.25 / DRAWS))
    (swing,) = tornado(inputs, certain(300), price, attempts=1)
    half = stats.t.ppf(0.95, 11) * 0.1
    assert (swing.name, swing.low_usd, swing.high_usd) == (
        "measured API price",
        pytest.approx(300 * (0.7 - half) - 200),
        pytest.approx(300 * (0.7 + half) - 200),
    )


def measured(costs: Any, clusters: Any = None) -> Any:
    """Return an arm that was asked a sample for each cost."""
    values = np.asarray(costs, dtype=np.float64)
    outcomes = SimpleNamespace(
        cost_usd=values,
        sample=np.arange(len(values), dtype=np.uint64),
        cluster=None if clusters is None else np.asarray(clusters, dtype=np.uint64),
    )
    side = SimpleNamespace(outcomes=outcomes)
    return SimpleNamespace(usd_per_request=float(np.nanmean(values)), side=side)


@pytest.mark.parametrize("n", [30, 200])
def test_nine_of_ten_draws_hold_the_true_price_nine_times_of_ten(n: int) -> None:
    """Costs of a request are skewed (lognormal); so a little less at few samples."""
    rng = np.random.default_rng(n)
    truth, held = float(np.exp(0.125)), 0
    for _ in range(400):
        low, high = price_of(measured(rng.lognormal(0, 0.5, n))).ends
        held += low <= truth <= high
    assert 0.84 < held / 400 < 0.94


def test_samples_of_one_document_are_one() -> None:
    """Each cost ten times over: the error is that of the documents, not of the samples."""
    costs = np.random.default_rng(1).uniform(1, 3, 20)
    apart, together = (
        price_of(measured(costs)),
        price_of(measured(np.repeat(costs, 10), np.repeat(np.arange(20), 10))),
    )
    assert together.error == pytest.approx(apart.error)
    assert together.units == apart.units == 20
    assert apart.error == pytest.approx(costs.std(ddof=1) / np.sqrt(20))


def test_no_error_is_made_up() -> None:
    """Of one sample it is not known; of equal costs there is none; unpriced is no price."""
    assert price_of(measured([0.01])) == Sampled(0.01, 0.0, 1)
    equal = price_of(measured([0.1] * 7))
    assert equal.is_certain
    assert equal.ends == (equal.mean, equal.mean)
    assert price_of(SimpleNamespace(usd_per_request=None)) is None
