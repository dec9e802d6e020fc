"""What a study that stops when it is decided does in the long run: simulated, for differences.

Differences are -1, 0 or 1: samples that only the second, both or neither, only the first got right.
It does not know what was observed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.stats.sequential import log_wealth

Array = npt.NDArray[np.float64]

_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class StoppingRates:
    """How often a test of a margin was decided, and when.

    Attributes:
        passed: Share of draws in which "worse by the margin or more" was rejected first.
        failed: Share in which "better than that" was.
        undecided: Share that reached the cap.
        median_samples: Median of the samples until the end; the cap where it was not decided.
        draws: How many studies were drawn.
    """

    passed: float
    failed: float
    undecided: float
    median_samples: float
    draws: int


def simulate_stopping(
    margin: float,
    truth: tuple[float, float],
    cap: int,
    *,
    alpha: float = 0.05,
    draws: int = 200,
    rng: np.random.Generator,
) -> StoppingRates:
    """Draw studies that look at `BettingTest` after every sample, up to a cap.

    Args:
        margin: The loss that is accepted, as a share.
        truth: The true difference, first minus second, and the true share of samples that only
            one gets right.
        cap: Most samples of a study.
        alpha: Error probability of each side.
        draws: How many studies.
        rng: Draws them.

    Raises:
        ValueError: If the discordance is not within |difference|..1, or cap or draws are below 1.

    Source:
        `evalkit.stats.sequential.BettingTest`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> found = simulate_stopping(0.05, (0.0, 0.1), 1000, rng=rng)
        >>> found.passed > 0.9, found.failed < 0.05
        (True, True)
    """
    difference, discordance = truth
    if not abs(difference) <= discordance <= 1.0:
        raise ValueError(
            f"the discordance must be at least the difference and at most 1, got {discordance!r}"
        )
    if cap < 1 or draws < 1:
        raise ValueError(f"cap and draws must be at least 1, got {cap!r} and {draws!r}")
    shares = ((discordance - difference) / 2.0, 1.0 - discordance)
    times = [
        _times(_drawn(shares, min(_AT_ONCE, draws - start), cap, rng), margin, alpha)
        for start in range(0, draws, _AT_ONCE)
    ]
    up, down = (np.concatenate([pair[side] for pair in times]) for side in (0, 1))
    passed, failed = (up < down) & (up <= cap), (down < up) & (down <= cap)
    return StoppingRates(
        passed=float(passed.mean()),
        failed=float(failed.mean()),
        undecided=float((~passed & ~failed).mean()),
        median_samples=float(np.median(np.minimum(np.minimum(up, down), cap))),
        draws=draws,
    )


def _drawn(
    shares: tuple[float, float], studies: int, cap: int, rng: np.random.Generator
) -> npt.NDArray[np.int8]:
    """Return differences, shape (studies, cap)."""
    uniform = rng.random((studies, cap))
    worse, same = shares
    return ((uniform >= worse + same).astype(np.int8) - (uniform < worse)).astype(np.int8)


def _times(
    values: npt.NDArray[np.int8], margin: float, alpha: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return when each side is rejected, in samples; infinite where never."""
    goal = math.log(1.0 / alpha)
    up = log_wealth(values, -margin, above=True) >= goal
    down = log_wealth(values, -margin, above=False) >= goal
    return _first(up), _first(down)


def _first(reached: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, math.inf)
