"""From options to a finished journal: load, plan, open, run, close.

`start` makes a new run, `go_on` an interrupted one; both end with a closed manifest whatever
happens in between. Summaries and tables are made by the floors above.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from evalkit.core.errors import ConfigError, JournalError
from evalkit.core.ports import Clock
from evalkit.core.records import Attempt
from evalkit.run.ask import Asker
from evalkit.run.budget import Budget, PriceOf
from evalkit.run.cache import AnswerCache
from evalkit.run.clock import SystemClock
from evalkit.run.folder import Run, new_run_id, write_manifest
from evalkit.run.journal import NAME, Index, Journal, Tail, attempt_of, key_hash
from evalkit.run.manifest import make_manifest
from evalkit.run.prices import load_price_book, price_attempt
from evalkit.run.progress import Progress, Silent
from evalkit.run.runner import Finished, LoopOptions, Outlook, Runner
from evalkit.run.setup import Plan, RunOptions, close_all, make_plan, time_of
from evalkit.run.trial import Known


class Closed(NamedTuple):
    """A run that has come to an end, complete or not."""

    folder: Path
    manifest: dict[str, Any]
    outlook: Outlook


Confirm = Callable[[Plan], Awaitable[bool] | bool]


class Declined(ConfigError):
    """The user did not agree to the plan; nothing was sent."""


def start(
    options: RunOptions,
    *,
    confirm: Confirm | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Closed:
    """Make a new run.

    Raises:
        ConfigError: Before anything is sent, if anything is wrong.
    """
    return _in_loop(_start(options, _watch(confirm, progress, clock)))


def go_on(
    folder: Path,
    *,
    options: Callable[[RunOptions], RunOptions] = lambda options: options,
    confirm: Confirm | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> Closed:
    """Go on with a run: ask what is missing and what ended in an error.

    Args:
        folder: The run's folder.
        options: Changes the run's own options (another budget or concurrency).
        confirm: Shown the plan.
        progress: Told of every attempt and trial.
        clock: Time.

    Raises:
        JournalError: If the journal is foreign, mixed or edited.
        ConfigError: If the suites or providers cannot be read any more.
    """
    return _in_loop(_go_on(folder, options, _watch(confirm, progress, clock)))


def _in_loop(work: Any) -> Closed:  # noqa: ANN401 - a coroutine
    """Run on uvloop where it is there."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)  # type: ignore[no-any-return]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)  # type: ignore[no-any-return]


class Watch(NamedTuple):
    """Who looks on: asked to agree, told of progress, and whose clock it is."""

    confirm: Confirm | None
    progress: Progress
    clock: Clock


async def _start(options: RunOptions, watch: Watch) -> Closed:
    plan, adapters = await make_plan(options, watch.clock)
    try:
        await _agree(plan, watch.confirm)
        started = watch.clock.now_iso()
        run_id = new_run_id(started, [suite.name for suite in plan.suites])
        folder = Path(options.results) / run_id
        folder.mkdir(parents=True)
        manifest = make_manifest(options, plan, run_id, started)
        write_manifest(folder, manifest)
        return await _loop(plan, options, folder, manifest, watch)
    finally:
        await close_all(adapters)


async def _go_on(
    folder: Path,
    change: Callable[[RunOptions], RunOptions],
    watch: Watch,
) -> Closed:
    run = Run(folder)
    tail = run.check()
    options = change(stored_options(run.manifest))
    plan, adapters = await make_plan(options, watch.clock)
    try:
        await _agree(plan, watch.confirm)
        manifest = {
            **make_manifest(options, plan, run.run_id, run.manifest["started_at"]),
            "resumed_at": [*run.manifest.get("resumed_at", []), watch.clock.now_iso()],
        }
        write_manifest(folder, manifest)
        return await _loop(plan, options, folder, manifest, watch, tail=tail)
    finally:
        await close_all(adapters)


def stored_options(manifest: Mapping[str, Any]) -> RunOptions:
    """Return the options that a run was started with.

    Raises:
        JournalError: If run.json does not hold them.
    """
    try:
        return msgspec.convert(manifest["options"], RunOptions)
    except (KeyError, msgspec.ValidationError) as error:
        raise JournalError(f"run.json: `options` cannot be read: {error}") from None


