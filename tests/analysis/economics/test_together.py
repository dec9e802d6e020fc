"""Several suites on one model's servers, against one suite and by hand."""

from __future__ import annotations

import pytest

from evalkit.analysis.economics.together import joint_replicas, joint_usd_per_month
from tests.analysis.economics.servings import serving

FULL = 730 * 3600  # requests a month of a replica


def test_one_suite_costs_what_it_costs() -> None:
    """Whatever the volume, attempts, fallback."""
    own = serving(attempts=1.2, fallback_share=0.1, operations_hours=3, min_replicas=2)
    for volume in (1.0, 3e6, 2e7):
        assert float(joint_usd_per_month([own], [volume], [0.01])) == pytest.approx(
            float(own.usd_per_month(volume, 0.01))
        )


def test_two_halves_of_a_replica_need_one() -> None:
    """Each alone needs one too; people are paid once."""
    own = serving(operations_hours=1)
    assert int(joint_replicas([own, own], [FULL / 2, FULL / 2])) == 1
    assert int(joint_replicas([own, own], [FULL / 2, FULL / 2 + 1])) == 2
    assert float(joint_usd_per_month([own, own], [FULL / 2, FULL / 2], [0, 0])) == 830


def test_a_suite_that_asks_twice_loads_twice() -> None:
    """A quarter at two attempts is half a replica."""
    once, twice = serving(), serving(attempts=2.0)
    assert int(joint_replicas([once, twice], [FULL / 2, FULL / 4])) == 1
    assert int(joint_replicas([twice, once], [FULL / 4 + 1, FULL / 2])) == 2


def test_what_is_handed_on_costs_each_suites_own_price() -> None:
    """A tenth of 1,000 at $0.01 and of 1,000 at $0.03."""
    own = serving(fallback_share=0.1)
    assert float(joint_usd_per_month([own, own], [1000, 1000], [0.01, 0.03])) == pytest.approx(734)
