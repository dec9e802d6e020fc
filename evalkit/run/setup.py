"""From options to a plan: suites loaded, models chosen, contestants opened; nothing is sent yet.

What cannot run here is listed with its reason, or refused where the user named it. It does not
know the journal.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from evalkit.core.errors import ConfigError
from evalkit.core.policy import OWN_PREMISES, SENSITIVITIES, Governance
from evalkit.core.ports import (
    Adapter,
    Clock,
    GraderContext,
    SuiteView,
    grader_factory,
)
from evalkit.core.records import Record, Sample
from evalkit.graders.grading import Grading
from evalkit.graders.parse import Parser
from evalkit.graders.schema import check_schema
from evalkit.providers.catalogue import (
    Catalogue,
    Limits,
    Model,
    Provider,
    find_file,
    load_catalogue,
)
from evalkit.providers.presence import absent_models
from evalkit.run.earlier import Earlier
from evalkit.run.estimate import estimate, what_is_left
from evalkit.run.judges import Judges, kin_of, kin_refusal
from evalkit.run.opening import Opener, close_all
from evalkit.run.plan import Arm, Choice, NotRun, Selection, choose_models, draw, plan_arms
from evalkit.run.policies import PROVIDER, read_policy
from evalkit.run.policy_entry import PolicyArms
from evalkit.run.prices import load_price_book
from evalkit.run.trial import Entry
from evalkit.suite.loader import Suite, SuiteSpec, load_suite

OUTPUTS = "outputs"


class RunOptions(Record, frozen=True, kw_only=True):
    """What `evalkit run` is asked to do; kept in run.json so that `resume` does the same.

    Attributes:
        suites: Suite folders.
        models: `--models`, or None for every model whose key or server is there.
        providers: The providers file, or None for ./providers.yaml.
        settings: `--set KEY=VALUE`, applied to every suite.
        results: Where the run's folder is made.
        concurrency: Replaces every provider's own concurrency.
        outputs: A recording whose arms take part as provider `outputs`, beside those of the file.
        stop_when_decided: A gate.yaml that ends each suite as soon as its rules are decided.
        baseline: The arm in use, for that.
        candidate: The arm that may take its place, for that.
        policy: A policy.json that takes part as the arm `policy:NAME`; without `models` alone.
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
    outputs: str | None = None
    stop_when_decided: str | None = None
    baseline: str | None = None
    candidate: str | None = None
    policy: str | None = None


class Plan(NamedTuple):
    """What a run is going to do; shown before anything is sent.

    Attributes:
        entries: Each arm of each suite with the numbers of its samples.
        not_run: Models that do not take part, with the reason.
        estimate_usd: Upper estimate of what is left to be paid, None where nothing is priced.
        judges: Who judges, by suite and `provider:name`.
        kin: Why judges are kin to an arm, by suite and arm, then by judge.
        budget_left_usd: What the budget still allows, None without one.
    """

    suites: list[Suite]
    entries: list[tuple[Entry, array[int]]]
    not_run: list[NotRun]
    catalogue: Catalogue
    estimate_usd: float | None
    unpriced: list[str]
    repeats: int
    judges: Judges = {}
    kin: Mapping[tuple[str, str], Mapping[str, str]] = {}
    budget_left_usd: float | None = None

    @property
    def most_usd(self) -> float | None:
        """The most that can be spent: the estimate, or what the budget allows if that is less."""
        if self.estimate_usd is None or self.budget_left_usd is None:
            return self.estimate_usd
        return min(self.estimate_usd, self.budget_left_usd)

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


class Past(NamedTuple):
    """What earlier parts of a run have done and spent."""

    earlier: Earlier
    spent_usd: float


async def make_plan(
    options: RunOptions, clock: Clock, past: Past | None = None
) -> tuple[Plan, list[Adapter]]:
    """Load everything, decide who runs, open the contestants; close them where that fails.

    Args:
        options: What is asked for.
        clock: Time.
        past: What is done already, and so in no estimate.
    """
    suites = load_suites(options)
    catalogue = load_catalogue(find_file(Path(options.providers) if options.providers else None))
    if options.concurrency is not None:
        catalogue = _with_concurrency(catalogue, options.concurrency)
    if options.outputs is not None:
        catalogue = _with_outputs(catalogue, Path(options.outputs))
    chosen, lacking = await _choose(catalogue, options)
    opener = Opener(catalogue, clock)
    planner = _Planner(options, opener, _policy_arms(options, opener, clock))
    try:
        book = load_price_book(catalogue)
        for suite in suites:
            await planner.add(suite, chosen)
        planner.refuse_idle(suites)
        repeats = options.selection.repeats
        cost, unpriced = estimate(
            planner.entries, opener.judges, book, time_of(clock), repeats=repeats,
            left=None if past is None else what_is_left(past.earlier, stream=options.stream),
        )  # fmt: skip
    except BaseException:
        await close_all(opener.adapters)
        raise
    for model, reason in lacking:
        planner.not_run.append(NotRun(suite="*", model=model, reason=reason))
    plan = Plan(
        suites, planner.entries, planner.not_run, catalogue, cost, unpriced, repeats,
        opener.judges, planner.kin, _budget_left(options, past),
    )  # fmt: skip
    return plan, opener.adapters


def _budget_left(options: RunOptions, past: Past | None) -> float | None:
    """Return what is left of the whole run's budget, None without one."""
    if options.budget_usd is None:
        return None
    return max(0.0, options.budget_usd - (past.spent_usd if past else 0.0))


