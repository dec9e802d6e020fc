"""From options to a finished journal: load, plan, open, run, close.

`start` makes a new run, `go_on` an interrupted one; both end with a closed manifest whatever
happens in between. Summaries and tables are made by the floors above.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from evalkit.core.errors import ConfigError, JournalError
from evalkit.core.ports import Clock, StopRule
from evalkit.core.records import Attempt
from evalkit.run.agreement import Confirm, agree
from evalkit.run.ask import Asker
from evalkit.run.budget import Budget
from evalkit.run.cache import AnswerCache
from evalkit.run.clock import SystemClock
from evalkit.run.earlier import Earlier
from evalkit.run.early import EarlyStop
from evalkit.run.events import attempt_of
from evalkit.run.folder import Run, new_run_id, write_manifest
from evalkit.run.journal import Index, Journal
from evalkit.run.judges import JudgeDesk
from evalkit.run.manifest import make_manifest
from evalkit.run.opening import close_all
from evalkit.run.plan import parse_choice
from evalkit.run.prices import load_price_book, price_attempt
from evalkit.run.progress import Progress, Silent
from evalkit.run.runner import LoopOptions, Outlook, Runner
from evalkit.run.setup import Past, Plan, RunOptions, make_plan, time_of

MakeStop = Callable[[Plan], StopRule]
_HISTORY = ("regraded_at", "merged_from", "merged_at")


class Closed(NamedTuple):
    """A run that has come to an end, complete or not."""

    folder: Path
    manifest: dict[str, Any]
    outlook: Outlook


def start(
    options: RunOptions,
    *,
    confirm: Confirm | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
    stop: MakeStop | None = None,
) -> Closed:
    """Make a new run.

    Args:
        options: What is asked for.
        confirm: Shown the plan.
        progress: Told of every attempt and trial.
        clock: Time.
        stop: Makes the rule that may end it early, once it is known who runs.

    Raises:
        ConfigError: Before anything is sent, if anything is wrong.
    """
    return _in_loop(_start(options, _watch(confirm, progress, clock, stop)))


def go_on(
    folder: Path,
    *,
    options: Callable[[RunOptions], RunOptions] = lambda options: options,
    confirm: Confirm | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
    stop: MakeStop | None = None,
) -> Closed:
    """Go on with a run: ask what is missing and what ended in an error.

    Args:
        folder: The run's folder.
        options: Changes the run's own options (another budget or concurrency).
        confirm: Shown the plan.
        progress: Told of every attempt and trial.
        clock: Time.
        stop: Makes the rule that may end it early, once it is known who runs.

    Raises:
        JournalError: If the journal is foreign, mixed or edited.
        ConfigError: If the suites or providers cannot be read any more.
    """
    return _in_loop(_go_on(folder, options, _watch(confirm, progress, clock, stop)))


def _in_loop(work: Any) -> Closed:
    """Run on uvloop where it is there."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)  # type: ignore[no-any-return]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)  # type: ignore[no-any-return]


class Watch(NamedTuple):
    """Who looks on: asked to agree, told of progress, whose clock it is, and who may end it."""

    confirm: Confirm | None
    progress: Progress
    clock: Clock
    stop: MakeStop | None = None


async def _start(options: RunOptions, watch: Watch) -> Closed:
    plan, adapters = await make_plan(options, watch.clock)
    try:
        early = _early(plan, options, watch)
        await agree(plan, watch.confirm)
        started = watch.clock.now_iso()
        run_id = new_run_id(started, [suite.name for suite in plan.suites])
        folder = Path(options.results) / run_id
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise ConfigError(f"{folder.parent}: it cannot be written: {error.strerror}") from None
        manifest = make_manifest(options, plan, run_id, started)
        write_manifest(folder, manifest)
        journal = Journal(folder, run_id)
        return await _loop(_Part(plan, options, journal, manifest, early=early), watch)
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
    earlier = Earlier(folder)
    past = Past(earlier, run.manifest.get("spent_usd") or 0.0)
    plan, adapters = await make_plan(options, watch.clock, past)
    try:
        early = _early(plan, options, watch)
        _refuse_other_rules(run.manifest, early)
        _refuse_other_policy(run.manifest, plan)
        await agree(plan, watch.confirm)
        journal = Journal(folder, run.run_id, tail)  # refuses if anybody wrote since the check
        manifest = {
            **make_manifest(options, plan, run.run_id, run.manifest["started_at"]),
            **{name: run.manifest[name] for name in _HISTORY if name in run.manifest},
            "resumed_at": [*run.manifest.get("resumed_at", []), watch.clock.now_iso()],
        }
        absent = _keep_absent(run.manifest, manifest)
        write_manifest(folder, manifest)
        return await _loop(_Part(plan, options, journal, manifest, earlier, absent, early), watch)
    finally:
        await close_all(adapters)


def _keep_absent(before: Mapping[str, Any], now: dict[str, Any]) -> str | None:
    """Keep the facts of suites and arms that take no part any more; say which arms those are."""
    arms = {(arm["suite"], arm["arm"]) for arm in now["arms"]}
    absent = [arm for arm in before["arms"] if (arm["suite"], arm["arm"]) not in arms]
    names = {suite["name"] for suite in now["suites"]}
    now["arms"] += absent
    now["suites"] += [suite for suite in before["suites"] if suite["name"] not in names]
    if not absent:
        return None
    return "no longer asked: " + ", ".join(f"{arm['suite']} {arm['arm']}" for arm in absent)