def _watch(confirm: Confirm | None, progress: Progress | None, clock: Clock | None) -> Watch:
    return Watch(confirm, progress or Silent(), clock or SystemClock())


async def _agree(plan: Plan, confirm: Confirm | None) -> None:
    if confirm is None:
        return
    agreed = confirm(plan)
    if not isinstance(agreed, bool):
        agreed = await agreed
    if not agreed:
        raise Declined("nothing was sent: the plan was declined")


async def _loop(
    plan: Plan,
    options: RunOptions,
    folder: Path,
    manifest: dict[str, Any],
    watch: Watch,
    *,
    tail: Tail | None = None,
) -> Closed:
    """Run the loop and close the journal whatever happens."""
    clock, progress = watch.clock, watch.progress
    book = load_price_book(plan.catalogue)
    models = {entry.arm.name: entry.arm.model for entry, _ in plan.entries}
    now = time_of(clock)

    def price(arm: str, attempt: Attempt) -> Decimal | None:
        return price_attempt(book, models[arm], attempt, now).cost_usd

    earlier = read_earlier(folder) if tail else Earlier({}, {}, 0)
    journal = Journal(folder, manifest["run_id"], tail)
    budget = Budget(options.budget_usd, price, spent_usd=_spent(folder, price) if tail else 0.0)
    asker = Asker(
        journal, clock, budget, random.Random(options.seed),  # noqa: S311 - jitter
        cache=AnswerCache(Path(".evalkit") / "cache") if options.cache else None,
        observe=lambda attempt: progress.attempt(attempt, budget.spent_usd),
    )  # fmt: skip
    runner = Runner(
        plan.entries,
        asker,
        LoopOptions(repeats=options.selection.repeats, seed=options.seed, stream=options.stream),
        progress,
        finished=earlier.finished,
        known=earlier.known,
    )
    outlook: Outlook | None = None
    try:
        outlook = await runner.run()
    finally:
        manifest = _closed(manifest, journal.close(), outlook, budget, clock)
        manifest["gates"] = {
            e.lane.provider: {"concurrency": e.lane.gate.most, "lowest": e.lane.gate.least_seen}
            for e, _ in plan.entries
        }
        write_manifest(folder, manifest)
    return Closed(folder, manifest, outlook)


class Earlier(NamedTuple):
    """What an interrupted run has already."""

    finished: dict[int, Finished]
    known: dict[int, Known]
    trials: int


def read_earlier(folder: Path) -> Earlier:
    """Read which trials are finished, and which answers are paid for but not graded."""
    finished: dict[int, Finished] = {}
    known: dict[int, Known] = {}
    for attempts, trial in Index(folder / NAME).groups():
        first = trial or attempts[0]
        key = key_hash(first.suite, first.sample_id, first.arm, first.repeat)
        if trial is not None and trial.status not in ("error", "skipped"):
            finished[key] = Finished(trial.request_fingerprint)
        elif attempts:
            last = attempts[-1].request_fingerprint
            own = [a for a in attempts if a.request_fingerprint == last and a.role == "model"]
            answers = tuple(d for a in own if (d := attempt_of(a).completion) is not None)
            known[key] = Known(len(own), answers, last)
    return Earlier(finished, known, len(finished))


def _spent(folder: Path, price: PriceOf) -> float:
    total = 0.0
    for attempts, _ in Index(folder / NAME).groups():
        for line in attempts:
            try:
                cost = price(line.arm, attempt_of(line))
            except KeyError:
                continue  # an arm that does not take part any more
            if cost is not None and not line.cached:
                total += float(cost)
    return total


def _closed(
    manifest: dict[str, Any],
    sha256: str,
    outlook: Outlook | None,
    budget: Budget,
    clock: Clock,
) -> dict[str, Any]:
    return {
        **manifest,
        "state": outlook.state if outlook else "interrupted",
        "state_reason": outlook.reason if outlook else "it ended with an error of evalkit",
        "ended_at": clock.now_iso(),
        "journal_sha256": sha256,
        "spent_usd": round(budget.spent_usd, 8),
        "unpriced_attempts": budget.unpriced,
        "loop_lag_p99_ms": outlook.loop_lag_p99_ms if outlook else None,
    }
