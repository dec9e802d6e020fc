"""Stored outputs graded anew: no model is asked, no attempt is touched.

Appends a `trial` event for each trial whose grade can have changed, keyed by the hash of the
output and the fingerprint of graders and target. Judges are the exception: a new rubric or judge
needs new verdicts, and what stands in the journal is not asked for again; until all are there the
old grades count. It does not know how scores are summed up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.core.errors import ConfigError, JournalError
from evalkit.core.ports import Clock
from evalkit.core.records import Record, Trial
from evalkit.providers.catalogue import load_catalogue
from evalkit.run.agreement import Confirm, agree
from evalkit.run.budget import Budget
from evalkit.run.clock import SystemClock
from evalkit.run.events import trial_of
from evalkit.run.folder import Run, write_manifest
from evalkit.run.journal import Index, Journal, Tail
from evalkit.run.judges import Judges
from evalkit.run.manifest import judging_facts
from evalkit.run.opening import Opener, close_all
from evalkit.run.prices import load_price_book, price_attempt
from evalkit.run.progress import Progress, Silent
from evalkit.run.regrade_plan import plan_regrade
from evalkit.run.rejudge import Kin, Rejudging, Watch, kin_of_arms
from evalkit.run.setup import code_allowed, grading_of, settings_for, time_of, view_of
from evalkit.run.stored import Source, attempts_of, new_line, to_grade
from evalkit.suite.loader import load_suite

_HELD_BYTES = 1 << 18
_BROKEN_OFF = "grading anew broke off: old and new grades are mixed; evalkit regrade goes on"
_GATHERING = "judging anew broke off: the old grades count; the same evalkit regrade goes on"

Observe = Callable[[Trial], None]
Begin = Callable[[Mapping[str, Any]], Observe]


class Regraded(NamedTuple):
    """What regrading did: trials graded anew, trials left alone, trials not gradable here.

    Attributes:
        judge_calls: Attempts that were sent to judges.
        stopped: Why not everything was judged, or None. Then all old grades count.
        unjudged: Answers whose judge could not be reached.
        spent_usd: What the judges cost.
    """

    changed: int
    same: int
    unknown_samples: int
    judge_calls: int = 0
    stopped: str | None = None
    unjudged: int = 0
    spent_usd: float = 0.0


class RegradeOptions(Record, frozen=True, kw_only=True):
    """By what stored outputs are graded anew.

    Attributes:
        suite: The suite's folder; None for the folders that the run names.
        settings: Overrides of suite.yaml, beside those of the run.
        allow_code: Let Python of a suite outside the current directory run.
        providers: The providers file of the judges; None for that of the run.
        budget_usd: The most that judges may cost.
    """

    suite: Path | None = None
    settings: tuple[str, ...] | None = None
    allow_code: bool = False
    providers: Path | None = None
    budget_usd: float | None = None


def regrade(
    folder: Path,
    options: RegradeOptions | None = None,
    *,
    clock: Clock | None = None,
    progress: Progress | None = None,
    begin: Begin | None = None,
    confirm: Confirm | None = None,
) -> Regraded:
    """Grade a run's stored outputs anew.

    Args:
        folder: The run's folder.
        options: By what.
        clock: Time.
        progress: Told of every judge's attempt.
        begin: Told of the manifest that is going to be, gives what is told of every trial as it
            then is; not called where judges are asked.
        confirm: Told of what judges may cost, says whether they may be asked.

    Raises:
        ConfigError: If the suite cannot be read, is not one of this run's, or a judge cannot be
            asked; `Declined` if the plan was declined.
        JournalError: If the journal is foreign, mixed or edited.
    """
    options = options or RegradeOptions()
    run = Run(folder)
    tail = run.check()
    sources = _sources(run, options)
    watch = Watch(clock or SystemClock(), progress or Silent())
    if not any(source.grading.judging for source in sources.values()):
        return _all_at_once(run, tail, sources, options, begin)
    return asyncio.run(_judged_anew(_Work(run, tail, sources, options), watch, confirm))


def _all_at_once(
    run: Run,
    tail: Tail,
    sources: dict[str, Source],
    options: RegradeOptions,
    begin: Begin | None,
) -> Regraded:
    """Grade without judges, and close the journal whatever happens."""
    ending = _Ending(run, _updated(run, options, sources))
    observe = begin(ending.facts) if begin else None
    journal = Journal(run.folder, run.run_id, tail, hold_bytes=_HELD_BYTES)
    ending.mark(_BROKEN_OFF)
    try:
        ending.done = _regrade(journal, sources, observe)
    finally:
        ending.close(journal)
    return ending.done


class _Ending:
    """What run.json says while a run is graded anew, and after it.

    A kill at any time must leave a state that is true: a closed run with another journal would be
    called edited, and grades of two kinds must not be called one.
    """

    def __init__(self, run: Run, facts: Mapping[str, Any]) -> None:
        self.facts = facts
        self.done: Regraded | None = None
        self._run = run
        self._reason = _BROKEN_OFF
        self._is_unclosed = run.is_open and "before_regrade" not in run.manifest
        earlier = run.manifest.get("state_reason") if "before_regrade" in run.manifest else None
        self._still = None if earlier == _GATHERING else earlier  # true until all is graded

    def mark(self, reason: str) -> None:
        """Write what is true from now on if the process is killed."""
        self._reason = self._still or reason if reason == _GATHERING else reason
        if not self._is_unclosed:
            self._write(_unfinished(self.facts, self._reason), None)

    def close(self, journal: Journal) -> None:
        """Close the journal, and the manifest with the state that the run has now."""
        sha256 = journal.close()
        if self._is_unclosed:  # it was killed before: only `resume` can close it
            self._write(self.facts, None)
        elif self.done is None:
            self._write(_unfinished(self.facts, self._reason), sha256)
        elif self.done.stopped is not None and self._still is not None:
            self._write(_unfinished(self.facts, self._still), sha256)
        elif self.done.stopped is None and self.done.unjudged:
            self._write(_unfinished(self.facts, _lacking(self.done.unjudged)), sha256)
        else:
            self._write(_finished(self.facts), sha256)

    def _write(self, facts: Mapping[str, Any], sha256: str | None) -> None:
        now = {**facts, "journal_sha256": sha256}
        before = self._run.manifest.get("spent_usd")  # absent where it was killed: not known
        if before is not None:
            now["spent_usd"] = before + (self.done.spent_usd if self.done else 0.0)
        write_manifest(self._run.folder, now)


def _unfinished(facts: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Return the manifest of a run whose grading anew has not ended."""
    before = facts.get("before_regrade") or {
        "state": facts["state"],
        "reason": facts.get("state_reason"),
    }
    return {**facts, "before_regrade": before, "state": "incomplete", "state_reason": reason}


