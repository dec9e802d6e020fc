"""People's labels of outputs, read and held against a suite and its rubric.

One line of JSONL says what one person thinks of one output under one criterion. This module does
not know what judges said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from evalkit.core.documents import show
from evalkit.core.errors import ConfigError

_KEYS = ("sample_id", "arm", "repeat", "criterion", "label", "annotator")
_REQUIRED = ("sample_id", "arm", "criterion", "label")
_MOST_PROBLEMS = 20

ReadVerdict = Callable[[str, object], str | None]


class Item(NamedTuple):
    """One output: what a label and a verdict are about."""

    sample_id: str
    arm: str
    repeat: int


class Label(NamedTuple):
    """What one person says of one output under one criterion, in the criterion's own words."""

    item: Item
    criterion: str
    word: str
    annotator: str
    line: int


class Labels(NamedTuple):
    """A file of labels.

    Attributes:
        sha256: Hash of its bytes.
    """

    path: Path
    sha256: str
    labels: tuple[Label, ...]

    @property
    def annotators(self) -> list[str]:
        """Who labelled, by name."""
        return sorted({label.annotator for label in self.labels})

    @property
    def items(self) -> set[Item]:
        """The outputs that have a label."""
        return {label.item for label in self.labels}


class Vocabulary(NamedTuple):
    """What a label may say.

    Attributes:
        suite: The suite's name, for messages.
        has_sample: Whether the suite has a sample of this id.
        verdicts: The words of each criterion, worst first.
        read: Returns a label in a criterion's words, None where it is none.
    """

    suite: str
    has_sample: Callable[[str], bool]
    verdicts: Mapping[str, tuple[str, ...]]
    read: ReadVerdict


def read_labels(path: Path, vocabulary: Vocabulary) -> Labels:
    """Read a file of labels.

    Raises:
        ConfigError: With file and line of each label that is about nothing or says nothing.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such file of labels")
    data = path.read_bytes()
    labels: list[Label] = []
    problems: list[str] = []
    seen: dict[tuple[Item, str, str], int] = {}
    for number, raw in _lines(data):
        try:
            label = _label(raw, number, vocabulary)
        except ConfigError as error:
            problems.append(f"{path}:{number}: {error}")
            if len(problems) >= _MOST_PROBLEMS:
                break
            continue
        key = (label.item, label.criterion, label.annotator)
        if key in seen:
            problems.append(
                f"{path}:{number}: {label.annotator!r} labels this output twice, first in line "
                f"{seen[key]}; allowed: one label for each criterion"
            )
        seen.setdefault(key, number)
        labels.append(label)
    if problems:
        raise ConfigError(problems)
    if not labels:
        raise ConfigError(f"{path}: it holds no label; allowed: a JSON object a line")
    return Labels(path, hashlib.sha256(data).hexdigest(), tuple(labels))


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if raw.strip():
            yield number, raw


def _label(raw: bytes, number: int, vocabulary: Vocabulary) -> Label:
    try:
        line = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"the line is not JSON: {error}") from None
    if not isinstance(line, dict):
        raise ConfigError(f"a line must be a JSON object, got {show(line)}")
    unknown = [key for key in line if key not in _KEYS]
    if unknown:
        raise ConfigError(f"unknown key {show(unknown[0])}; known: {', '.join(_KEYS)}")
    missing = [key for key in _REQUIRED if line.get(key) is None]
    if missing:
        raise ConfigError(f"`{missing[0]}` is missing; needed: {', '.join(_REQUIRED)}")
    item = _item(line)
    if not vocabulary.has_sample(item.sample_id):
        raise ConfigError(f"suite {vocabulary.suite!r} has no sample {item.sample_id!r}")
    criterion = line["criterion"]
    if criterion not in vocabulary.verdicts:
        known = ", ".join(vocabulary.verdicts)
        raise ConfigError(f"the rubric has no criterion {show(criterion)}; it has: {known}")
    word = vocabulary.read(criterion, line["label"])
    if word is None:
        allowed = ", ".join(vocabulary.verdicts[criterion])
        raise ConfigError(
            f"`label` of criterion {criterion!r} got {show(line['label'])}; allowed: {allowed}"
        )
    annotator = line.get("annotator") or "unnamed"
    if not isinstance(annotator, str):
        raise ConfigError(f"`annotator` must be a text, got {show(annotator)}")
    return Label(item, criterion, word, annotator, number)


def _item(line: Mapping[str, Any]) -> Item:
    sample_id, arm, repeat = line["sample_id"], line["arm"], line.get("repeat")
    repeat = 1 if repeat is None else repeat
    if isinstance(sample_id, int) and not isinstance(sample_id, bool):
        sample_id = str(sample_id)
    for name, value in (("sample_id", sample_id), ("arm", arm)):
        if not isinstance(value, str) or not value:
            raise ConfigError(f"`{name}` must be a text, got {show(value)}")
    if not isinstance(repeat, int) or isinstance(repeat, bool) or repeat < 1:
        raise ConfigError(f"`repeat` must be a whole number >= 1, got {show(repeat)}")
    return Item(sample_id, arm, repeat)
