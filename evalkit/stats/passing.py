"""Chances of success when a sample is tried several times: at least once, and every time.

Estimated from n tries of which c succeeded, without bias. It does not know whether the tries were
independent, nor how a caller would tell which of k answers is right.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def pass_at_k(n: npt.ArrayLike, c: npt.ArrayLike, k: int) -> float:
    """Return the chance that at least one of k tries succeeds, averaged over samples.

    mean_i [1 - C(n_i - c_i, k) / C(n_i, k)], the share of the sets of k tries that hold a
    success. The plug-in 1 - (1 - c/n)^k is biased downwards.

    Args:
        n: Tries of each sample, a number or shape (samples,).
        c: Successes among them, likewise.
        k: Tries that are allowed.

    Raises:
        ValueError: If there is no sample, lengths differ, a count is negative or no whole
            number, c exceeds n, or a sample has fewer than k tries.

    Source:
        Chen et al. (2021), arXiv:2107.03374, equation 1.

    Example:
        >>> round(pass_at_k(10, 3, 5), 4), pass_at_k([10, 10], [0, 10], 5)
        (0.9167, 0.5)
    """
    tries, successes = _checked(n, c, k)
    missed = [_all_from(t - s, t, k) for t, s in zip(tries, successes, strict=True)]
    return math.fsum(1.0 - share for share in missed) / len(missed)


def pass_hat_k(n: npt.ArrayLike, c: npt.ArrayLike, k: int) -> float:
    """Return the chance that all of k tries succeed (pass^k), averaged over samples.

    mean_i [C(c_i, k) / C(n_i, k)]: what a caller sees who asks k times and relies on it.

    Args:
        n: Tries of each sample, a number or shape (samples,).
        c: Successes among them, likewise.
        k: Tries that have to succeed.

    Raises:
        ValueError: As `pass_at_k`.

    Source:
        Yao et al. (2024), tau-bench, arXiv:2406.12045.

    Example:
        >>> round(pass_hat_k(10, 9, 3), 4), pass_hat_k([8, 8], [8, 4], 8)
        (0.7, 0.5)
    """
    tries, successes = _checked(n, c, k)
    shares = [_all_from(s, t, k) for t, s in zip(tries, successes, strict=True)]
    return math.fsum(shares) / len(shares)


def _all_from(some: int, all_: int, k: int) -> float:
    """Return the chance that k draws without return are all from `some` of `all_`."""
    if some < k:
        return 0.0
    others = all_ - some
    if others < k:
        return math.prod(1.0 - k / (some + i) for i in range(1, others + 1))
    return math.prod((some - i) / (all_ - i) for i in range(k))


def _checked(n: npt.ArrayLike, c: npt.ArrayLike, k: int) -> tuple[list[int], list[int]]:
    tries, successes = np.atleast_1d(np.asarray(n)), np.atleast_1d(np.asarray(c))
    if tries.size == 0 or successes.size == 0:
        raise ValueError("at least one sample is needed")
    if tries.ndim > 1 or successes.ndim > 1 or len({1, tries.size, successes.size}) > 2:
        raise ValueError(
            f"one count for each sample is needed, got shapes {tries.shape} and {successes.shape}"
        )
    for values in (tries, successes, np.asarray(k)):
        if values.dtype.kind not in "iu":
            raise ValueError(f"counts must be whole numbers, got {values.dtype}")
    tries, successes = np.broadcast_arrays(tries, successes)
    if k < 1 or successes.min() < 0 or (successes > tries).any() or tries.min() < k:
        raise ValueError("0 <= c <= n, k >= 1 and n >= k are needed in every sample")
    return tries.tolist(), successes.tolist()
