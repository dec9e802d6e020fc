"""Stored outputs graded anew: no model is asked, no attempt is touched.

Appends a `trial` event for each trial whose grade can have changed, keyed by the hash of the
output and the fingerprint of graders and target. It does not know how scores are summed up.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.core.errors import ConfigError, JournalError
from evalkit.core.records import Sample
from evalkit.graders.grading import Grading
from evalkit.graders.parse import Parser
from evalkit.run.clock import SystemClock
from evalkit.run.events import AttemptLine, TrialLine, attempt_of
from evalkit.run.folder import Run, write_manifest
from evalkit.run.journal import Index, Journal
from evalkit.run.setup import code_allowed, grading_of, settings_for
from evalkit.run.trial import GradeBy, graded_line, grading_key
from evalkit.suite.data import hash64
from evalkit.suite.loader import Suite, load_suite


class Regraded(NamedTuple):
    """What regrading did: trials graded anew, trials left alone, trials not gradable here."""

    changed: int
    same: int
    unknown_samples: int


class _Source(NamedTuple):
    """A suite as regrading needs it: its samples by the hash of their ids."""

    suite: Suite
    parser: Parser
    grading: Grading
    numbers: dict[int, int]

    def sample(self, sample_id: str) -> Sample | None:
        number = self.numbers.get(hash64(sample_id))
        return None if number is None else self.suite.samples[number]


def regrade(
    folder: Path,
    *,
    suite: Path | None = None,
    settings: tuple[str, ...] | None = None,
    allow_code: bool = False,
) -> Regraded:
    """Grade a run's stored outputs anew.

    Args:
        folder: The run's folder.
        suite: The suite to grade by; by default the folders that the run names.
        settings: Overrides of suite.yaml; by default those of the run.
        allow_code: Let Python of a suite outside the current directory run.

    Raises:
        ConfigError: If the suite cannot be read, or is not one of this run's.
        JournalError: If the journal is foreign, mixed or edited.
    """
    run = Run(folder)
    tail = run.check()
    sources = _sources(run, suite, settings, allow_code=allow_code)
    journal = Journal(folder, run.run_id, tail)
    if not run.is_open:  # a kill from here on must not leave a closed run with another journal
        write_manifest(folder, {**run.manifest, "journal_sha256": None})
    done = None
    try:
        done = _regrade(journal, sources)
    finally:
        sha256 = journal.close()
        if not run.is_open:
            facts = _updated(run, sources) if done else run.manifest
            write_manifest(folder, {**facts, "journal_sha256": sha256})
    return done


def _regrade(journal: Journal, sources: dict[str, _Source]) -> Regraded:
    changed = same = unknown = 0
    for attempts, trial in Index(journal.path).groups():
        if trial is None or trial.suite not in sources:
            continue
        line = _regraded(attempts, trial, sources[trial.suite])
        if line is None:
            unknown += 1
        elif line is trial:
            same += 1
        else:
            journal.trial(line)
            changed += 1
    return Regraded(changed, same, unknown)


def _regraded(attempts: list[AttemptLine], trial: TrialLine, source: _Source) -> TrialLine | None:
    """Return the new line, the old one where nothing can have changed, None for a lost sample."""
    own = [a for a in attempts if a.request_fingerprint == trial.request_fingerprint]
    answers = [
        done for a in own if a.role == "model" and (done := attempt_of(a).completion) is not None
    ]
    if not answers or trial.status in ("error", "skipped"):
        return trial
    sample = source.sample(trial.sample_id)
    if sample is None:
        return None
    if trial.grading_fingerprint == grading_key(source.grading, sample):
        return trial
    parsed = [(answer, source.parser.parse(answer)) for answer in answers]
    by = GradeBy(sample, source.grading, source.suite.spec.output, trial.structured_requested)
    scores = source.grading.grade(sample, *parsed[-1])
    now = SystemClock().now_iso()
    return graded_line(trial, parsed, scores, by, finished_at=now, regraded=True)


def _sources(
    run: Run, suite: Path | None, settings: tuple[str, ...] | None, *, allow_code: bool
) -> dict[str, _Source]:
    facts = {entry["name"]: entry for entry in run.manifest["suites"]}
    chosen = tuple(run.manifest["options"]["settings"]) if settings is None else settings
    allowed = allow_code or bool(run.manifest["options"].get("allow_code"))
    folders = [suite] if suite else [Path(entry["folder"]) for entry in facts.values()]
    sources = {}
    for place in folders:
        loaded = load_suite(place, settings=_own_settings(place, facts, chosen))
        if loaded.name not in facts:
            raise ConfigError(
                f"{place}: suite {loaded.name!r} is not part of {run.run_id}; "
                f"it has: {', '.join(facts)}"
            )
        sources[loaded.name] = _Source(
            loaded,
            Parser(loaded.spec.output),
            grading_of(loaded.spec, allow_code=code_allowed(place, allowed)),
            {hash64(i): n for n, i in _ids(loaded)},
        )
    if not sources:
        raise JournalError(f"{run.folder}: run.json names no suite")
    return sources


def _own_settings(
    place: Path, facts: dict[str, dict[str, Any]], settings: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the run's settings that concern the suite in a folder."""
    asked = [Path(entry["folder"]) for entry in facts.values()]
    if place in asked:
        return settings_for(place, asked, settings)
    if len(asked) == 1:  # another version of the only suite
        return settings_for(asked[0], asked, settings)
    return tuple(s for s in settings if ":" not in s.partition("=")[0])


def _ids(suite: Suite) -> Iterator[tuple[int, str]]:
    for number, sample in enumerate(suite.samples):
        yield number, sample.id


def _updated(run: Run, sources: dict[str, _Source]) -> dict[str, object]:
    suites = []
    for entry in run.manifest["suites"]:
        source = sources.get(entry["name"])
        if source is not None:
            spec, grading = source.suite.spec, source.grading
            entry = {
                **entry,
                "hash": source.suite.hash,
                "hashes": source.suite.hashes,
                "grading_fingerprint": grading.fingerprint,
                "graders": [{"name": g.name, "version": g.version} for g in grading.graders],
                "primary": spec.primary,
                "pass_at": spec.pass_at,
                "accept": list(spec.output.accept),
            }
        suites.append(entry)
    history = [*run.manifest.get("regraded_at", []), SystemClock().now_iso()]
    return {**run.manifest, "suites": suites, "regraded_at": history}
