"""YAML documents with positions: every complaint names file and line, no secret is echoed.

`read_yaml` gives a `Node`; taking keys out of it checks their types and collects the problems of
the whole document, so that a reader sees the first three at once. It knows neither suites nor
providers.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from evalkit.core.errors import ConfigError
from evalkit.core.keys import NOT_SHOWN, holds_key, is_key_name, is_variable
from evalkit.core.yaml_nodes import COLLECTIONS, MERGE, TEXT, VALUE, compose

_MISSING = object()
_ENV_USE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
MAX_YAML_BYTES = 10_000_000
_KEY_FIELD = re.compile(r"auth|key|token|secret|cookie|password", re.IGNORECASE)
_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+\Z")


class Node:
    """A value of a YAML document that knows where it stands.

    Attributes:
        value: Plain Python data.
        where: `file:line` (or the command-line option) for messages.
        written: What the file says, where `value` took something from the environment.
    """

    def __init__(
        self,
        value: Any,
        where: str,
        children: dict[Any, Node],
        problems: list[str],
    ) -> None:
        self.value = value
        self.where = where
        self.children = children
        self.problems = problems
        self.written: str | None = None
        self._taken: set[Any] = set()

    @property
    def shown(self) -> str:
        """The value for messages: as the file says it, never what the environment holds."""
        if self.written is None:
            return show(self.value)
        return show(self.written) + ("" if self.value else " (not set)")

    def refuse(self, problem: str) -> None:
        """Note one problem at this place."""
        self.problems.append(f"{self.where}: {problem}")

    def node(self, key: str) -> Node | None:
        """Return the child under a key and mark it as known."""
        self._taken.add(key)
        return self.children.get(key) if isinstance(self.value, dict) else None

    def take(
        self,
        key: str,
        kind: type | tuple[type, ...],
        default: Any = _MISSING,
        *,
        allowed: Iterable[Any] | None = None,
        valid: Callable[[Any], bool] | None = None,
        what: str = "",
    ) -> Any:
        """Return a checked value.

        Args:
            key: Key of this mapping.
            kind: Allowed type or types; a bool never passes for a number.
            default: Given back where the key is absent or null; without it the key is required.
            allowed: The values that are allowed.
            valid: A further condition, described by `what`.
            what: What is allowed, in words.
        """
        child = self.node(key)
        if child is None or child.value is None:
            if default is _MISSING:
                self.refuse(f"`{key}` is missing" + (f"; it is {what}" if what else ""))
                return None
            return default
        value = child.value if child.written is None else _typed(child.value, kind)
        if not _is_kind(value, kind):
            hint = _quotes_hint(value) if _is_kind("", kind) else ""
            child.refuse(f"`{key}` must be {what or _name(kind)}, got {child.shown}{hint}")
            return None if default is _MISSING else default
        if allowed is not None and value not in allowed:
            options = ", ".join(repr(a) for a in allowed if not isinstance(a, bool))
            child.refuse(f"`{key}` got {child.shown}; allowed: {options}")
        elif valid is not None and not valid(value):
            child.refuse(f"`{key}` must be {what}, got {child.shown}")
        else:
            return value
        return None if default is _MISSING else default

    def mapping(self, key: str) -> Node:
        """Return the mapping under a key; an empty one where it is absent."""
        child = self.node(key)
        if child is None or child.value is None:
            return Node({}, self.where, {}, self.problems)
        if not isinstance(child.value, dict):
            child.refuse(f"`{key}` must be a mapping, got {child.shown}")
            return Node({}, child.where, {}, self.problems)
        return child

    def strings(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return a list of texts; a single text counts as a list of one."""
        child = self.node(key)
        if child is None or child.value is None:
            return default
        values = child.value if isinstance(child.value, list) else [child.value]
        for value in values:
            if not isinstance(value, str):
                hint = _quotes_hint(value)
                child.refuse(f"`{key}` must be a list of texts, got {show(value)}{hint}")
                return default
        return tuple(values)

    def items(self) -> Iterable[tuple[str, Node]]:
        """Iterate over keys and children; all count as known."""
        for key, child in self.children.items():
            self._taken.add(key)
            yield key, child

    def rest(self) -> dict[str, Any]:
        """Return what has not been taken, as plain data, and mark it as known."""
        left = {k: c.value for k, c in self.children.items() if k not in self._taken}
        self._taken.update(left)
        return left

    def refuse_unknown(self) -> None:
        """Note every key that nothing has asked for."""
        known = sorted(str(k) for k in self._taken)
        for key, child in self.children.items():
            if key not in self._taken:
                near = get_close_matches(str(key), known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(known)
                child.refuse(f"unknown key {key!r}; {hint}")

    def stop_on_problems(self) -> None:
        """Raise what was noted so far.

        Raises:
            ConfigError: With all problems of the document.
        """
        if self.problems:
            raise ConfigError(self.problems)


def read_yaml(path: Path, *, expand_env: bool = False, roots: tuple[type, ...] = (dict,)) -> Node:
    """Read a YAML file.

    Args:
        path: The file.
        expand_env: Replace `${NAME}` and `${NAME:-default}` in texts.
        roots: What the whole document may be.

    Raises:
        ConfigError: If it cannot be read, is not UTF-8 YAML, repeats a key or holds a secret.
    """
    text = read_text(path)
    builder = _Builder([], lambda mark: f"{path}:{mark.line + 1 if mark else 1}", expand_env)
    try:
        node = builder.build(compose(text))
    except yaml.YAMLError as error:
        raise ConfigError(_yaml_problem(path, text, error)) from None
    node.stop_on_problems()
    if not isinstance(node.value, roots):
        got = "nothing" if node.value is None else show(node.value)
        raise ConfigError(f"{path}:1: it must be {_name(roots)}, got {got}")
    return node


def read_text(path: Path) -> str:
    """Read a UTF-8 file.

    Raises:
        ConfigError: If it is missing, too large, binary or not UTF-8; with the line.
    """
    try:
        if path.stat().st_size > MAX_YAML_BYTES:
            raise ConfigError(f"{path}: it is larger than {MAX_YAML_BYTES:,} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    return decode_text(data, path)


def decode_text(data: bytes, path: Path) -> str:
    """Decode UTF-8, with or without a byte order mark.

    Raises:
        ConfigError: If it is binary or not UTF-8; with the line.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ConfigError(f"{path}:1: it is UTF-16 text; save it as UTF-8")
    if b"\0" in data:
        raise ConfigError(
            f"{path}:{data[: data.index(0)].count(10) + 1}: it is a binary file, not text"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path}:{line}: it is not UTF-8 (byte 0x{data[error.start]:02x})"
        ) from None


def node_of(value: Any, where: str, problems: list[str]) -> Node:
    """Return plain data as a document all of whose parts stand at one place."""
    children: dict[Any, Node] = {}
    if isinstance(value, dict):
        children = {key: node_of(item, where, problems) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        value = list(value)
        children = {n: node_of(item, where, problems) for n, item in enumerate(value)}
    return Node(value, where, children, problems)


def override(node: Node, assignments: Iterable[str]) -> Node:
    """Return the document with `KEY=VALUE` settings applied, dots descending into mappings.

    Raises:
        ConfigError: If a setting has no `=` or descends into something that is no mapping.
    """
    for text in assignments:
        key, found, raw = text.partition("=")
        if not found or not key:
            raise ConfigError(
                f"--set {show(text)}: it must be KEY=VALUE, for example params.seed=1"
            )
        where = f"--set {key}"
        steps = key.split(".")
        child = _setting(raw, where, node.problems)
        _refuse_secrets(steps[-1], child)
        node = _with(node, steps, child, where)
    node.stop_on_problems()
    return node


def show(value: object, limit: int = 60) -> str:
    """Return a short `repr` for messages; what looks like a key is never shown."""
    text = repr(value)
    if holds_key(text):
        return NOT_SHOWN
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _with(node: Node, keys: list[str], value: Node, where: str) -> Node:
    """Return a copy of a mapping with one path replaced."""
    if not isinstance(node.value, dict):
        raise ConfigError(
            f"{where}: {keys[0]!r} cannot be set in {show(node.value)}; it is no mapping"
        )
    children = dict(node.children)
    if len(keys) == 1:
        children[keys[0]] = value
    else:
        child = children.get(keys[0])
        if child is None or child.value is None:
            child = Node({}, where, {}, node.problems)
        children[keys[0]] = _with(child, keys[1:], value, where)
    plain = {key: child.value for key, child in children.items()}
    return Node(plain, node.where, children, node.problems)


def _setting(raw: str, where: str, problems: list[str]) -> Node:
    """Read the value of a setting as YAML, and as plain text where it is none."""
    builder = _Builder(problems, lambda mark: where, expand_env=False)
    earlier = len(problems)
    try:
        node = builder.build(compose(raw)) if raw else None
    except yaml.YAMLError:
        node = None
    if node is None or (len(problems) > earlier and not builder.found_key):
        del problems[earlier:]
        return Node(raw, where, {}, problems)
    return node


class _Builder:
    """Turns composed YAML nodes into values that know where they stand."""

    def __init__(self, problems: list[str], place: Callable[[Any], str], expand_env: bool) -> None:
        self.problems = problems
        self.found_key = False
        self._place = place
        self._expand_env = expand_env
        self._constructor = yaml.constructor.SafeConstructor()

    def build(self, root: Any) -> Node:
        """Return a node with all below it."""
        if root is None:
            return Node(None, self._place(None), {}, self.problems)
        if not isinstance(root, yaml.ScalarNode) and root.tag not in COLLECTIONS:
            self.problems.append(
                f"{self._place(root.start_mark)}: unknown tag {root.tag!r}; allowed: none"
            )
        if isinstance(root, yaml.MappingNode):
            return self._mapping(root)
        if isinstance(root, yaml.SequenceNode):
            items = dict(enumerate(map(self.build, root.value)))
            values = [item.value for item in items.values()]
            return Node(values, self._place(root.start_mark), items, self.problems)
        return self._scalar(root)

    def _mapping(self, root: Any) -> Node:
        children: dict[Any, Node] = {}
        merged: dict[Any, Node] = {}
        for key_node, value_node in root.value:
            place = self._place(key_node.start_mark)
            if key_node.tag == MERGE:
                merged = {**self._merged(value_node, place), **merged}
                continue
            key = self._construct(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str | int | float | bool):
                self.problems.append(f"{place}: a key must be a text, got a {key_node.id}")
                continue
            if key in children:
                self.problems.append(f"{place}: key {key!r} stands twice")
            children[key] = child = self.build(value_node)
            child.where = place
            self.found_key |= _refuse_secrets(str(key), child)
        children = {**merged, **children}
        plain = {key: child.value for key, child in children.items()}
        return Node(plain, self._place(root.start_mark), children, self.problems)

    def _merged(self, root: Any, place: str) -> dict[Any, Node]:
        """Return what `<<: *anchor` brings; the first of several anchors wins."""
        nodes = root.value if isinstance(root, yaml.SequenceNode) else [root]
        found: dict[Any, Node] = {}
        for node in nodes:
            if not isinstance(node, yaml.MappingNode):
                self.problems.append(f"{place}: `<<` must name a mapping, got {show(node.value)}")
                continue
            found = {**self._mapping(node).children, **found}
        return found

    def _scalar(self, root: Any) -> Node:
        value = self._construct(root)
        if isinstance(value, str) and not root.style and _EXPONENT.match(value):
            value = float(value)  # YAML 1.1 takes 1e-3 for a text
        if isinstance(value, dt.date):
            value = value.isoformat()  # ISO 8601 texts everywhere
        node = Node(value, self._place(root.start_mark), {}, self.problems)
        if self._expand_env and isinstance(value, str) and _ENV_USE.search(value):
            node.written = value
            node.value = _ENV_USE.sub(lambda m: os.environ.get(m[1]) or (m[2] or ""), value)
        return node

    def _construct(self, node: Any) -> Any:
        """Give a scalar its YAML type; one that its tag does not fit stays the text that it is."""
        if node.tag in (TEXT, MERGE, VALUE):  # a lone `<<` or `=` is a text as well
            return node.value
        try:
            return self._constructor.construct_object(node, deep=True)
        except (ValueError, LookupError, AttributeError, OverflowError):
            return node.value


def _typed(value: Any, kind: type | tuple[type, ...]) -> Any:
    """Return a text from the environment as the number that is wanted, where it is one."""
    if not isinstance(value, str) or _is_kind("", kind):
        return value
    for number in (int, float):
        if _is_kind(number(), kind):
            try:
                return number(value)
            except ValueError:
                continue
    return value


def _quotes_hint(value: object) -> str:
    return "; put it in quotes" if isinstance(value, bool | int | float) else ""


def _refuse_secrets(key: str, node: Node) -> bool:
    """Refuse literal keys without echoing them; return whether one was found."""
    if isinstance(node.value, list):
        return any([_refuse_secrets(key, child) for child in node.children.values()])
    text = node.value if node.written is None else node.written
    problem = _secret_problem(key, text) if isinstance(text, str) else None
    if problem:
        node.refuse(problem)
    return problem is not None


def _secret_problem(key: str, text: str) -> str | None:
    """Return what is wrong with a text that is, holds or would show a key."""
    if key.endswith("_env"):
        if is_variable(text):
            return None
        return (
            f"`{key}` must be the name of an environment variable, got something else (not shown)"
        )
    literal = _ENV_USE.sub(lambda m: m[2] or "", text)
    bare = literal.strip() in ("", "Bearer", "Basic")
    if holds_key(literal) or (is_key_name(key) and not bare):
        return (
            f"`{key}` holds a literal key (not shown); "
            "name an environment variable in `api_key_env` instead"
        )
    if not is_key_name(key) and not _KEY_FIELD.search(key):
        for name in _ENV_USE.finditer(text):
            if is_key_name(name[1]) or name[1].endswith("_KEY"):
                return f"`{key}` would show the key in {name[1]}; name it in `api_key_env` instead"
    return None


def _yaml_problem(path: Path, text: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark is not None else None
    problem = getattr(error, "problem", None) or "it cannot be read"
    if isinstance(error, yaml.reader.ReaderError):
        found = error.character  # libyaml counts bytes and gives a number, PyYAML a character
        char = chr(found) if isinstance(found, int) else str(found)
        line = text.count("\n", 0, text.find(char)) + 1
        problem = f"character U+{ord(char):04X} is not allowed"
    return f"{path}{'' if line is None else f':{line}'}: not valid YAML: {problem}"


def _is_kind(value: object, kind: type | tuple[type, ...]) -> bool:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if isinstance(value, int) and float in kinds:
        return True
    return isinstance(value, kinds)


def _name(kind: type | tuple[type, ...]) -> str:
    names: Mapping[type, str] = {
        str: "a text",
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        dict: "a mapping",
        list: "a list",
    }
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if float in kinds:
        kinds = tuple(k for k in kinds if k is not int)
    return " or ".join(names.get(k, k.__name__) for k in kinds)