def _finished(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest in the state in which the run was before it was graded anew."""
    before = facts.get("before_regrade")
    rest = {name: value for name, value in facts.items() if name != "before_regrade"}
    if before is None:
        return rest
    return {**rest, "state": before["state"], "state_reason": before["reason"]}


def _lacking(unjudged: int) -> str:
    return f"graded anew, but {unjudged} answers could not be judged"


def _regrade(journal: Journal, sources: dict[str, Source], observe: Observe | None) -> Regraded:
    changed = same = unknown = 0
    for lines, trial in Index(journal.path).groups():
        if trial is None:
            continue
        attempts = attempts_of(lines, trial)
        source = sources.get(trial.suite)
        found = None if source is None else to_grade(attempts, trial, source)
        if found is None:
            unknown += source is not None
        elif found.answers:
            trial = new_line(found)
            journal.trial(trial)
            changed += 1
        else:
            same += 1
        if observe is not None:
            observe(trial_of(trial, attempts))
    return Regraded(changed, same, unknown)


class _Work(NamedTuple):
    """What is to be graded anew, and by what."""

    run: Run
    tail: Tail
    sources: dict[str, Source]
    options: RegradeOptions


async def _judged_anew(work: _Work, watch: Watch, confirm: Confirm | None) -> Regraded:
    """Grade anew with judges: opened first, then asked side by side."""
    run, tail, sources, options = work
    catalogue = load_catalogue(options.providers or run.providers_path)
    allowed = options.allow_code or bool(run.manifest["options"].get("allow_code"))
    opener = Opener(catalogue, watch.clock)
    try:
        for source in sources.values():
            view = view_of(source.suite, allow_code=allowed)
            await opener.open_judges(source.suite, source.grading, view)
        kin = kin_of_arms(run.manifest, sources, opener.judges)
        book, now = load_price_book(catalogue), time_of(watch.clock)
        budget = Budget(
            options.budget_usd, lambda model, a: price_attempt(book, model, a, now).cost_usd
        )
        if confirm is not None:
            plan = await plan_regrade(
                run.folder, sources, opener.judges, catalogue,
                budget_usd=options.budget_usd, clock=watch.clock,
            )  # fmt: skip
            await agree(plan, confirm)
        ending = _Ending(run, {**run.manifest, "judges": _all_judges(run, opener.judges)})
        journal = Journal(run.folder, run.run_id, tail)
        ending.mark(_GATHERING)

        def begin_grading() -> None:
            ending.facts = _updated(run, options, sources, opener.judges, kin)
            ending.mark(_BROKEN_OFF)

        try:
            asking = Rejudging(journal, sources, opener.judges, budget, watch, begin_grading)
            ending.done = Regraded(*await asking.run(), budget.spent_usd)
        finally:
            ending.close(journal)
        return ending.done
    finally:
        await close_all(opener.adapters)


def _sources(run: Run, options: RegradeOptions) -> dict[str, Source]:
    suite, settings = options.suite, options.settings
    facts = {entry["name"]: entry for entry in run.manifest["suites"]}
    chosen = _settings(run, settings)
    allowed = options.allow_code or bool(run.manifest["options"].get("allow_code"))
    folders = [suite] if suite else [Path(entry["folder"]) for entry in facts.values()]
    sources = {}
    for place in folders:
        loaded = load_suite(place, settings=_own_settings(place, facts, chosen))
        if loaded.name not in facts:
            raise ConfigError(
                f"{place}: suite {loaded.name!r} is not part of {run.run_id}; "
                f"it has: {', '.join(facts)}"
            )
        grading = grading_of(loaded.spec, allow_code=code_allowed(place, allowed))
        sources[loaded.name] = Source.of(loaded, grading)
    if not sources:
        raise JournalError(f"{run.folder}: run.json names no suite")
    return sources


def _settings(run: Run, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the run's own settings with the new ones, which go before those of the same name."""
    new = wanted or ()
    named = {setting.partition("=")[0] for setting in new}
    own = run.manifest["options"]["settings"]
    return (*(s for s in own if s.partition("=")[0] not in named), *new)


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


def _all_judges(run: Run, judges: Judges) -> list[dict[str, Any]]:
    """Return the facts of everybody who was ever asked: their answers stand in the journal."""
    known = {judge["model"]: judge for judge in run.manifest.get("judges", [])}
    return list((known | {judge.name: judge.facts() for judge in judges.values()}).values())


def _updated(
    run: Run,
    options: RegradeOptions,
    sources: dict[str, Source],
    judges: Judges | None = None,
    kin: Kin | None = None,
) -> dict[str, Any]:
    """Return the manifest with the suites, settings, graders and judges that now count."""
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
                "judged_by": grading.judged_by,
                "graders": [{"name": g.name, "version": g.version} for g in grading.graders],
                "judging": judging_facts(entry["name"], grading, judges or {}),
                "primary": spec.primary,
                "pass_at": spec.pass_at,
                "accept": list(spec.output.accept),
            }
        suites.append(entry)
    arms = [
        {**arm, "kin_judges": (kin or {}).get((arm["suite"], arm["arm"]), {})}
        if arm["suite"] in sources
        else arm
        for arm in run.manifest["arms"]
    ]
    history = [*run.manifest.get("regraded_at", []), SystemClock().now_iso()]
    return {
        **run.manifest,
        "options": {
            **run.manifest["options"],
            "settings": list(_settings(run, options.settings)),
        },
        "suites": suites,
        "arms": arms,
        "judges": _all_judges(run, judges or {}),
        "regraded_at": history,
    }