def stored_options(manifest: Mapping[str, Any]) -> RunOptions:
    """Return the options that a run was started with.

    Raises:
        JournalError: If run.json does not hold them.
    """
    try:
        return msgspec.convert(manifest["options"], RunOptions)
    except (KeyError, msgspec.ValidationError) as error:
        raise JournalError(f"run.json: `options` cannot be read: {error}") from None


def _watch(
    confirm: Confirm | None, progress: Progress | None, clock: Clock | None, stop: MakeStop | None
) -> Watch:
    return Watch(confirm, progress or Silent(), clock or SystemClock(), stop)


class _Part(NamedTuple):
    """One part of a run: from its start or a resumption to its end."""

    plan: Plan
    options: RunOptions
    journal: Journal
    manifest: dict[str, Any]
    earlier: Earlier | None = None
    absent: str | None = None
    early: EarlyStop | None = None


def _early(plan: Plan, options: RunOptions, watch: Watch) -> EarlyStop | None:
    """Return what may end the run early.

    Raises:
        ConfigError: If the rules cannot be decided on this plan.
    """
    if watch.stop is None:
        return None
    rule = watch.stop(plan)
    return EarlyStop(rule, plan.entries, repeats=options.selection.repeats, seed=options.seed)


def _refuse_other_rules(manifest: Mapping[str, Any], early: EarlyStop | None) -> None:
    """Refuse to go on by other rules than the run began with: they were fixed beforehand.

    Raises:
        ConfigError: If they changed.
    """
    before = manifest.get("stopping")
    now = None if early is None else early.facts()
    if before is not None and now is not None and before["policy_hash"] != now["policy_hash"]:
        raise ConfigError(
            f"{now['policy']}: the rules changed since the run began; "
            "allowed: the rules that were fixed beforehand"
        )


def _refuse_other_policy(manifest: Mapping[str, Any], plan: Plan) -> None:
    """Refuse to go on by another policy: half of its trials would be another arm's.

    Raises:
        ConfigError: If it changed.
    """
    before = {(arm["suite"], arm["arm"]): arm["identity"] for arm in manifest["arms"]}
    for entry, _ in plan.entries:
        known = before.get((entry.suite.name, entry.arm.name), entry.identity)
        if entry.route is not None and known != entry.identity:
            raise ConfigError(
                f"{entry.arm.provider.where}: the policy, or who answers by it, changed since the "
                "run began; allowed: the policy that it began with, or a new run"
            )


async def _loop(part: _Part, watch: Watch) -> Closed:
    """Run the loop and close the journal whatever happens."""
    plan, journal = part.plan, part.journal
    folder = journal.path.parent
    outlook: Outlook | None = None
    budget = _budget(part, watch.clock)
    try:
        outlook = await _runner(part, watch, budget).run()
        if part.absent and outlook.state == "complete":
            outlook = outlook._replace(state="incomplete", reason=part.absent)
    finally:
        manifest = _closed(part.manifest, journal.close(), outlook, budget, watch.clock)
        if part.early is not None:
            manifest["stopping"] = part.early.facts()
        lanes = [hop.lane for entry, _ in plan.entries for hop in entry.hops]
        lanes += [judge.lane for judge in plan.judges.values()]
        manifest["gates"] = {
            lane.provider: {"concurrency": lane.gate.most, "lowest": lane.gate.least_seen}
            for lane in lanes
        }
        write_manifest(folder, manifest)
    return Closed(folder, manifest, outlook)


def _runner(part: _Part, watch: Watch, budget: Budget) -> Runner:
    options = part.options
    asker = Asker(
        part.journal, watch.clock, budget, random.Random(options.seed),  # noqa: S311 - jitter
        cache=AnswerCache(Path(".evalkit") / "cache") if options.cache else None,
        observe=lambda attempt: watch.progress.attempt(attempt, budget.spent_usd),
    )  # fmt: skip
    loop = LoopOptions(repeats=options.selection.repeats, seed=options.seed, stream=options.stream)
    desk = JudgeDesk(part.plan.judges, asker)
    return Runner(
        part.plan.entries, desk, loop, watch.progress, earlier=part.earlier, early=part.early
    )


def _budget(part: _Part, clock: Clock) -> Budget:
    """Return the budget, charged with what earlier parts of the run have cost."""
    book = load_price_book(part.plan.catalogue)
    hops = [hop for entry, _ in part.plan.entries for hop in entry.hops]
    models = {hop.arm.name: hop.arm.model for hop in hops}
    free = {hop.arm.name for hop in hops if hop.lane.costs_nothing}
    free |= {judge.name for judge in part.plan.judges.values() if judge.lane.costs_nothing}
    now = time_of(clock)

    def price(arm: str, attempt: Attempt) -> Decimal | None:
        model = models.get(arm) or parse_choice(arm).model
        return price_attempt(book, model, attempt, now).cost_usd

    budget = Budget(part.options.budget_usd, price)
    if part.earlier is not None:
        for attempts, _ in Index(part.journal.path).groups():
            for line in attempts:
                payer = line.model or line.arm
                if payer not in free and not line.recorded:
                    budget.charge(payer, attempt_of(line))
    return budget


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
