"""The order in which a run that may stop early asked its samples, for bounds that need it.

Bounds that hold whenever one looks are made of the values in the order that was fixed beforehand,
up to where the run was decided. It does not know how a run is stopped.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from evalkit.analysis.gates.policy import Rule
from evalkit.analysis.outcomes import Ids
from evalkit.analysis.sides import Side
from evalkit.core.ordering import place_of

Order = Callable[[Ids], npt.NDArray[np.intp]]


def asked_order(baseline: Side, candidate: Side, rule: Rule) -> Order | None:
    """Return what puts samples into the order they were asked in; None where none was stopped.

    What came back after the decision is left out: whether it came may hang on the decision.
    """
    stopping = candidate.stopping or baseline.stopping
    if stopping is None or rule.measure.kind != "mean" or rule.kind == "max_regressions":
        return None
    seed = int(stopping["seed"])
    last = int(stopping["last_place"].get(candidate.outcomes.suite, "0"), 16)

    def order(sample: Ids) -> npt.NDArray[np.intp]:
        places = np.array([place_of(int(one), seed) for one in sample], dtype=np.uint64)
        found = np.argsort(places, kind="stable")
        return np.asarray(found[places[found] <= np.uint64(last)])

    return order
