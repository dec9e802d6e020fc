"""A suite's folder written again with some of its samples: the same in all else.

suite.yaml is changed in place, so its comments stay; what it names outside its folder is named
from the new one. It does not know why these samples were chosen.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

from evalkit.core.documents import read_text
from evalkit.core.errors import ConfigError
from evalkit.suite.loader import Suite, load_suite

SAMPLES = "samples.jsonl"
TRAIN = "train.jsonl"
ORIGIN = "ORIGIN.md"
_SHEET = "README.md"
_NOT_COPIED = {"__pycache__", "judge", "results", _SHEET}
_PLAIN = re.compile(r"[A-Za-z_][\w.-]*")
_LONGEST_NAME = 200
_FILES = (
    ("data", "train"), ("prompt", "system"), ("prompt", "user"), ("prompt", "examples", "path"),
    ("output", "schema"), ("output", "tools"),
)  # fmt: skip


class _Edit(NamedTuple):
    """Characters of suite.yaml that something else takes the place of."""

    start: int
    end: int
    text: str


def write_subset(
    suite: Suite, numbers: Sequence[int], folder: Path, name: str, files: Mapping[str, str]
) -> None:
    """Write a suite's folder with a part of its samples.

    Args:
        suite: The whole suite, as it was loaded.
        numbers: Which of its samples, in the order in which they are to stand.
        folder: Where the new suite goes; it must not be there yet.
        name: Its name.
        files: Texts that are put beside it, a data sheet among them.

    Raises:
        ConfigError: If the folder exists or cannot be written, or suite.yaml is written in a way
            that cannot be changed in place.
    """
    if folder.exists():
        raise ConfigError(f"{folder}: it exists already; allowed: a folder that is not there yet")
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"{folder}: it cannot be written: {error.strerror}") from None
    try:
        _copy(suite, folder)
        _write_rows(suite, numbers, folder)
        (folder / "suite.yaml").write_text(_edited(suite, folder, name), encoding="utf-8")
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
        _verify(suite, numbers, folder, name)
    except BaseException:
        shutil.rmtree(folder)
        raise


def _copy(suite: Suite, folder: Path) -> None:
    """Copy the folder without its samples; the data sheet becomes that of the origin."""
    source = suite.spec.folder
    data = suite.spec.data.path
    left = {source / SAMPLES, *([data] if data else [])}

    def ignored(place: str, names: list[str]) -> list[str]:
        own = Path(place)
        return [n for n in names if n in _NOT_COPIED or n.startswith(".") or own / n in left]

    shutil.copytree(source, folder, ignore=ignored, dirs_exist_ok=True)
    if (source / _SHEET).is_file():
        shutil.copyfile(source / _SHEET, folder / ORIGIN)


def _write_rows(suite: Suite, numbers: Sequence[int], folder: Path) -> None:
    """Write the samples, and the training rows that came with them or from the hub."""
    table = suite.samples.table
    rows: list[dict[str, Any]] = [table.row(number) for number in numbers]
    training = _training_rows(suite)
    if _is_mapping(suite, "train"):
        _write(folder / TRAIN, training)
    elif suite.spec.data.train is None:
        rows += training  # they stand in the samples' own file
    _write(folder / SAMPLES, rows)


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows or path.name == SAMPLES:
        path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


def _training_rows(suite: Suite) -> list[dict[str, Any]]:
    target = suite.spec.data.target
    return [
        {**sample.columns, **({target: sample.target} if target else {})} for sample in suite.train
    ]


def _edited(suite: Suite, folder: Path, name: str) -> str:
    """Return suite.yaml with the new name, the new data and paths that hold from the new folder."""
    document = _Document(read_text(_file(suite)))
    edits = [
        *_named(document, name),
        *_sourced(document, has_train=bool(suite.train)),
        *_moved(document, suite.spec.folder.resolve(), folder.resolve()),
    ]
    text = document.text
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


class _Pair(NamedTuple):
    """A key with its value, and the mapping that holds both."""

    key: yaml.Node
    value: yaml.Node
    parent: yaml.MappingNode


class _Document:
    """A YAML text whose values know where they stand in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root = yaml.compose(text, Loader=yaml.SafeLoader) or yaml.MappingNode("", [])

    def at(self, *steps: str) -> _Pair | None:
        """Return what stands at the end of a path of keys."""
        node: yaml.Node = self.root
        found: _Pair | None = None
        for step in steps:
            if not isinstance(node, yaml.MappingNode):
                return None
            found = next((_Pair(k, v, node) for k, v in node.value if k.value == step), None)
            if found is None:
                return None
            node = found.value
        return found

    def end(self, node: yaml.Node) -> int:
        """Return where a value ends: a block's own mark stands behind the blanks that follow."""
        inside = self.text[node.start_mark.index : node.end_mark.index]
        return int(node.start_mark.index) + len(inside.rstrip())

    def replaced(self, pair: _Pair, value: str) -> _Edit:
        """Return the edit that changes a value."""
        text = _scalar(value, pair.parent)
        return _Edit(pair.value.start_mark.index, self.end(pair.value), text)

    def repaired(self, pair: _Pair, key: str, value: str | None) -> _Edit:
        """Return the edit that changes a key with its value."""
        text = _pair(key, value, pair.parent)
        return _Edit(pair.key.start_mark.index, self.end(pair.value), text)


