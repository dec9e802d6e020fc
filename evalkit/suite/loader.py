"""A suite folder becomes a `Suite`: specification, samples, training rows and prompts.

Loading sends nothing and runs no code of the suite. It does not know which models will be asked.
"""

from __future__ import annotations

import hashlib
import random
from array import array
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from evalkit.core.errors import ConfigError
from evalkit.core.policy import Requirement, requirement, strictest
from evalkit.core.records import Message, Sample, fingerprint
from evalkit.suite.data import Samples, Table, open_hub, open_table, read_samples
from evalkit.suite.prompts import Prompts
from evalkit.suite.spec import SuiteSpec, read_spec

__all__ = ["Suite", "SuiteSpec", "load_suite", "read_spec"]


class Suite:
    """A loaded suite: its specification, samples and prompts.

    Attributes:
        spec: What suite.yaml says.
        samples: The scored samples, read lazily.
        train: Training rows, never scored.
        prompts: Renders a sample's messages.
        own_demand: What every prompt demands of whoever sees it: the suite's demands, and those of
            the few-shot examples, which stand in each prompt.
        hashes: SHA-256 of data, prompts, schema, graders, rubric, graders' code and the whole; of
            contents, never of paths.
    """

    def __init__(
        self, spec: SuiteSpec, check: Callable[[Sample], str | None] | None = None
    ) -> None:
        self.spec = spec
        self.name = spec.name
        examples = _examples(spec)
        self.own_demand = strictest(
            [requirement(e.sensitivity, e.require) for e in examples]
            + [requirement(spec.sensitivity, spec.require)]
        )
        self.prompts = Prompts(spec.prompt, spec.output, examples)
        self._check = check
        self._input_keys = array("Q")
        table = _table(spec.data.path, spec.data.hub, spec.file)
        self.samples = Samples(spec.data, table, self._problem)
        self._refuse_scored(examples, f"{spec.prompt.examples}", "this example")
        self.train = self._train()
        self.hashes = self._hashes()

    @property
    def hash(self) -> str:
        """The hash by which two runs tell that they asked the same."""
        return self.hashes["suite"]

    def messages(self, sample: Sample) -> tuple[Message, ...]:
        """Render one sample's prompt."""
        return self.prompts.render(sample.columns)

    def demand(self, sample: Sample) -> Requirement:
        """Return what this sample demands of whoever sees it: the strictest of suite and sample."""
        return strictest([self.own_demand, requirement(sample.sensitivity, sample.require)])

    def _problem(self, sample: Sample) -> str | None:
        self._input_keys.append(_key(self.prompts, sample))
        return self.prompts.check(sample.columns) or (self._check(sample) if self._check else None)

    def _train(self) -> tuple[Sample, ...]:
        """Read training rows and refuse those that are scored as well."""
        data = self.spec.data
        if data.train is None and data.train_hub is None:
            if not data.train_where:
                return ()
            rows = read_samples(_table(data.path, data.hub, self.spec.file), data, data.train_where)
            scored = self._scored(rows)
            return tuple(r for r in rows if _key(self.prompts, r) not in scored)
        table = _table(data.train, data.train_hub, self.spec.file)
        rows = read_samples(table, data, data.train_where)
        self._refuse_scored(rows, table.name, "this training row")
        return rows

    def _refuse_scored(self, rows: Sequence[Sample], name: str, what: str) -> None:
        """Refuse rows whose answer would be known before it is asked."""
        scored = self._scored(rows)
        problems = [
            f"{name}:{row.line}: {what} is also scored; remove it from one of the files"
            for row in rows
            if _key(self.prompts, row) in scored
        ]
        if problems:
            raise ConfigError(problems)

    def _scored(self, rows: Sequence[Sample]) -> set[int]:
        """Return the inputs of some rows that are scored as well."""
        return {_key(self.prompts, row) for row in rows}.intersection(self._input_keys)

    def _hashes(self) -> dict[str, str]:
        spec = self.spec
        data = spec.data
        parts = {
            "data": self.samples.sha256,
            "prompts": fingerprint([spec.prompt.system, spec.prompt.user, [
                [m.role, m.content] for m in self.prompts.shots]]),
            "schema": fingerprint([spec.output.schema, spec.output.labels, spec.output.tools]),
            "graders": fingerprint([[g.name, g.options] for g in spec.graders]),
            "rubric": _file_hash(spec, "rubric", "rubric.yaml"),
            "code": _file_hash(spec, "python", "graders.py"),
        }  # fmt: skip
        rest = [spec.output.format, spec.params, spec.structured, spec.primary, spec.pass_at]
        columns = [data.id, data.target, data.cluster, data.slices, data.critical]
        rows = [sorted(data.where.items()), spec.output.accept, spec.output.max_attempts]
        parts["suite"] = hashlib.sha256(
            fingerprint([sorted(parts.items()), rest, columns, rows]).encode()
        ).hexdigest()
        return parts


def load_suite(
    folder: Path,
    *,
    settings: Iterable[str] = (),
    check: Callable[[SuiteSpec], Callable[[Sample], str | None]] | None = None,
) -> Suite:
    """Load a suite folder.

    Args:
        folder: The folder that holds suite.yaml (or that file itself).
        settings: `KEY=VALUE` overrides; paths in them are relative to the current directory.
        check: Given the specification, returns a check of single samples (the graders').

    Raises:
        ConfigError: With up to all problems found, each with file and line.
    """
    spec = read_spec(folder, settings=settings)
    return Suite(spec, check(spec) if check else None)


def _table(path: Path | None, hub: dict[str, Any] | None, where: str) -> Table:
    if path is not None:
        return open_table(path)
    return open_hub(hub or {}, where)


def _examples(spec: SuiteSpec) -> list[Sample]:
    """Draw the few-shot examples: the same k for every sample, in file order."""
    prompt = spec.prompt
    if prompt.examples is None or prompt.k == 0:
        return []
    rows = read_samples(open_table(prompt.examples), spec.data, {})
    if len(rows) < prompt.k:
        raise ConfigError(
            f"{prompt.examples}: `examples` asks for k={prompt.k}, the file holds {len(rows)}"
        )
    chosen = random.Random(prompt.seed).sample(range(len(rows)), prompt.k)  # noqa: S311
    return [rows[i] for i in sorted(chosen)]


def _file_hash(spec: SuiteSpec, grader: str, default: str) -> str:
    """Return the hash of the file that a grader reads; empty where it reads none."""
    options = next((g.options for g in spec.graders if g.name == grader), None)
    if options is None:
        return ""
    path = spec.folder / str(options.get("file") or default)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _key(prompts: Prompts, sample: Sample) -> int:
    digest = hashlib.blake2b(prompts.input_key(sample.columns), digest_size=8).digest()
    return int.from_bytes(digest, "little")
