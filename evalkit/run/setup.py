"""From options to a plan: suites loaded, models chosen, contestants opened; nothing is sent yet.

What cannot run here is listed with its reason, or refused where the user named it. It does not
know the journal.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from array import array
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from evalkit.core.errors import ConfigError
from evalkit.core.ports import Adapter, Clock, GraderContext, SuiteView, grader_factory
from evalkit.core.records import Record, Sample, Usage
from evalkit.graders.grading import Grading
from evalkit.graders.parse import Parser
from evalkit.graders.schema import check_schema
from evalkit.providers.catalogue import Catalogue, Model, Provider, find_file, load_catalogue
from evalkit.providers.presence import absent_models
from evalkit.providers.pricing import PriceBook
from evalkit.run.ask import Lane
from evalkit.run.limits import Gate, RateLimit
from evalkit.run.plan import Arm, Choice, NotRun, Selection, choose_models, draw, plan_arms
from evalkit.run.prices import load_price_book
from evalkit.run.retry import RetryPolicy
from evalkit.run.trial import Entry
from evalkit.suite.loader import Suite, SuiteSpec, load_suite

_OWN_PER_SUITE = ("sklearn", "python", "replay")


class RunOptions(Record, frozen=True, kw_only=True):
    """What `evalkit run` is asked to do; kept in run.json so that `resume` does the same.

    Attributes:
        suites: Suite folders.
        models: `--models`, or None for every model whose key or server is there.
        providers: The providers file, or None for ./providers.yaml.
        settings: `--set KEY=VALUE`, applied to every suite.
        results: Where the run's folder is made.
        concurrency: Replaces every provider's own concurrency.
    """

    suites: tuple[str, ...]
    models: tuple[str, ...] | None = None
    providers: str | None = None
    settings: tuple[str, ...] = ()
    results: str = "results"
    selection: Selection = Selection()
    concurrency: int | None = None
    budget_usd: float | None = None
    cache: bool = False
    stream: bool = False
    seed: int = 0
    allow_code: bool = False
    command: str = ""


class Plan(NamedTuple):
    """What a run is going to do; shown before anything is sent.

    Attributes:
        entries: Each arm of each suite with the numbers of its samples.
        not_run: Models that do not take part, with the reason.
        estimate_usd: Upper estimate of the cost, None where nothing is priced.
    """

    suites: list[Suite]
    entries: list[tuple[Entry, array[int]]]
    not_run: list[NotRun]
    catalogue: Catalogue
    estimate_usd: float | None
    unpriced: list[str]
    repeats: int

    @property
    def trials(self) -> int:
        """How many trials there are."""
        return sum(len(numbers) for _, numbers in self.entries) * self.repeats


def load_suites(options: RunOptions) -> list[Suite]:
    """Load the suites of a run with their graders' checks.

    Raises:
        ConfigError: With file and line of each problem.
    """
    folders = [Path(name) for name in options.suites]
    suites = [
        load_suite(
            folder,
            settings=settings_for(folder, folders, options.settings),
            check=lambda s: _checks(s, options),
        )
        for folder in folders
    ]
    names = [suite.name for suite in suites]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ConfigError(f"suites: {sorted(repeated)} is the name of two suites; rename one")
    return suites


def settings_for(folder: Path, folders: Sequence[Path], settings: Iterable[str]) -> tuple[str, ...]:
    """Return the settings that concern one suite.

    `KEY=VALUE` concerns all, `FOLDER:KEY=VALUE` only the suite whose folder has that name.
    """
    names = {_folder_name(other) for other in folders}
    own = []
    for setting in settings:
        name, colon, rest = setting.partition(":")
        if colon and "=" not in name:
            if name not in names:
                raise ConfigError(
                    f"--set {name}:...: no suite {name!r} in this run; it has: "
                    + ", ".join(sorted(names))
                )
            if name == _folder_name(folder):
                own.append(rest)
        else:
            own.append(setting)
    return tuple(own)


def _folder_name(folder: Path) -> str:
    place = folder.parent if folder.name == "suite.yaml" else folder
    return place.resolve().name


def grading_of(spec: SuiteSpec, *, allow_code: bool) -> Grading:
    """Build a suite's graders.

    Raises:
        ConfigError: If a grader or one of its options is unknown, with file and line.
    """
    graders = []
    for entry in spec.graders:
        context = GraderContext(
            options=entry.options,
            output=spec.output,
            suite_folder=spec.folder,
            where=entry.where,
            code_allowed=code_allowed(spec.folder, allow_code),
            pass_at=spec.pass_at,
        )
        graders.append(grader_factory(entry.name, entry.where)(context))
    return Grading(spec.output, graders, spec.primary)


def code_allowed(folder: Path, allow_code: bool) -> bool:
    """True where a suite's own Python may run: below the current directory, or by consent."""
    return allow_code or folder.resolve().is_relative_to(Path.cwd().resolve())


