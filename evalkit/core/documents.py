"""YAML documents with positions: every complaint names file and line, no secret is echoed.

`read_yaml` gives a `Node`; taking keys out of it checks their types and collects the problems of
the whole document, so that a reader sees the first three at once. It knows neither suites nor
providers.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from evalkit.core.errors import ConfigError

_MISSING = object()
_SECRET_KEYS = re.compile(
    r"(^|_)(api_?key|secret|password|passwd|token|authorization|credential)s?$", re.IGNORECASE
)
_SECRET_VALUES = re.compile(
    r"\b(sk|pk|rk|gsk|xai|hf|r8|pplx|csk|nvapi|AIza|AKIA|ghp|glpat|xox[abp])[-_]?[A-Za-z0-9_\-]{16,}"
    r"|\bBearer\s+[A-Za-z0-9_\-.=]{12,}"
)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_ENV_USE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
MAX_YAML_BYTES = 10_000_000

try:
    _BaseLoader: Any = yaml.CSafeLoader
except AttributeError:  # PyYAML without libyaml
    _BaseLoader = yaml.SafeLoader


class Node:
    """A value of a YAML document that knows where it stands.

    Attributes:
        value: Plain Python data.
        where: `file:line` (or the command-line option) for messages.
    """

    def __init__(
        self,
        value: Any,  # noqa: ANN401 - YAML holds anything
        where: str,
        children: dict[Any, Node],
        problems: list[str],
    ) -> None:
        self.value = value
        self.where = where
        self.children = children
        self.problems = problems
        self._taken: set[Any] = set()

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
        default: Any = _MISSING,  # noqa: ANN401 - whatever the caller's default is
        *,
        allowed: Iterable[Any] | None = None,
        valid: Callable[[Any], bool] | None = None,
        what: str = "",
    ) -> Any:  # noqa: ANN401 - the type is checked here
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
        value = child.value
        if not _is_kind(value, kind):
            child.refuse(f"`{key}` must be {what or _name(kind)}, got {show(value)}")
            return None if default is _MISSING else default
        if allowed is not None and value not in allowed:
            options = ", ".join(repr(a) for a in allowed)
            child.refuse(f"`{key}` got {show(value)}; allowed: {options}")
        elif valid is not None and not valid(value):
            child.refuse(f"`{key}` must be {what}, got {show(value)}")
        else:
            return value
        return None if default is _MISSING else default

    def mapping(self, key: str) -> Node:
        """Return the mapping under a key; an empty one where it is absent."""
        child = self.node(key)
        if child is None or child.value is None:
            return Node({}, self.where, {}, self.problems)
        if not isinstance(child.value, dict):
            child.refuse(f"`{key}` must be a mapping, got {show(child.value)}")
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
                hint = "; put it in quotes" if isinstance(value, bool | int | float) else ""
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
    try:
        loader = _BaseLoader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
        problems: list[str] = []
        node = _build(root, str(path), problems, expand_env=expand_env)
    except yaml.YAMLError as error:
        raise ConfigError(_yaml_problem(path, error)) from None
    except RecursionError:
        raise ConfigError(f"{path}: it is nested too deeply to be read") from None
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


def override(node: Node, assignments: Iterable[str]) -> Node:
    """Return the document with `KEY=VALUE` settings applied, dots descending into mappings.

    Raises:
        ConfigError: If a setting has no `=` or descends into something that is no mapping.
    """
    value = node.value
    for text in assignments:
        key, found, raw = text.partition("=")
        if not found or not key:
            raise ConfigError(
                f"--set {show(text)}: it must be KEY=VALUE, for example params.seed=1"
            )
        try:
            parsed = yaml.safe_load(raw) if raw else ""
        except yaml.YAMLError:
            parsed = raw
        _refuse_secrets(key, parsed, f"--set {key}", node.problems)
        node = _with(node, key.split("."), parsed, f"--set {key}")
        value = node.value
    del value
    node.stop_on_problems()
    return node


def show(value: object, limit: int = 60) -> str:
    """Return a short `repr` for messages; what looks like a key is never shown."""
    text = repr(value)
    if _SECRET_VALUES.search(text):
        return "a text that looks like a key (not shown)"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _with(node: Node, keys: list[str], value: Any, where: str) -> Node:  # noqa: ANN401
    """Return a copy of a mapping with one path replaced."""
    if not isinstance(node.value, dict):
        raise ConfigError(
            f"{where}: {keys[0]!r} cannot be set in {show(node.value)}; it is no mapping"
        )
    children = dict(node.children)
    if len(keys) == 1:
        children[keys[0]] = _plain(value, where, node.problems)
    else:
        child = children.get(keys[0])
        if child is None or child.value is None:
            child = Node({}, where, {}, node.problems)
        children[keys[0]] = _with(child, keys[1:], value, where)
    plain = {key: child.value for key, child in children.items()}
    return Node(plain, node.where, children, node.problems)


def _plain(value: Any, where: str, problems: list[str]) -> Node:  # noqa: ANN401
    """Wrap plain data as nodes that all stand at one place."""
    children = {}
    if isinstance(value, dict):
        children = {k: _plain(v, where, problems) for k, v in value.items()}
    elif isinstance(value, list):
        children = {i: _plain(v, where, problems) for i, v in enumerate(value)}
    return Node(_scalar(value), where, children, problems)


def _build(root: Any, file: str, problems: list[str], *, expand_env: bool) -> Node:  # noqa: ANN401
    """Turn composed YAML nodes into values with their lines."""
    if root is None:
        return Node(None, f"{file}:1", {}, problems)
    where = f"{file}:{root.start_mark.line + 1}"
    children: dict[Any, Node] = {}
    if isinstance(root, yaml.MappingNode):
        for key_node, value_node in root.value:
            key = _construct(key_node)
            place = f"{file}:{key_node.start_mark.line + 1}"
            if not isinstance(key, str | int | float | bool):
                problems.append(f"{place}: a key must be a text, got {show(key)}")
                continue
            if key in children:
                problems.append(f"{place}: key {key!r} stands twice")
            child = _build(value_node, file, problems, expand_env=expand_env)
            _refuse_secrets(str(key), child.value, place, problems)
            child.where = place
            children[key] = child
        return Node({k: c.value for k, c in children.items()}, where, children, problems)
    if isinstance(root, yaml.SequenceNode):
        for index, item in enumerate(root.value):
            children[index] = _build(item, file, problems, expand_env=expand_env)
        return Node([c.value for c in children.values()], where, children, problems)
    value = _scalar(_construct(root))
    if isinstance(value, str) and expand_env:
        value = _expanded(value)
    return Node(value, where, {}, problems)


def _construct(node: Any) -> Any:  # noqa: ANN401
    """Give a scalar its YAML type."""
    constructor = yaml.constructor.SafeConstructor()
    try:
        return constructor.construct_object(node, deep=True)
    except ValueError:
        return node.value  # a date such as 2026-02-31: the caller says what is allowed


def _scalar(value: Any) -> Any:  # noqa: ANN401
    """Dates stay texts: ISO 8601 everywhere."""
    return value.isoformat() if isinstance(value, dt.date) else value


def _expanded(text: str) -> str:
    return _ENV_USE.sub(lambda m: os.environ.get(m[1]) or (m[2] or ""), text)


def _refuse_secrets(key: str, value: object, where: str, problems: list[str]) -> None:
    """Refuse literal keys without echoing them."""
    if isinstance(value, str) and key.endswith("_env"):
        if not _ENV_NAME.match(value) or _SECRET_VALUES.search(value):
            problems.append(
                f"{where}: `{key}` must be the name of an environment variable, "
                "got something else (not shown)"
            )
        return
    if (
        isinstance(value, str)
        and value
        and (_SECRET_KEYS.search(key) or _SECRET_VALUES.search(value))
    ):
        if _ENV_USE.fullmatch(value):
            return
        problems.append(
            f"{where}: `{key}` holds a literal key (not shown); "
            "name an environment variable in `api_key_env` instead"
        )


def _yaml_problem(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f":{mark.line + 1}" if mark is not None else ""
    problem = getattr(error, "problem", None) or "it cannot be read"
    return f"{path}{line}: not valid YAML: {problem}"


def _is_kind(value: object, kind: type | tuple[type, ...]) -> bool:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if isinstance(value, bool):
        return bool in kinds
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
    return " or ".join(names.get(k, k.__name__) for k in kinds)
