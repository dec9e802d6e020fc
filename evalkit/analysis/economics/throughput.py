"""What one replica may answer, where nobody has measured it: an estimate by the model's size.

The size is read off the model's name. It does not know the server, and each estimate says so.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

from evalkit.analysis.economics.defaults import Default
from evalkit.analysis.economics.triangle import Triangle, certain

TOKENS_PER_REQUEST = 2300.0
_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z0-9])")
_READ = dt.date(2026, 11, 20)
_SOURCE = (
    "aiconfigurator 0.12.0, vLLM 0.24 database{}; an estimate, not measured: your own server's "
    "figure decides"
)
_MIX = "2,000 tokens in and 300 out"


class Estimate(NamedTuple):
    """What is assumed of one replica.

    Attributes:
        requests_per_s: Its throughput.
        gpus: What it runs on.
        is_known: False where the model's size is not, or is none that there is an estimate of.
    """

    requests_per_s: Default
    gpus: Default
    is_known: bool = True


def _estimate(
    requests_per_s: tuple[float, float, float], gpus: int, what: str, more: str
) -> Estimate:
    low, mode, high = requests_per_s
    text = f"requests a second of one replica, {what}, {_MIX}"
    return Estimate(
        Default(Triangle(low=low, mode=mode, high=high), text, _SOURCE.format(more), _READ),
        Default(certain(gpus), f"GPUs of one replica, {what}", _SOURCE.format(""), _READ),
    )


_HALF = ", concurrency 16 to 64 on an H100; half of it at the low end is evalkit's own"
_ONE = ", out of one concurrency on an H100; half of it at the low end is evalkit's own"
SMALL = _estimate((1.38, 2.39, 4.8), 1, "8B model", ", concurrency 16: L40S, A100, H100")
MEDIUM = _estimate((0.84, 1.68, 3.39), 1, "32B model in FP8", _HALF)
LARGE = _estimate((1.13, 2.26, 4.47), 4, "70B model on four GPUs", _HALF)
NAMED = {
    "gpt-oss-20b": _estimate((3.28, 4.92, 6.56), 1, "gpt-oss-20b, concurrency 16", _ONE),
    "gpt-oss-120b": _estimate((3.01, 4.52, 6.02), 1, "gpt-oss-120b, concurrency 64", _ONE),
    "30b-a3b": _estimate((3.57, 5.36, 7.14), 1, "Qwen3-30B-A3B in FP8, concurrency 64", _ONE),
}
"""Output tokens a second by 300: 1,967, 1,807 and 2,142."""
SIZES = ((10.0, SMALL), (34.0, MEDIUM), (80.0, LARGE))


def estimate_of(model: str) -> Estimate:
    """Return what is assumed of a replica of a model.

    Args:
        model: Its name.

    Example:
        >>> estimate_of("qwen3-8b").gpus.value.mode, estimate_of("llama-3.3-70b").gpus.value.mode
        (1, 4)
        >>> estimate_of("mixtral-8x7b").is_known
        False
    """
    name = model.casefold().replace("_", "-")
    for part, own in NAMED.items():
        if part in name:
            return own
    size = size_of(name)
    if size is None:
        return SMALL._replace(is_known=False)
    for most, own in SIZES:
        if size <= most:
            return own
    return LARGE._replace(is_known=False)


def size_of(model: str) -> float | None:
    """Return how many billion weights a model's name says that it has; None where it says none.

    Example:
        >>> size_of("llama-3.1-8b-instruct"), size_of("qwen2.5-0.5b"), size_of("llama-4-scout")
        (8.0, 0.5, None)
    """
    found = _SIZE.findall(model.casefold().replace("_", "-"))
    return float(found[0]) if len(found) == 1 else None
