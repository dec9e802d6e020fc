"""What is compared in pairs: the suite that runs share, their arms' answers, a draw of samples.

Everything is read from run folders; nobody is asked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.core.errors import ConfigError
from evalkit.core.records import Record, Trial, fingerprint, hash64
from evalkit.graders.rubric import answer_shown
from evalkit.graders.rubric_file import Criterion, read_rubric
from evalkit.run.folder import Run
from evalkit.run.judges import Judge, kin_of_arm
from evalkit.run.setup import settings_for
from evalkit.suite.loader import Suite, load_suite


class PairOptions(Record, frozen=True, kw_only=True):
    """Whose outputs are compared, by whom.

    Attributes:
        suite: The suite's name; None where the runs hold one.
        arms: Two or more; None for all of the runs.
        judges: `provider:name`; several are a panel by majority.
        limit: So many samples, those whose ids hash lowest with the seed.
        max_attempts: How often one preference is asked for while it cannot be read.
    """

    judges: tuple[str, ...]
    suite: str | None = None
    arms: tuple[str, ...] | None = None
    limit: int | None = None
    sample_seed: int = 0
    independent: bool = False
    max_attempts: int = 3
    providers: Path | None = None
    budget_usd: float | None = None


class Output(NamedTuple):
    """One arm's answer to one sample and repeat."""

    text: str
    usable: bool
    cluster: str | None


Answers = dict[tuple[str, int], Output]


def shared_suite(runs: Sequence[Run], options: PairOptions) -> Suite:
    """Return the suite that all runs asked, as it was then.

    Raises:
        ConfigError: If there is none, its task has changed, or a run or judge is named twice.
    """
    twice = [judge for judge, count in Counter(options.judges).items() if count > 1]
    if twice:
        raise ConfigError(f"judge pairs: --judge names {twice[0]} twice; a panel is of several")
    if len({run.run_id for run in runs}) < len(runs):
        raise ConfigError(f"judge pairs: {runs[0].run_id} is named twice; name each run once")
    held = [{entry["name"]: entry for entry in run.manifest["suites"]} for run in runs]
    shared = [name for name in held[0] if all(name in other for other in held)]
    name = options.suite or (shared[0] if len(shared) == 1 else None)
    if name not in shared:
        raise ConfigError(_no_suite(options.suite, shared))
    entry = held[0][name]
    stored = tuple(runs[0].manifest["options"]["settings"])
    folders = [Path(found["folder"]) for found in held[0].values()]
    folder = Path(entry["folder"])
    suite = load_suite(folder, settings=settings_for(folder, folders, stored))
    for run, other in zip(runs, held, strict=True):
        for part in ("data", "prompts"):
            if other[name]["hashes"].get(part) != suite.hashes[part]:
                raise ConfigError(
                    f"{folder}: its {part} are not those that {run.run_id} asked; outputs can only "
                    "be compared for the same task"
                )
    return suite


def _no_suite(named: str | None, shared: Sequence[str]) -> str:
    """Say why no suite is chosen."""
    who = "judge pairs" if named is None else f"--suite {named!r}"
    if not shared:
        return f"{who}: the runs share no suite; only answers to the same task can be compared"
    names = ", ".join(shared)
    if named is None:
        return f"{who}: the runs share several suites; choose one with --suite: {names}"
    return f"{who}: the runs share {names}; name one of them"


def folder_of(runs: Sequence[Run], suite: str, prompt_hash: str, options: PairOptions) -> Path:
    """Return the folder of these runs' comparisons, in the first of them."""
    mark = fingerprint([[run.run_id for run in runs], suite, prompt_hash, options.judges])
    return runs[0].folder / f"pairs-{mark[:8]}"


def _labels(runs: Sequence[Run], suite: str) -> list[dict[str, str]]:
    """Return each run's arms with what they are called: those of several runs by number of run.

    The numbers are those of the order in which the runs were given, from 1.
    """
    held = [[a["arm"] for a in run.manifest["arms"] if a["suite"] == suite] for run in runs]
    often = Counter(arm for arms in held for arm in arms)
    return [
        {arm: f"{arm} (run {number})" if often[arm] > 1 else arm for arm in arms}
        for number, arms in enumerate(held, 1)
    ]


def answers_of(runs: Sequence[Run], suite: str, options: PairOptions) -> dict[str, Answers]:
    """Return the answers of the arms that are to be compared, by sample and repeat."""
    found: dict[str, Answers] = {}
    same: dict[str, list[str]] = defaultdict(list)
    for run, names in zip(runs, _labels(runs, suite), strict=True):
        for arm, name in names.items():
            same[arm].append(name)
        found |= {name: {} for name in names.values()}
        for trial in run.trials():
            if trial.suite == suite and trial.status not in ("error", "skipped"):
                answer = Output(_shown(trial), trial.status != "malformed", trial.cluster)
                found[names[trial.arm]][trial.sample_id, trial.repeat] = answer
    found = {name: answers for name, answers in found.items() if answers}
    wanted = list(found)
    if options.arms is not None:  # a bare name is that arm in every run
        wanted = [
            n for arm in options.arms for n in ([arm] if arm in found else same[arm] or [arm])
        ]
    wanted = list(dict.fromkeys(wanted))
    missing = [arm for arm in wanted if arm not in found]
    if missing or len(wanted) < 2:
        problem = f"no arm {missing[0]!r}" if missing else f"{len(wanted)} arm to compare"
        raise ConfigError(
            f"judge pairs: {problem}; two or more are needed, answered arms: {', '.join(found)}"
        )
    drawn = _drawn({key[0] for arm in wanted for key in found[arm]}, options)
    return {
        arm: {key: answer for key, answer in found[arm].items() if key[0] in drawn}
        for arm in wanted
    }


def _drawn(sample_ids: set[str], options: PairOptions) -> set[str]:
    if options.limit is None or options.limit >= len(sample_ids):
        return sample_ids
    ranked = sorted(sample_ids, key=lambda name: hash64(f"{options.sample_seed}\0{name}"))
    return set(ranked[: options.limit])


def criteria_of(suite: Suite) -> tuple[Criterion, ...]:
    """Return the criteria of the suite's rubric, none where it has no rubric."""
    options = next((g.options for g in suite.spec.graders if g.name == "rubric"), {})
    path = suite.spec.folder / str(options.get("file") or "rubric.yaml")
    return read_rubric(path).criteria if path.is_file() else ()


def _shown(trial: Trial) -> str:
    """Return a trial's last answer as a judge sees it, calls included."""
    done = [a.completion for a in trial.attempts if a.role == "model" and a.completion is not None]
    return answer_shown(done[-1]) if done else ""


def kin_of_arms(
    runs: Sequence[Run],
    judges: Sequence[Judge],
    compared: Sequence[str],
    suite: str,
    options: PairOptions,
) -> dict[str, Any]:
    """Return which judges are kin to which of the compared arms.

    Raises:
        ConfigError: If judges are to be independent and one is not.
    """
    kin: dict[str, Any] = {}
    for run, names in zip(runs, _labels(runs, suite), strict=True):
        for arm in run.manifest["arms"]:
            if arm["suite"] != suite or names[arm["arm"]] not in compared:
                continue
            found = kin_of_arm(arm, judges)
            if found:
                kin[names[arm["arm"]]] = found
            if found and options.independent:
                name, reason = next(iter(found.items()))
                raise ConfigError(
                    f"--judge {name}: it is not independent of {arm['arm']}: {reason}; name another"
                )
    return kin
