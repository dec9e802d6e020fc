"""What a month costs, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.analysis.economics.horizon import MONTHS_PER_WEEK, Outlook, look_ahead
from evalkit.analysis.economics.model import owned_usd_per_gpu_month
from tests.analysis.economics.servings import serving


def test_servers_come_whole() -> None:
    """A replica carries 730 × 3,600 requests; one more request needs another."""
    full = 730 * 3600
    own = serving()
    assert [1, 1, 2] == [int(own.replicas(r)) for r in (1, full, full + 1)]
    assert [730, 730, 1460] == [float(own.usd_per_month(r)) for r in (1, full, full + 1)]


def test_utilisation_asks_for_replicas_and_lowers_no_bill() -> None:
    """Half the throughput: twice the replicas at the same load, and at none the same bill."""
    full = 730 * 3600
    half = serving(utilisation=0.5)
    assert int(half.replicas(full)) == 2
    assert float(half.usd_per_month(1)) == float(serving().usd_per_month(1)) == 730


@pytest.mark.parametrize("name", ["attempts", "peak_factor"])
def test_what_loads_a_server_twice_needs_twice_the_servers(name: str) -> None:
    """Repeated attempts and peaks."""
    assert int(serving(**{name: 2.0}).replicas(730 * 3600)) == 2


def test_all_parts_are_added() -> None:
    """3 replicas of 2 GPUs at $1.5, 10 % more, 20 h and 120/12 h at $100, 5 % bought at $0.01."""
    own = serving(
        usd_per_gpu_hour=1.5, gpus_per_replica=2, min_replicas=2, spare_replicas=1,
        infrastructure_share=0.1, operations_hours=20, setup_hours=120, fallback_share=0.05,
    )  # fmt: skip
    servers = 3 * 2 * 1.5 * 730 * 1.1
    assert float(own.usd_per_month(10_000, 0.01)) == pytest.approx(servers + 2000 + 1000 + 5)


def test_owned_hardware_costs_capital_and_power() -> None:
    """$36,000 over 36 months, 1.5 kW at $0.2."""
    assert owned_usd_per_gpu_month(36_000, 36, 1.5, 0.2, 730) == pytest.approx(1000 + 219)


def test_many_volumes_at_once_are_the_same_as_one_by_one() -> None:
    """Arrays in, arrays out."""
    volumes = np.array([1.0, 3e6, 9e6])
    own = serving(operations_hours=3)
    assert [float(own.usd_per_month(v)) for v in volumes] == own.usd_per_month(volumes).tolist()


def test_a_month_ahead_is_added_up() -> None:
    """$730 a month against 100,000 requests at $0.01, $809 to begin with: level after 3."""
    ahead = look_ahead(serving(), 100_000, 0.01, Outlook(months=12, switching_usd=809))
    assert ahead.api_usd.tolist() == pytest.approx([1000 * m for m in range(1, 13)])
    assert ahead.own_usd.tolist() == pytest.approx([809 + 730 * m for m in range(1, 13)])
    assert ahead.payback_month == 3


def test_while_leaving_both_are_paid() -> None:
    """1.5 months of an API at $1,000 a month on top: $1,000 after one month, $1,500 ever after."""
    weeks = 1.5 / MONTHS_PER_WEEK
    ahead = look_ahead(serving(), 100_000, 0.01, Outlook(months=4, switching_weeks=weeks))
    both = ahead.own_usd - 730 * np.arange(1, 5)
    assert both.tolist() == pytest.approx([1000, 1500, 1500, 1500])
    long = look_ahead(serving(), 100_000, 0.01, Outlook(months=2, switching_weeks=520))
    assert (long.own_usd - 730 * np.arange(1, 3)).tolist() == pytest.approx([1000, 2000])


def test_falling_prices_undo_a_payback() -> None:
    """What is level in month 3 must stay so to the end."""
    falling = Outlook(months=60, switching_usd=809, price_change_per_year=-0.6)
    assert look_ahead(serving(), 100_000, 0.01, falling).payback_month is None


def test_the_last_month_can_be_the_first_that_pays() -> None:
    """Level in the last month looked at."""
    assert look_ahead(serving(), 100_000, 0.01, Outlook(3, switching_usd=809)).payback_month == 3
    assert look_ahead(serving(), 100_000, 0.01, Outlook(2, switching_usd=809)).payback_month is None