def _with_concurrency(catalogue: Catalogue, concurrency: int) -> Catalogue:
    """Replace the concurrency of all providers but the embedded runtime's, connections included."""
    providers = {}
    for name, provider in catalogue.providers.items():
        if provider.wire != "llama_cpp":
            limits = msgspec.structs.replace(provider.limits, concurrency=concurrency)
            provider = msgspec.structs.replace(provider, limits=limits)
        providers[name] = provider
    return msgspec.structs.replace(catalogue, providers=providers)


def _with_outputs(catalogue: Catalogue, path: Path) -> Catalogue:
    """Add a recording as a provider of its own; it leaves this process no more than rules do."""
    recording = Provider(
        name=OUTPUTS,
        wire="replay",
        where=str(path),
        path=path.resolve(),
        governance=Governance(processor="self", regions=(OWN_PREMISES,), retention_days=0,
                              trains_on_data="no", allowed_sensitivity=SENSITIVITIES[-1]),
        limits=Limits(max_attempts=1),
    )  # fmt: skip
    providers = {**catalogue.providers, OUTPUTS: recording}
    return msgspec.structs.replace(catalogue, providers=providers)


def _policy_arms(options: RunOptions, opener: Opener, clock: Clock) -> PolicyArms | None:
    if options.policy is None:
        return None
    taken = opener.catalogue.providers.get(PROVIDER)
    if taken is not None:
        raise ConfigError(f"{taken.where}: {PROVIDER!r} names the arms of --policy; rename it")
    return PolicyArms(read_policy(Path(options.policy)), opener, clock, _recorded)


def _recorded(provider: Provider) -> Sequence[str]:
    """Return the models that a recording holds."""
    from evalkit.providers.replay import recorded_models

    return recorded_models(provider.path) if provider.path else ()


async def _choose(
    catalogue: Catalogue, options: RunOptions
) -> tuple[list[tuple[Provider, Model, Choice]], list[tuple[str, str]]]:
    if options.policy is not None and options.models is None:
        return [], []
    present: dict[str, dict[str, str | None]] = {}
    if options.models is None:
        found = await asyncio.gather(*(absent_models(p) for p in catalogue.providers.values()))
        present = dict(zip(catalogue.providers, found, strict=True))
    return choose_models(
        catalogue,
        options.models,
        present=lambda provider: present[provider.name],
        recorded=_recorded,
    )


class _Planner:
    """Gathers entries suite by suite."""

    def __init__(self, options: RunOptions, opener: Opener, policy: PolicyArms | None) -> None:
        self.options = options
        self.opener = opener
        self.policy = policy
        self.entries: list[tuple[Entry, array[int]]] = []
        self.not_run: list[NotRun] = []
        self.kin: dict[tuple[str, str], dict[str, str]] = {}

    async def add(self, suite: Suite, chosen: Sequence[tuple[Provider, Model, Choice]]) -> None:
        """Plan one suite."""
        arms, not_run = plan_arms(suite, chosen)
        self.not_run.extend(not_run)
        parser = Parser(suite.spec.output)
        grading = grading_of(suite.spec, allow_code=self.options.allow_code)
        numbers = draw(suite, self.options.selection)
        view = view_of(suite, allow_code=self.options.allow_code)
        await self.opener.open_judges(suite, grading, view)
        if self.policy is not None:
            entry = await self.policy.entry(suite, view, parser, grading)
            if not self._is_judged_by_kin(suite, entry.arm, [h.arm for h in entry.hops], grading):
                self.entries.append((entry, numbers))
        for arm, adapter in arms:
            if self._is_judged_by_kin(suite, arm, [arm], grading):
                continue
            opened = await self._open(arm, adapter, view)
            if opened is not None:
                lane = self.opener.lane(arm.provider)
                entry = Entry(suite, arm, opened, lane, parser, grading)
                self.entries.append((entry, numbers))

    def _is_judged_by_kin(
        self, suite: Suite, arm: Arm, asked: Sequence[Arm], grading: Grading
    ) -> bool:
        """Note judges that are kin to those an arm asks; True where the rubric forbids that."""
        own = [self.opener.judges[suite.name, name] for name in grading.judges]
        kin: dict[str, str] = {}
        for each in asked:
            kin |= kin_of(each.provider, each.entry, own)
        if kin:
            self.kin[suite.name, arm.name] = kin
        refused = kin_refusal(kin, grading)
        if refused:
            self._leave_out(NotRun(suite=suite.name, model=arm.entry_name, reason=refused))
        return refused is not None

    async def _open(self, arm: Arm, adapter: Adapter, view: SuiteView) -> Adapter | None:
        """Open a contestant for a suite; list one that cannot, refuse it where it was named."""
        try:
            return await self.opener.open(arm.provider, arm.entry_name, adapter, view)
        except ConfigError as error:
            why = str(error).removeprefix(f"{arm.model}: ")
            self._leave_out(NotRun(suite=view.name, model=arm.entry_name, reason=why))
            return None

    def _leave_out(self, out: NotRun) -> None:
        if out not in self.not_run:
            self.not_run.append(out)

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


def view_of(suite: Suite, *, allow_code: bool) -> SuiteView:
    """Return what contestants in this process may see of a suite."""
    return SuiteView(
        name=suite.name,
        folder=suite.spec.folder,
        output=suite.spec.output,
        train=suite.train,
        code_allowed=code_allowed(suite.spec.folder, allow_code),
    )


def time_of(clock: Clock) -> dt.datetime:
    """Return a clock's time as a datetime in UTC."""
    return dt.datetime.fromisoformat(clock.now_iso())
