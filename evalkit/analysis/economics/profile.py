"""business.yaml as a record: what only the business knows.

Every key is checked. What is missing stays None here; `assumptions` fills it in and says so. It
does not know runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalkit.analysis.economics.triangle import Triangle, certain
from evalkit.core.documents import Node, read_yaml
from evalkit.core.policy import SENSITIVITIES, demand_problem
from evalkit.core.records import Record

SCHEMA_VERSION = 1
LEAST, MOST = 1e-9, 1e12
_BOUND = f"between {LEAST:g} and {MOST:g} in size"
Fits = Callable[[float], bool]


class Limits(Record, frozen=True, kw_only=True):
    """What a task needs; None asks for nothing.

    Attributes:
        quality: Least quality, 0 to 1.
        malformed_rate: Most malformed first answers, 0 to 1.
        latency_p95_ms: Longest 95th percentile of latency.
    """

    quality: float | None = None
    malformed_rate: float | None = None
    latency_p95_ms: float | None = None


class SelfHosting(Record, frozen=True, kw_only=True):
    """How one model would be served; what is None takes the documented default.

    Attributes:
        usd_per_gpu_hour: Rent of one GPU.
        gpus_per_replica: GPUs that one copy of the model takes.
        requests_per_s_per_replica: What one copy answers within the service level.
        min_replicas: Copies that run whatever the load.
        spare_replicas: Copies beyond what the load needs.
        utilisation: Share of the throughput that is used, above 0 and at most 1.
        peak_factor: Peak load over mean load, at least 1.
        hours_per_month: Hours that the servers run.
        infrastructure_share: Network, storage, monitoring: share on top of the GPUs.
        fallback_share: Share of requests that an API answers instead.
        capex_usd: Price of one GPU with its share of a server, where it is owned.
        life_months: Months over which it is written off.
        kw: Power of one GPU with its share of a server, cooling included.
        usd_per_kwh: Price of electricity.
    """

    usd_per_gpu_hour: Triangle | None = None
    gpus_per_replica: Triangle | None = None
    requests_per_s_per_replica: Triangle | None = None
    min_replicas: Triangle | None = None
    spare_replicas: Triangle | None = None
    utilisation: Triangle | None = None
    peak_factor: Triangle | None = None
    hours_per_month: Triangle | None = None
    infrastructure_share: Triangle | None = None
    fallback_share: Triangle | None = None
    capex_usd: Triangle | None = None
    life_months: Triangle | None = None
    kw: Triangle | None = None
    usd_per_kwh: Triangle | None = None

    @property
    def is_owned(self) -> bool:
        """True where the hardware is bought, not rented."""
        return self.capex_usd is not None


class Operations(Record, frozen=True, kw_only=True):
    """Who runs it, and what their time costs."""

    hours_per_month: Triangle | None = None
    usd_per_hour: Triangle | None = None
    setup_hours: Triangle | None = None
    amortise_months: Triangle | None = None


class Profile(Record, frozen=True, kw_only=True):
    """All that business.yaml says.

    Attributes:
        requests_per_month: By suite.
        limits: By suite.
        sensitivity: By suite: how sensitive its data are in this business.
        require: By suite: what is demanded of whoever sees them.
        self_hosting: By model, without its provider.
        ml_engineers: People who could run a model; None where it is not said.
        switching_usd: What leaving the vendor in use costs.
        switching_weeks: How long it takes.
        horizon_months: How far ahead is looked.
        seed: Of the draws.
        file: Where it was read.
    """

    requests_per_month: dict[str, Triangle] = {}
    limits: dict[str, Limits] = {}
    sensitivity: dict[str, str] = {}
    require: dict[str, dict[str, Any]] = {}
    self_hosting: dict[str, SelfHosting] = {}
    operations: Operations = Operations()
    ml_engineers: float | None = None
    switching_usd: float | None = None
    switching_weeks: float | None = None
    api_price_change_per_year: Triangle | None = None
    volume_growth_per_year: Triangle | None = None
    horizon_months: int = 12
    seed: int = 0
    file: str = ""


def read_profile(path: Path) -> Profile:
    """Read business.yaml.

    Raises:
        ConfigError: With file and line of every problem.
    """
    root = read_yaml(path)
    root.take("schema_version", int, 1, allowed=(SCHEMA_VERSION,))
    talent, switching = root.mapping("talent"), root.mapping("switching")
    profile = Profile(
        requests_per_month=_volumes(root.mapping("volumes")),
        limits={str(name): _limits(own) for name, own in _mappings(root.mapping("limits"))},
        sensitivity=_sensitivities(root.mapping("sensitivity")),
        require=_requirements(root.mapping("require")),
        self_hosting={
            str(name): _self_hosting(own) for name, own in _mappings(root.mapping("self_hosting"))
        },
        operations=_operations(root.mapping("operations")),
        ml_engineers=_amount(talent, "ml_engineers", _not_negative, "a number from 0 up"),
        switching_usd=_amount(switching, "usd", _not_negative, "a number from 0 up"),
        switching_weeks=_amount(switching, "weeks", _not_negative, "a number from 0 up"),
        api_price_change_per_year=_range(
            root, "api_price_change_per_year", lambda v: v > -1, "above -1 (-0.3: 30 % less)"
        ),
        volume_growth_per_year=_range(
            root, "volume_growth_per_year", lambda v: v > -1, "above -1 (0.5: half as much again)"
        ),
        horizon_months=root.take(
            "horizon_months",
            int,
            12,
            valid=lambda v: 1 <= v <= 120,
            what="a whole number, 1 to 120",
        ),
        seed=root.take("seed", int, 0, valid=lambda v: v >= 0, what="a whole number from 0 up"),
        file=str(path),
    )
    talent.refuse_unknown()
    switching.refuse_unknown()
    root.refuse_unknown()
    root.stop_on_problems()
    return profile


def _is_sane(value: float) -> bool:
    """Say whether figures of this size can still be divided and added up."""
    return math.isfinite(value) and (value == 0 or LEAST <= abs(value) <= MOST)


def _not_negative(value: float) -> bool:
    return value >= 0


def _positive(value: float) -> bool:
    return value > 0


def _mappings(node: Node) -> list[tuple[str, Node]]:
    """Return the named mappings below a node; what is none is refused."""
    found = []
    for name, child in node.items():
        if isinstance(child.value, dict):
            found.append((name, child))
        else:
            child.refuse(f"{name!r} must be a mapping, got {child.shown}")
    return found


def _amount(node: Node, key: str, fits: Fits, what: str) -> float | None:
    value = node.take(
        key, (int, float), None, valid=lambda v: math.isfinite(v) and fits(v), what=what
    )
    if value is not None and not _is_sane(value):
        child = node.node(key)
        (child or node).refuse(f"`{key}` must be 0 or {_BOUND}, got {value:g}")
        return None
    return None if value is None else float(value)


def _range(node: Node, key: str, fits: Fits, what: str) -> Triangle | None:
    """Return a number or a `{low, mode, high}` triangle; None where the key is missing."""
    child = node.node(key)
    if child is None or child.value is None:
        return None
    if not isinstance(child.value, dict):
        value = _amount(node, key, fits, f"a number {what}, or {{low, mode, high}}")
        return None if value is None else certain(value)
    before = len(child.problems)
    low, mode, high = (
        child.take(
            name,
            (int, float),
            valid=lambda v: math.isfinite(v) and fits(v),
            what=f"a number {what}",
        )
        for name in ("low", "mode", "high")
    )
    child.refuse_unknown()
    if len(child.problems) > before:
        return None
    if not all(map(_is_sane, (low, mode, high))):
        child.refuse(f"`{key}` must be 0 or {_BOUND}, got {low:g}, {mode:g}, {high:g}")
        return None
    if not low <= mode <= high:
        child.refuse(
            f"`{key}` must rise from low over mode to high, got {low:g}, {mode:g}, {high:g}"
        )
        return None
    return Triangle(low=float(low), mode=float(mode), high=float(high))


def _volumes(node: Node) -> dict[str, Triangle]:
    found = {}
    for name, own in _mappings(node):
        volume = _range(own, "requests_per_month", _positive, "above 0")
        if volume is None and own.node("requests_per_month") is None:
            own.refuse(f"`requests_per_month` of {name!r} is missing")
        own.refuse_unknown()
        if volume is not None:
            found[str(name)] = volume
    return found


def _limits(node: Node) -> Limits:
    limits = Limits(
        quality=_amount(node, "quality", lambda v: 0 <= v <= 1, "a share from 0 to 1"),
        malformed_rate=_amount(
            node, "malformed_rate", lambda v: 0 <= v <= 1, "a share from 0 to 1"
        ),
        latency_p95_ms=_amount(node, "latency_p95_ms", _positive, "a number above 0"),
    )
    node.refuse_unknown()
    return limits


def _sensitivities(node: Node) -> dict[str, str]:
    return {
        str(name): value
        for name, _ in node.items()
        if (value := node.take(name, str, None, allowed=SENSITIVITIES)) is not None
    }


def _requirements(node: Node) -> dict[str, dict[str, Any]]:
    found = {}
    for name, own in _mappings(node):
        demands = own.rest()
        problem = demand_problem(demands)
        if problem is not None:
            own.refuse(problem)
        found[str(name)] = demands
    return found


def _self_hosting(node: Node) -> SelfHosting:
    whole = (lambda v: v >= 1 and v == int(v), "that is whole and at least 1")
    spare = (lambda v: v >= 0 and v == int(v), "that is whole and at least 0")
    share = (lambda v: 0 < v <= 1, "above 0 and at most 1")
    rules: dict[str, tuple[Fits, str]] = {
        "usd_per_gpu_hour": (_not_negative, "from 0 up"),
        "gpus_per_replica": whole,
        "requests_per_s_per_replica": (_positive, "above 0"),
        "min_replicas": whole,
        "spare_replicas": spare,
        "utilisation": share,
        "peak_factor": (lambda v: v >= 1, "from 1 up"),
        "hours_per_month": (lambda v: 0 < v <= 744, "above 0 and at most 744"),
        "infrastructure_share": (_not_negative, "from 0 up"),
        "fallback_share": (lambda v: 0 <= v < 1, "from 0 and below 1"),
        "capex_usd": (_not_negative, "from 0 up"),
        "life_months": (_positive, "above 0"),
        "kw": (_not_negative, "from 0 up"),
        "usd_per_kwh": (_not_negative, "from 0 up"),
    }
    found = SelfHosting(**{key: _range(node, key, *rule) for key, rule in rules.items()})
    owned = ("capex_usd", "life_months", "kw", "usd_per_kwh")
    given = [key for key in owned if getattr(found, key) is not None]
    if given and len(given) < len(owned):
        missing = next(key for key in owned if key not in given)
        node.refuse(f"owned hardware needs {', '.join(owned)}; `{missing}` is missing")
    if given and found.usd_per_gpu_hour is not None:
        node.refuse("hardware is rented (usd_per_gpu_hour) or owned (capex_usd), got both")
    node.refuse_unknown()
    return found


def _operations(node: Node) -> Operations:
    operations = Operations(
        hours_per_month=_range(node, "hours_per_month", _not_negative, "from 0 up"),
        usd_per_hour=_range(node, "usd_per_hour", _not_negative, "from 0 up"),
        setup_hours=_range(node, "setup_hours", _not_negative, "from 0 up"),
        amortise_months=_range(node, "amortise_months", _positive, "above 0"),
    )
    node.refuse_unknown()
    return operations
