"""Whether checking a schema can run away: by recursion, by references that multiply, by patterns.

Each check of such a schema may take very long on a small document, inside a library that cannot be
interrupted. This module only looks at the schema; it checks nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

MAX_EXPANSION = 50_000
"""Subschemas after all references are written out: ordinary schemas have some hundred."""
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_MAPS = ("properties", "patternProperties", "dependentSchemas", "dependencies")
_ONES = ("not", "if", "then", "else", "items", "additionalItems", "additionalProperties",
         "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties")  # fmt: skip
_BACKTRACKS = re.compile(r"\(\?(?:[=!>(]|<[=!])|\\[1-9k]|[*+?}]\+")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class _RunsAway(Exception):
    """Raised as soon as it is known."""


def may_run_away(schema: Mapping[str, Any]) -> bool:
    """Return whether a schema is recursive, expands beyond bounds, or cannot be followed.

    Also where a pattern looks around or back: all others are matched in linear time.

    >>> may_run_away({"type": "object", "properties": {"a": {"$ref": "#/$defs/t"}}, "$defs":
    ...               {"t": {"type": "string"}}})
    False
    >>> may_run_away({"properties": {"child": {"$ref": "#"}}})
    True
    """
    sizes: dict[int, int] = {}
    try:
        return _size(schema, schema, sizes, set()) > MAX_EXPANSION
    except (_RunsAway, RecursionError):
        return True


def _size(root: Mapping[str, Any], node: object, sizes: dict[int, int], above: set[int]) -> int:
    """Return how many subschemas a node has once every reference is written out."""
    if not isinstance(node, Mapping):
        return 1
    if id(node) in above:
        raise _RunsAway
    if id(node) not in sizes:
        if _has_backtracking(node):
            raise _RunsAway
        above.add(id(node))
        sizes[id(node)] = 1 + sum(_size(root, child, sizes, above) for child in _below(root, node))
        above.remove(id(node))
    return sizes[id(node)]


def _has_backtracking(node: Mapping[str, Any]) -> bool:
    named = node.get("patternProperties")
    patterns = [node.get("pattern"), *(named if isinstance(named, Mapping) else ())]
    return any(isinstance(p, str) and _BACKTRACKS.search(p) for p in patterns)


def _below(root: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[object]:
    for keyword in _LISTS:
        children = node.get(keyword)
        if isinstance(children, list):
            yield from children
    for keyword in _MAPS:
        named = node.get(keyword)
        if isinstance(named, Mapping):
            yield from named.values()
    for keyword in _ONES:
        if isinstance(node.get(keyword), Mapping):
            yield node[keyword]
    for keyword in _REFERENCES:
        if keyword in node:
            yield _referred(root, node[keyword])


def _referred(root: Mapping[str, Any], reference: object) -> object:
    """Follow a JSON pointer in the schema; anything else is not followed."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        raise _RunsAway
    node: object = root
    for step in unquote(reference).split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and key.isdigit() and int(key) < len(node):
            node = node[int(key)]
        elif isinstance(node, Mapping) and key in node:
            node = node[key]
        else:
            raise _RunsAway
    return node
