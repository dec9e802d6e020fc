"""What was asked: a sample's input and target, out of the suite's own files.

A run stores answers, not questions. They are shown only where the suite still lies where the run
found it and its data have the hash that the run recorded. Nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from evalkit.core.errors import EvalkitError
from evalkit.core.records import Sample
from evalkit.run.setup import settings_for
from evalkit.suite.loader import Suite, load_suite, read_spec

_encoder = msgspec.json.Encoder(order="deterministic")


class Inputs(NamedTuple):
    """The samples of a suite, or why they cannot be shown.

    Attributes:
        suite: The suite; None where it cannot be used.
        numbers: Place of each sample by the hash of its id.
        reason: Why not, as half a sentence.
    """

    suite: Suite | None
    numbers: Mapping[int, int]
    reason: str | None

    def sample(self, hashed: int) -> Sample | None:
        """Return a sample by the hash of its id, None where it is not known."""
        number = self.numbers.get(hashed)
        return None if self.suite is None or number is None else self.suite.samples[number]


def find_inputs(manifest: Mapping[str, Any], facts: Mapping[str, Any]) -> Inputs:
    """Return the samples of a suite as the run saw them.

    Args:
        manifest: The run's run.json.
        facts: The suite's entry in it.
    """
    place = Path(facts["folder"])
    if not place.is_dir():
        return _none("the suite's folder is not here")
    folders = [Path(suite["folder"]) for suite in manifest["suites"]]
    try:
        settings = settings_for(place, folders, manifest["options"].get("settings", ()))
        if read_spec(place, settings=settings).data.hub is not None:
            return _none("its data lie on a hub")
        suite = load_suite(place, settings=settings)
    except (EvalkitError, OSError):
        return _none("the suite cannot be read any more")
    if suite.hashes.get("data") != facts.get("hashes", {}).get("data"):
        return _none("the suite's data changed since")
    numbers = {known: number for number, known in enumerate(suite.samples.id_hashes)}
    return Inputs(suite, numbers, None)


def current_hashes(
    manifest: Mapping[str, Any], facts: Mapping[str, Any]
) -> Mapping[str, str] | None:
    """Return the hashes of a suite's parts as it lies there now; None where it is not to be read.

    Args:
        manifest: The run's run.json.
        facts: The suite's entry in it.
    """
    place = Path(facts["folder"])
    folders = [Path(suite["folder"]) for suite in manifest["suites"]]
    try:
        settings = settings_for(place, folders, manifest["options"].get("settings", ()))
        if read_spec(place, settings=settings).data.hub is not None:
            return None
        return load_suite(place, settings=settings).hashes
    except (EvalkitError, OSError):
        return None


def _none(reason: str) -> Inputs:
    return Inputs(None, {}, reason)


def input_text(sample: Sample) -> str:
    """Return a sample's columns for a reader: one text as it is, several by name."""
    columns = {name: value for name, value in sample.columns.items() if value is not None}
    if len(columns) == 1:
        return _text(next(iter(columns.values())))
    return "\n".join(f"{name}: {_text(value)}" for name, value in columns.items())


def target_text(sample: Sample) -> str | None:
    """Return a sample's target for a reader, None where it has none."""
    return _text(sample.target) if sample.has_target else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _encoder.encode(value).decode()
