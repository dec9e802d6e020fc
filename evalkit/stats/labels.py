"""Labels as numbers: codes for what raters said, and which of it is missing.

Labels may be text, numbers, booleans or anything that can be compared and hashed. It does not
know what they mean, nor their order unless they are numbers.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from numbers import Number
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.intp]


class Pairs(NamedTuple):
    """What two raters said of the same items.

    Attributes:
        x: Codes of the first rater, shape (n,).
        y: Codes of the second, shape (n,).
        labels: The label of each code, in order of appearance.
    """

    x: Codes
    y: Codes
    labels: list[Hashable]


def paired(x: Iterable[Any], y: Iterable[Any]) -> Pairs:
    """Number the labels of two raters alike.

    Raises:
        ValueError: If there is no label, if lengths differ, if a label is missing or unhashable,
            or if text and numbers are mixed.
    """
    first, second = as_list(x), as_list(y)
    if len(first) != len(second):
        raise ValueError(f"x and y must have equal lengths, got {len(first)} and {len(second)}")
    if not first:
        raise ValueError("x and y are empty; at least one pair of labels is needed")
    table: dict[Hashable, int] = {}
    codes = Pairs(encoded(first, table), encoded(second, table), list(table))
    if any(map(is_missing, table)):
        raise ValueError("a label is missing; leave out pairs without both labels")
    check_kinds(codes.labels)
    return codes


def as_list(labels: Iterable[Any]) -> list[Any]:
    """Return a vector of labels as a list.

    Raises:
        ValueError: If it is an array of more than one dimension.
    """
    if isinstance(labels, np.ndarray):
        if labels.ndim != 1:
            raise ValueError(f"a vector of labels is needed, got shape {labels.shape}")
        found: list[Any] = labels.tolist()
        return found
    return list(labels)


def encoded(labels: list[Any], table: dict[Hashable, int]) -> Codes:
    """Number labels by a table that grows with every new one.

    Raises:
        ValueError: If a label cannot be hashed.
    """
    number = table.setdefault
    try:
        codes = (number(label, len(table)) for label in labels)
        return np.fromiter(codes, dtype=np.intp, count=len(labels))
    except TypeError as error:
        raise ValueError(f"labels must be hashable: {error}") from error


def is_missing(label: object) -> bool:
    """Return whether it is None, NaN or the NA of a data frame."""
    if isinstance(label, float | np.floating):
        return bool(label != label)
    return label is None or type(label).__name__ in ("NAType", "NaTType")


def check_kinds(labels: Iterable[Hashable]) -> None:
    """Refuse labels that look alike and are not.

    Raises:
        ValueError: If text and numbers are mixed, as '1' never equals 1.
    """
    kinds = {type(label): label for label in labels}
    text = [label for kind, label in kinds.items() if issubclass(kind, str)]
    number = [label for kind, label in kinds.items() if is_numeric(kind)]
    if text and number:
        raise ValueError(f"labels mix text and numbers, got {text[0]!r} and {number[0]!r}")


def is_numeric(kind: type) -> bool:
    """Return whether labels of a type are numbers or booleans."""
    return issubclass(kind, Number | np.bool_)


def as_numbers(labels: Sequence[Hashable], purpose: str) -> npt.NDArray[np.float64]:
    """Return labels as finite numbers, shape (k,).

    Args:
        labels: What to turn into numbers.
        purpose: What needs them, for the message.

    Raises:
        ValueError: If one is no number or not finite.
    """
    numeric = {kind: is_numeric(kind) for kind in set(map(type, labels))}
    if not all(numeric.values()):
        label = next(label for label in labels if not numeric[type(label)])
        raise ValueError(f"{purpose} needs numbers as labels, got {label!r}")
    values = np.array(labels, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{purpose} needs finite numbers as labels")
    return values
