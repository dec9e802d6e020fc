"""Policy: who may see what, over the whole table and by laws."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalkit.core.policy import (
    SENSITIVITIES,
    Governance,
    Requirement,
    demand_problem,
    refusal_reason,
    requirement,
    strictest,
    weakest,
)

REGIONS = ("eu", "us", "de", "on-premises")
DEMANDS = st.builds(
    Requirement,
    sensitivity=st.sampled_from(SENSITIVITIES),
    regions=st.none() | st.sets(st.sampled_from(REGIONS), min_size=1).map(sorted).map(tuple),
    trains_on_data=st.sampled_from([None, "no", "opt_out"]),
    max_retention_days=st.none() | st.sampled_from([0, 30, 90.5]),
)
DECLARED = st.builds(
    Governance,
    regions=st.none() | st.sets(st.sampled_from(REGIONS)).map(sorted).map(tuple),
    trains_on_data=st.sampled_from([None, "yes", "no", "opt_out"]),
    retention_days=st.none() | st.sampled_from([0, 30, 365]),
    allowed_sensitivity=st.sampled_from([None, *SENSITIVITIES]),
)


def may_see(demand: Requirement, declared: Governance) -> bool:
    return refusal_reason(demand, declared) is None


@pytest.mark.parametrize("wanted", SENSITIVITIES)
@pytest.mark.parametrize("allowed", [None, *SENSITIVITIES])
def test_a_sample_goes_where_its_sensitivity_is_allowed(wanted: str, allowed: str | None) -> None:
    """The whole table; undeclared sees public samples only."""
    order = ("public", "internal", "confidential", "personal", "special")
    rank = -1 if allowed is None else order.index(allowed)
    expected = order.index(wanted) <= max(rank, 0)
    assert expected == may_see(
        Requirement(sensitivity=wanted), Governance(allowed_sensitivity=allowed)
    )


@pytest.mark.parametrize(
    ("demanded", "declared", "expected"),
    [
        (("eu",), ("eu",), True),
        (("eu", "us"), ("eu",), True),
        (("eu",), ("eu", "us"), False),  # it may process in either
        (("eu",), ("global",), False),
        (("eu",), None, False),
        (("eu",), (), False),
        (("eu",), ("on-premises",), True),  # nothing leaves the house
        (("on-premises",), ("eu",), False),
        (("on-premises",), ("on-premises",), True),
        (None, None, True),
    ],
)
def test_regions_are_met_by_a_declared_subset(
    demanded: tuple[str, ...] | None, declared: tuple[str, ...] | None, expected: bool
) -> None:
    """Unknown never meets a demand."""
    assert expected == may_see(Requirement(regions=demanded), Governance(regions=declared))


@pytest.mark.parametrize(
    ("demanded", "declared", "expected"),
    [("no", "no", True), ("no", "opt_out", False), ("no", "yes", False), ("no", None, False),
     ("opt_out", "opt_out", True), ("opt_out", "no", True), ("opt_out", "yes", False),
     ("opt_out", None, False), (None, "yes", True), (None, None, True)],
)  # fmt: skip
def test_training_on_data_is_met_by_what_is_as_strict(
    demanded: str | None, declared: str | None, expected: bool
) -> None:
    """`no` is more than `opt_out`."""
    assert expected == may_see(
        Requirement(trains_on_data=demanded), Governance(trains_on_data=declared)
    )


@pytest.mark.parametrize(
    ("demanded", "declared", "expected"),
    [(0, 0, True), (0, 1, False), (30, 30, True), (30, 30.5, False), (30, None, False),
     (0, None, False), (None, None, True), (None, 365, True)],
)  # fmt: skip
def test_retention_is_met_by_as_few_days(
    demanded: float | None, declared: float | None, expected: bool
) -> None:
    """0 days is a demand, not its absence."""
    assert expected == may_see(
        Requirement(max_retention_days=demanded), Governance(retention_days=declared)
    )


@given(DEMANDS, DECLARED)
def test_a_demand_is_met_only_where_each_part_is(demand: Requirement, declared: Governance) -> None:
    """No part outweighs another."""
    parts = [
        Requirement(sensitivity=demand.sensitivity),
        Requirement(regions=demand.regions),
        Requirement(trains_on_data=demand.trains_on_data),
        Requirement(max_retention_days=demand.max_retention_days),
    ]
    assert all(may_see(part, declared) for part in parts) == may_see(demand, declared)


@given(DEMANDS)
def test_who_declares_nothing_sees_public_samples_without_demands_only(demand: Requirement) -> None:
    """Unknown is not allowed."""
    assert (demand == Requirement()) == may_see(demand, Governance())


@given(st.lists(DEMANDS, max_size=4), st.randoms(use_true_random=False))
def test_the_strictest_does_not_see_the_order(demands: list[Requirement], random: Any) -> None:
    """Suite, sample and profile may come in any order."""
    shuffled = random.sample(demands, len(demands))
    assert strictest(demands) == strictest(shuffled)


@given(DEMANDS, DEMANDS, DEMANDS)
def test_the_strictest_can_be_joined_in_steps(
    a: Requirement, b: Requirement, c: Requirement
) -> None:
    """Associative, and joining a demand with itself changes nothing."""
    assert strictest([a, b, c]) == strictest([strictest([a, b]), c])
    assert a == strictest([a, a]) == strictest([a])


@given(st.lists(DEMANDS, max_size=3), DEMANDS, DECLARED)
def test_one_more_demand_never_lets_more_through(
    demands: list[Requirement], more: Requirement, declared: Governance
) -> None:
    """Monotone: what the joined demand lets through, each single one lets through."""
    if may_see(strictest([*demands, more]), declared):
        assert may_see(strictest(demands), declared)
        assert all(may_see(demand, declared) for demand in [*demands, more])


def test_regions_without_overlap_leave_ones_own_premises_only() -> None:
    """Suite says eu, sample says us: nobody else can meet both."""
    joined = strictest([Requirement(regions=("eu",)), Requirement(regions=("us",))])
    assert joined.regions == ()
    assert not may_see(joined, Governance(regions=("eu",)))
    assert may_see(joined, Governance(regions=("on-premises",)))


def test_no_demand_at_all_is_public() -> None:
    """The empty join is the weakest demand."""
    assert Requirement() == strictest([])
    assert Requirement() == requirement(None, None)


def test_a_mapping_becomes_a_requirement() -> None:
    """As suite.yaml and a sample's column write it."""
    assert Requirement(
        sensitivity="personal", regions=("de", "eu"), trains_on_data="no", max_retention_days=0
    ) == requirement(
        "personal", {"regions": ["eu", "de", "eu"], "trains_on_data": "no", "max_retention_days": 0}
    )