def _checks(spec: SuiteSpec, options: RunOptions) -> Callable[[Sample], str | None]:
    if spec.output.schema is not None:
        check_schema(spec.output.schema, spec.schema_where)
    graders = grading_of(spec, allow_code=options.allow_code).graders

    def check(sample: Sample) -> str | None:
        return next((p for g in graders if (p := g.check(sample))), None)

    return check


async def make_plan(options: RunOptions, clock: Clock) -> tuple[Plan, list[Adapter]]:
    """Load everything, decide who runs, open the contestants; close them where that fails."""
    suites = load_suites(options)
    catalogue = load_catalogue(find_file(Path(options.providers) if options.providers else None))
    if options.concurrency is not None:
        catalogue = _with_concurrency(catalogue, options.concurrency)
    chosen, lacking = await _choose(catalogue, options)
    planner = _Planner(options, catalogue, clock)
    try:
        for suite in suites:
            await planner.add(suite, chosen)
        planner.refuse_idle(suites)
    except BaseException:
        await close_all(planner.adapters.values())
        raise
    for model, reason in lacking:
        planner.not_run.append(NotRun(suite="*", model=model, reason=reason))
    estimate, unpriced = planner.estimate()
    repeats = options.selection.repeats
    plan = Plan(suites, planner.entries, planner.not_run, catalogue, estimate, unpriced, repeats)
    return plan, list(planner.adapters.values())


def _with_concurrency(catalogue: Catalogue, concurrency: int) -> Catalogue:
    """Replace the concurrency of all providers but the embedded runtime's, connections included."""
    providers = {}
    for name, provider in catalogue.providers.items():
        if provider.wire != "llama_cpp":
            limits = msgspec.structs.replace(provider.limits, concurrency=concurrency)
            provider = msgspec.structs.replace(provider, limits=limits)
        providers[name] = provider
    return msgspec.structs.replace(catalogue, providers=providers)


async def _choose(
    catalogue: Catalogue, options: RunOptions
) -> tuple[list[tuple[Provider, Model, Choice]], list[tuple[str, str]]]:
    from evalkit.providers.replay import recorded_models

    present: dict[str, dict[str, str | None]] = {}
    if options.models is None:
        found = await asyncio.gather(*(absent_models(p) for p in catalogue.providers.values()))
        present = dict(zip(catalogue.providers, found, strict=True))
    return choose_models(
        catalogue,
        options.models,
        present=lambda provider: present[provider.name],
        recorded=lambda provider: recorded_models(provider.path) if provider.path else (),
    )


