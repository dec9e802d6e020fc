"""How many samples a comparison needs, and what a given number of them can show.

Plans from normal approximations: the interval afterwards is what counts. It does not know what a
sample costs.
"""

from __future__ import annotations

import math

from evalkit.stats.distributions import normal_quantile


def sample_size_noninferiority(
    discordance: float,
    margin: float,
    alpha: float = 0.05,
    power: float = 0.8,
    difference: float = 0.0,
) -> float:
    """Return how many samples `noninferiority` needs to pass with this power.

    (z[1 - alpha] + z[power])² (discordance - difference²) / (difference + margin)², rounded up.

    Args:
        discordance: Expected share of samples that only one of the two gets right.
        margin: The loss that is accepted, as a share.
        alpha: One-sided level of the test.
        power: Probability of "pass" that is wanted, at least 0.5.
        difference: The true difference, candidate minus incumbent; 0 where nothing changed.

    Raises:
        ValueError: If discordance is not within (0, 1], alpha not within (0, 0.5), power not
            within [0.5, 1), if the difference is larger than the discordance allows, or not
            above -margin: a candidate that is worse by the margin can never be shown to pass; or
            if the difference is so near to -margin that no number of samples is large enough.

    Source:
        The normal approximation to Tango's test, with the variance at the true difference: Tango
        (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B.

    Example:
        >>> sample_size_noninferiority(0.15, 0.05)
        371.0
    """
    _check_discordance(discordance)
    z = _one_sided(alpha) + _of_power(power)
    if not 0.0 <= margin < 1.0 or abs(difference) > discordance:
        raise ValueError(
            f"a margin within [0, 1) and a difference within the discordance are needed, got "
            f"{margin!r}, {difference!r} and {discordance!r}"
        )
    if difference <= -margin:
        raise ValueError(
            f"no number of samples shows it: the difference {difference!r} is not above the "
            f"margin's {-margin!r}"
        )
    variance = discordance - difference * difference
    distance = (difference + margin) ** 2
    size = z * z * variance / distance if distance > 0.0 else math.inf
    if not math.isfinite(size):
        raise ValueError(
            f"no number of samples shows it: the difference {difference!r} is too near to the "
            f"margin's {-margin!r}"
        )
    return max(1.0, float(math.ceil(size)))


def minimum_detectable_effect(
    discordance: float, n: int, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Return the difference of two paired rates that n samples show with this power.

    (z[1 - alpha/2] + z[power]) sqrt(discordance / n): say it beside every "no difference".

    Args:
        discordance: Share of samples that only one of the two gets right.
        n: Samples.
        alpha: Two-sided level of the test.
        power: Probability of finding the difference, at least 0.5.

    Raises:
        ValueError: If discordance is not within (0, 1], n is below 1, alpha or power out of
            range, or if the effect exceeds the discordance: then n samples cannot show any.

    Source:
        Miller (2024), arXiv:2411.00640, with the variance of a paired binary difference at 0.

    Example:
        >>> round(minimum_detectable_effect(0.2, 200), 4)
        0.0886
    """
    _check_discordance(discordance)
    if not n >= 1:
        raise ValueError(f"n must be at least 1, got {n!r}")
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha!r}")
    z = normal_quantile(1.0 - alpha / 2.0) + _of_power(power)
    effect = z * math.sqrt(discordance / n)
    if effect > discordance:
        raise ValueError(
            f"{n} samples show no effect that is possible: {effect:.3f} would exceed the "
            f"discordance {discordance:.3f}"
        )
    return effect


def needed_units(spread: float, distance: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return how many units let the one-sided bound of a mean clear a limit with this power.

    ((z[1 - alpha] + z[power]) spread / distance)², rounded up, and at least
    log(alpha) / log(1 - distance) of them where distance is below 1: as many units that all
    agree would still leave room for a share `distance` of others (0.05: 59, the rule of three).

    Args:
        spread: Standard deviation of the values (or paired differences) per unit.
        distance: How far the limit is from the true mean, in the same measure.
        alpha: One-sided level of the bound.
        power: Probability of clearing the limit, at least 0.5.

    Raises:
        ValueError: If distance is not a number above 0, spread is negative or not finite, or
            alpha or power out of range.

    Source:
        The normal approximation for a mean of known spread; Hanley & Lippman-Hand (1983),
        doi:10.1001/jama.1983.03330370053031, for the rule of three.

    Example:
        >>> needed_units(0.3, 0.05), needed_units(0.0, 0.05)
        (223.0, 59.0)
    """
    if not 0.0 < distance < math.inf:
        raise ValueError(f"distance must be above 0, got {distance!r}")
    if not 0.0 <= spread < math.inf:
        raise ValueError(f"spread must be a number of at least 0, got {spread!r}")
    z = _one_sided(alpha) + _of_power(power)
    least = math.log(alpha) / math.log1p(-distance) if distance < 1.0 else 1.0
    return float(max(1, math.ceil((z * spread / distance) ** 2), math.ceil(least)))


def _check_discordance(discordance: float) -> None:
    if not 0.0 < discordance <= 1.0:
        raise ValueError(f"discordance must be a share within (0, 1], got {discordance!r}")


def _one_sided(alpha: float) -> float:
    if not 0.0 < alpha < 0.5:
        raise ValueError(f"alpha must be between 0 and 0.5, got {alpha!r}")
    return normal_quantile(1.0 - alpha)


def _of_power(power: float) -> float:
    if not 0.5 <= power < 1.0:
        raise ValueError(f"power must be within [0.5, 1), got {power!r}")
    return normal_quantile(power)