def _named(document: _Document, name: str) -> Iterator[_Edit]:
    found = document.at("name")
    root = document.root
    if found is not None:
        yield document.replaced(found, name)
    elif isinstance(root, yaml.MappingNode):
        start = root.value[0][0].start_mark
        gap = ", " if root.flow_style else f"\n{' ' * start.column}"
        yield _Edit(start.index, start.index, _pair("name", name, root) + gap)


def _sourced(document: _Document, *, has_train: bool) -> Iterator[_Edit]:
    """Let `data` read the new files."""
    path, hub, train = (document.at("data", key) for key in ("path", "hub", "train"))
    if path is not None:
        yield document.replaced(path, SAMPLES)
    elif hub is not None:
        yield document.repaired(hub, "path", SAMPLES)
    if train is not None and isinstance(train.value, yaml.MappingNode):
        yield document.repaired(train, "train", TRAIN if has_train else None)


def _moved(document: _Document, source: Path, folder: Path) -> Iterator[_Edit]:
    """Name what lies outside the suite's folder from the new folder."""
    graders = document.at("graders")
    names = [key.value for key, _ in graders.value.value] if graders else []
    for steps in (*_FILES, *(("graders", name, "file") for name in names)):
        found = document.at(*steps)
        if found is None or not isinstance(found.value, yaml.ScalarNode):
            continue
        named = found.value.value
        if any(c in named for c in "\n{\0") or len(named) > _LONGEST_NAME:
            continue  # a text, no file
        place = (source / named).resolve()
        if not place.is_relative_to(source) and place.is_file():
            yield document.replaced(found, os.path.relpath(place, folder))


def _pair(key: str, value: str | None, parent: yaml.MappingNode) -> str:
    quoted = parent.flow_style and parent.value[0][0].style == '"'  # JSON
    return f"{json.dumps(key) if quoted else key}: {_scalar(value, parent)}"


def _scalar(value: str | None, parent: yaml.MappingNode) -> str:
    if value is None:
        return "null"
    return value if _PLAIN.fullmatch(value) and not parent.flow_style else json.dumps(value)


def _is_mapping(suite: Suite, key: str) -> bool:
    found = _Document(read_text(_file(suite))).at("data", key)
    return found is not None and isinstance(found.value, yaml.MappingNode)


def _file(suite: Suite) -> Path:
    return suite.spec.folder / "suite.yaml"


def _verify(suite: Suite, numbers: Sequence[int], folder: Path, name: str) -> None:
    """Load what was written: it must be the samples that were meant, asked and graded the same."""
    try:
        written = load_suite(folder)
    except ConfigError as error:
        raise ConfigError(
            f"{suite.spec.file}: its copy cannot be read: {error.problems[0]}; nothing was written"
        ) from None
    meant = [suite.samples[number].id for number in numbers]
    problem = None
    if written.name != name or [sample.id for sample in written.samples] != meant:
        problem = "its name and data cannot be changed in place"
    elif not suite.spec.settings:
        changed = [
            part for part, value in suite.hashes.items()
            if part not in ("data", "suite") and written.hashes[part] != value
        ]  # fmt: skip
        problem = f"{', '.join(changed)} would change" if changed else None
    if problem:
        raise ConfigError(f"{suite.spec.file}: {problem}; nothing was written")