class _Planner:
    """Gathers entries suite by suite; one adapter serves all suites where it can."""

    def __init__(self, options: RunOptions, catalogue: Catalogue, clock: Clock) -> None:
        self.options = options
        self.entries: list[tuple[Entry, array[int]]] = []
        self.not_run: list[NotRun] = []
        self.adapters: dict[tuple[str, str], Adapter] = {}
        self._opened: set[tuple[str, str, str]] = set()
        self._lanes: dict[str, Lane] = {}
        self._clock = clock
        self._book = load_price_book(catalogue)

    async def add(self, suite: Suite, chosen: Sequence[tuple[Provider, Model, Choice]]) -> None:
        """Plan one suite."""
        arms, not_run = plan_arms(suite, chosen)
        self.not_run.extend(not_run)
        spec = suite.spec
        parser = Parser(spec.output)
        grading = grading_of(spec, allow_code=self.options.allow_code)
        numbers = draw(suite, self.options.selection)
        view = SuiteView(
            name=suite.name,
            folder=spec.folder,
            output=spec.output,
            train=suite.train,
            code_allowed=code_allowed(spec.folder, self.options.allow_code),
        )
        for arm, adapter in arms:
            opened = await self._open(arm, adapter, view)
            if opened is not None:
                lane = self._lane(arm.provider)
                entry = Entry(suite, arm, opened, lane, parser, grading)
                self.entries.append((entry, numbers))

    async def _open(self, arm: Arm, adapter: Adapter, view: SuiteView) -> Adapter | None:
        """Open a contestant for a suite; list one that cannot, refuse it where it was named."""
        scope = view.name if arm.provider.wire in _OWN_PER_SUITE else ""
        adapter = self.adapters.setdefault((scope, arm.entry_name), adapter)
        mark = (scope, arm.entry_name, view.name)
        if mark in self._opened:
            return adapter
        try:
            await adapter.open(view)
        except ConfigError as error:
            why = str(error).removeprefix(f"{arm.model}: ")
            reason = NotRun(suite=view.name, model=arm.entry_name, reason=why)
            if reason not in self.not_run:
                self.not_run.append(reason)
            return None
        self._opened.add(mark)
        return adapter

    def _lane(self, provider: Provider) -> Lane:
        if provider.name not in self._lanes:
            limits = provider.limits
            self._lanes[provider.name] = Lane(
                provider.name,
                Gate(limits.concurrency, self._clock),
                RateLimit(limits.rpm, limits.tpm, self._clock),
                RetryPolicy(max_attempts=limits.max_attempts),
                limits.timeout_s,
                provider.base_url,
                provider.is_local,
            )
        return self._lanes[provider.name]

    def refuse_idle(self, suites: Sequence[Suite]) -> None:
        """Refuse a run in which a named model, or a suite, has no part.

        Raises:
            ConfigError: With the reasons.
        """
        if self.options.models is not None:
            busy = {entry.arm.entry_name for entry, _ in self.entries}
            problems = [out.reason for out in self.not_run if out.model not in busy]
            if problems:
                raise ConfigError(problems)
        for suite in suites:
            if all(entry.suite is not suite for entry, _ in self.entries):
                reasons = "; ".join(f"{out.model}: {out.reason}" for out in self.not_run[:3])
                raise ConfigError(
                    f"suite {suite.name!r}: no model can be asked here: {reasons or 'none named'}"
                )

    def estimate(self) -> tuple[float | None, list[str]]:
        """Return an upper estimate of the cost, and the arms that have no price."""
        total, priced, unpriced = 0.0, False, []
        for entry, numbers in self.entries:
            if entry.lane.costs_nothing:
                continue
            cost = estimate_arm(entry, numbers, self._book, time_of(self._clock))
            if cost is None:
                unpriced.append(entry.arm.name)
            else:
                priced = True
                total += cost * self.options.selection.repeats
        return (total if priced else None), unpriced


def estimate_arm(
    entry: Entry, numbers: Sequence[int], book: PriceBook, now: dt.datetime, look_at: int = 50
) -> float | None:
    """Return the most that one repeat of an arm is expected to cost, None where unpriced.

    Prompts of some samples are counted at 3.5 characters a token; each answer is taken to be as
    long as `max_tokens` allows (512 where the suite names none).
    """
    if not numbers:
        return 0.0
    some = list(numbers)[:look_at]
    suite = entry.suite
    chars = sum(
        len(m.content) for number in some for m in suite.messages(suite.samples[number])
    ) / len(some)
    most = int(entry.arm.params.get("max_tokens") or 512)
    usage = Usage(input=int(chars / 3.5) + 1, output=most)
    cost = book.price(usage, entry.arm.model, at=now).cost_usd
    return None if cost is None else float(cost) * len(numbers)


def time_of(clock: Clock) -> dt.datetime:
    """Return a clock's time as a datetime in UTC."""
    return dt.datetime.fromisoformat(clock.now_iso())


async def close_all(adapters: Iterable[Adapter]) -> None:
    """Give back what contestants hold."""
    for adapter in adapters:
        await adapter.close()
