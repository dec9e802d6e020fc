"""The order in which a run that may stop early asks its samples: fixed by a seed beforehand.

A place depends on the sample's id and the seed alone, so whoever reads the run finds the same
order again. It does not know samples.
"""

from __future__ import annotations

from evalkit.core.records import hash64


def place_of(sample: int, seed: int) -> int:
    """Return where a sample comes in the order: smaller places first.

    Args:
        sample: `hash64` of the sample's id.
        seed: The run's seed.

    Example:
        >>> place_of(hash64("s1"), 0) == place_of(hash64("s1"), 0) != place_of(hash64("s1"), 1)
        True
    """
    return hash64(f"{seed}\0place\0{sample}")