@pytest.mark.parametrize(
    ("require", "named"),
    [
        ({"region": ["eu"]}, "'region'"),
        ({"regions": "eu"}, "'eu'"),
        ({"regions": []}, "[]"),
        ({"regions": [1]}, "[1]"),
        ({"trains_on_data": "never"}, "'never'"),
        ({"max_retention_days": -1}, "-1"),
        ({"max_retention_days": True}, "True"),
        ({"max_retention_days": float("nan")}, "nan"),
    ],
)
def test_a_demand_that_is_not_understood_is_named(require: dict[str, Any], named: str) -> None:
    """Dropping it would send a sample where it must not go."""
    problem = demand_problem(require)
    assert problem is not None
    assert named in problem


def test_a_well_formed_demand_has_no_problem() -> None:
    """All parts are optional."""
    assert demand_problem({}) is None
    assert demand_problem({"regions": ["eu"], "max_retention_days": 0.5}) is None


@given(DEMANDS, st.lists(DECLARED, min_size=1, max_size=4))
@example(Requirement(regions=("eu",)), [Governance(regions=("eu",)), Governance()])
@example(
    Requirement(sensitivity="internal"), [Governance(allowed_sensitivity="special"), Governance()]
)
@example(Requirement(max_retention_days=9), [Governance(retention_days=1), Governance()])
@example(Requirement(trains_on_data="no"), [Governance(trains_on_data="no"), Governance()])
def test_who_asks_several_may_see_what_each_of_them_may(
    demand: Requirement, declared: list[Governance]
) -> None:
    """The joined declaration meets a demand just where all do."""
    assert may_see(demand, weakest(declared)) == all(may_see(demand, own) for own in declared)
