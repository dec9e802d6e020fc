"""YAML text as nodes with positions, within bounds: no depth or alias can exhaust the process.

Built on PyYAML's parser (libyaml where it is there); its own composer recurses in C and dies on
deep nesting. This module does not know what the nodes mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from yaml.composer import Composer, ComposerError

MERGE = "tag:yaml.org,2002:merge"
COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
TEXT = "tag:yaml.org,2002:str"
VALUE = "tag:yaml.org,2002:value"
MAX_DEPTH = 60
MAX_NODES = 100_000


class _Bounded:
    """Counts depth and nodes while composing."""

    depth = 0
    count = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self.depth += 1
        self.count += 1
        try:
            _bound(self.depth, self.count, self.peek_event().start_mark)  # type: ignore[attr-defined]
            return super().compose_node(parent, index)  # type: ignore[misc]
        finally:
            self.depth -= 1


def _begin(loader: Any, text: str) -> None:
    yaml.CSafeLoader.__init__(loader, text)
    Composer.__init__(loader)


try:
    _Loader: Any = type("_Loader", (_Bounded, Composer, yaml.CSafeLoader), {"__init__": _begin})
except AttributeError:  # PyYAML without libyaml
    _Loader = type("_Loader", (_Bounded, yaml.SafeLoader), {})


def compose(text: str) -> Any:
    """Return the root node of a document, None where it is empty.

    Raises:
        yaml.YAMLError: If it is no single YAML document, or goes beyond the bounds; aliases
            count each time that they are used.
    """
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
    finally:
        loader.dispose()
    if root is not None:
        _count_aliases(root)
    return root


def _count_aliases(root: Any) -> None:
    """Walk the document as it will be unfolded."""
    count = 0
    stack = [(root, 1)]
    while stack:
        node, depth = stack.pop()
        count += 1
        _bound(depth, count, node.start_mark)
        stack.extend((child, depth + 1) for child in _children(node))


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _bound(depth: int, count: int, mark: Any) -> None:
    if depth > MAX_DEPTH:
        raise ComposerError(None, None, f"it is nested deeper than {MAX_DEPTH} levels", mark)
    if count > MAX_NODES:
        raise ComposerError(None, None, f"it holds more than {MAX_NODES:,} values", mark)
