"""A canary suite: a small copy of a suite whose samples were chosen from past runs of it.

Reads the runs, makes sure that the data are still the same, chooses, and writes the folder with a
data sheet that says how. It does not run anything.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evalkit.analysis.drifting.canary_choice import (
    Array,
    Canary,
    Codes,
    Past,
    Role,
    Traits,
    choose_canaries,
)
from evalkit.analysis.outcomes import Outcomes, outcomes_of
from evalkit.analysis.pairing import sample_means
from evalkit.analysis.runs import arm_facts, suite_facts
from evalkit.analysis.summary import Summing
from evalkit.core.errors import ConfigError
from evalkit.core.records import Attempt, Record
from evalkit.providers.pricing import Priced
from evalkit.run.folder import Run
from evalkit.run.setup import settings_for
from evalkit.suite.loader import Suite, load_suite, read_spec
from evalkit.suite.subset import ORIGIN, write_subset

SCHEMA_VERSION = 1
EVIDENCE = "canaries.json"
_UNPRICED = Priced(None, {}, "not looked up", "")


class CanaryRequest(Record, frozen=True, kw_only=True):
    """What `new canaries` is asked to do.

    Attributes:
        runs: Folders of runs of one suite: the history.
        k: How many samples.
        arms: Choose by these arms' history alone; None: by that of all.
        suite: The suite's folder; None: where the newest run says.
        output: Where the new suite goes; None: NAME-canaries beside the suite.
        seed: Breaks ties.
    """

    runs: tuple[Path, ...]
    k: int = 50
    arms: tuple[str, ...] | None = None
    suite: Path | None = None
    output: Path | None = None
    seed: int = 0


class _History(NamedTuple):
    """The suite, the runs of it, and what became of its samples."""

    suite: Suite
    runs: Sequence[Run]
    arms: Sequence[str]
    past: Past


def write_canaries(request: CanaryRequest) -> dict[str, Any]:
    """Choose samples and write the suite; return what `evalkit new canaries --json` prints.

    Raises:
        ConfigError: If the suite's data changed since a run, too few samples have a past, an arm
            is in no run, or the folder exists.
        JournalError: If a folder is no run, or its journal is foreign, mixed or edited.
    """
    runs = _opened(request)
    suite = _suite(runs, request)
    _refuse_changed(runs, suite)
    history = _history(runs, suite, request)
    known = int(history.past.known.sum())
    if request.k > known:
        raise ConfigError(
            f"new canaries: -k: more than the samples with a past, got {request.k}; "
            f"allowed: 1 to {known}"
        )
    rng = np.random.default_rng(request.seed)
    chosen = choose_canaries(history.past, _traits(suite), request.k, rng)
    name = f"{suite.name}-canaries"
    folder = request.output or suite.spec.folder.parent / name
    document = _document(history, chosen, request.seed, name)
    files = {EVIDENCE: json.dumps(document, indent=2, ensure_ascii=False) + "\n"}
    files["README.md"] = data_sheet(document, suite, chosen)
    write_subset(suite, [canary.number for canary in chosen], folder, name, files)
    return {**document, "path": str(folder), "notes": _notes(runs, suite, document)}


def _opened(request: CanaryRequest) -> list[Run]:
    runs = [Run(folder) for folder in request.runs]
    for run_id, count in Counter(run.run_id for run in runs).items():
        if count > 1:
            raise ConfigError(
                f"new canaries: a run is given twice, got {run_id!r}; allowed: each run once"
            )
    return sorted(runs, key=lambda run: str(run.manifest["started_at"]))


def _suite(runs: Sequence[Run], request: CanaryRequest) -> Suite:
    """Load the suite that all runs have: the named one, or the only one."""
    newest = runs[-1].manifest
    shared = [
        own for own in newest["suites"]
        if all(_facts(run, own["name"]) is not None for run in runs)
    ]  # fmt: skip
    if request.suite is not None:
        name = read_spec(request.suite).name
        shared = [own for own in shared if own["name"] == name]
        if not shared:
            raise ConfigError(f"{request.suite}: not a suite of all these runs, got {name!r}")
    if len(shared) != 1:
        known = ", ".join(own["folder"] for own in shared) or "none is in all of them"
        raise ConfigError(f"new canaries: one suite is needed; name it with --suite DIR: {known}")
    place = Path(shared[0]["folder"])
    folders = [Path(own["folder"]) for own in newest["suites"]]
    settings = settings_for(place, folders, newest["options"].get("settings", ()))
    folder = request.suite or place
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: the suite's folder is not there, as {runs[-1].folder} names it; "
            "name it with --suite DIR"
        )
    return load_suite(folder, settings=settings)


def _facts(run: Run, suite: str) -> dict[str, Any] | None:
    return next((own for own in run.manifest["suites"] if own["name"] == suite), None)


def _refuse_changed(runs: Sequence[Run], suite: Suite) -> None:
    for run in runs:
        before = (_facts(run, suite.name) or {}).get("hashes", {}).get("data")
        if before != suite.hashes["data"]:
            raise ConfigError(
                f"{suite.spec.folder}: its data changed since {run.folder}, got "
                f"{suite.hashes['data'][:12]}; allowed: the data of that run, {str(before)[:12]}"
            )


def _history(runs: Sequence[Run], suite: Suite, request: CanaryRequest) -> _History:
    """Return the mean of each sample over runs and arms; every arm of every run weighs the same."""
    number = {known: index for index, known in enumerate(suite.samples.id_hashes)}
    arms = _arms(runs, suite.name, request.arms)
    passed, quality = _Mean(len(number)), _Mean(len(number))
    for run in runs:
        for outcomes in _outcomes(run, suite.name, arms):
            for sums, values in ((passed, outcomes.passed), (quality, outcomes.quality)):
                sums.add(outcomes, values, number)
    past = Past(passed.mean, quality.mean, passed.trials)
    return _History(suite, runs, arms, past)


def _arms(runs: Sequence[Run], suite: str, wanted: Sequence[str] | None) -> list[str]:
    known = list(dict.fromkeys(
        arm["arm"] for run in runs for arm in run.manifest["arms"] if arm["suite"] == suite
    ))  # fmt: skip
    for name in wanted or ():
        if name not in known:
            raise ConfigError(
                f"new canaries: --arm: in none of these runs, got {name!r}; "
                f"allowed: {', '.join(known)}"
            )
    return [arm for arm in known if wanted is None or arm in wanted]


def _outcomes(run: Run, suite: str, arms: Sequence[str]) -> Iterator[Outcomes]:
    manifest = run.manifest
    summing = Summing(run.run_id, suite_facts(manifest), arm_facts(manifest), _no_price)
    for trial in run.trials(only=lambda name, _sample, arm: name == suite and arm in arms):
        summing.add(trial)
    for key, columns in summing.columns.items():
        yield outcomes_of(*key, columns)


def _no_price(_model: str, _attempt: Attempt) -> Priced:
    return _UNPRICED


class _Mean:
    """Sums over samples that are numbered from 0.

    Args:
        size: How many there are.
    """

    def __init__(self, size: int) -> None:
        self._sums = np.zeros(size)
        self._parts = np.zeros(size, dtype=np.int64)
        self.trials: Codes = np.zeros(size, dtype=np.int64)

    def add(self, outcomes: Outcomes, values: Array, number: dict[int, int]) -> None:
        """Take an arm's values, averaged by sample; those of unknown samples are left out."""
        means = sample_means(outcomes, values)
        at = np.array([number.get(int(one), -1) for one in means.sample], dtype=np.intp)
        own = at >= 0
        self._sums[at[own]] += means.mean[own]
        self._parts[at[own]] += 1
        known = outcomes.sample[~np.isnan(values)]
        for sample, count in zip(*np.unique(known, return_counts=True), strict=True):
            if int(sample) in number:
                self.trials[number[int(sample)]] += count

    @property
    def mean(self) -> Array:
        """The means, NaN where nothing was taken, shape (size,)."""
        known = self._parts > 0
        return np.where(known, self._sums / np.maximum(self._parts, 1), np.nan)


def _traits(suite: Suite) -> Traits:
    critical, clusters = [], []
    slices: dict[str, list[str]] = {name: [] for name in suite.spec.data.slices}
    for sample in suite.samples:
        critical.append(sample.critical)
        clusters.append(sample.id if sample.cluster is None else f"\0{sample.cluster}")
        for name, values in slices.items():
            values.append(sample.slices[name])
    return Traits(
        np.array(critical, dtype=bool),
        _numbered(clusters),
        [_numbered(values) for values in slices.values()],
    )


def _numbered(values: Sequence[str]) -> Codes:
    codes: dict[str, int] = {}
    return np.array([codes.setdefault(value, len(codes)) for value in values], dtype=np.int64)


def _document(history: _History, chosen: Sequence[Canary], seed: int, name: str) -> dict[str, Any]:
    past, samples = history.past, history.suite.samples
    roles = Counter(canary.role for canary in chosen)
    return {
        "schema_version": SCHEMA_VERSION,
        "suite": name,
        "chosen_from": {
            "suite": history.suite.name,
            "hash": history.suite.hash,
            "samples": len(samples),
            "with_a_past": int(past.known.sum()),
            "runs": [run.run_id for run in history.runs],
            "arms": list(history.arms),
        },
        "seed": seed,
        "roles": {role: count for role in _MEANING if (count := roles[role])},
        "samples": [
            {
                "sample_id": samples[canary.number].id,
                "role": canary.role,
                "pass_share": float(past.share[canary.number]),
                "trials": int(past.trials[canary.number]),
            }
            for canary in chosen
        ],
    }


def _notes(runs: Sequence[Run], suite: Suite, document: dict[str, Any]) -> list[str]:
    """Return what the chooser should know of the choice."""
    notes = []
    parts = [
        part for part, value in (_facts(runs[-1], suite.name) or {}).get("hashes", {}).items()
        if part not in ("data", "suite") and suite.hashes.get(part) != value
    ]  # fmt: skip
    if parts:
        notes.append(f"{', '.join(parts)} changed since the newest run: its history may not hold")
    if suite.spec.settings:
        given = " ".join(f"--set {setting}" for setting in suite.spec.settings)
        notes.append(f"the runs were made with {given}: all but the data is yours to give again")
    if "borderline" not in document["roles"]:
        notes.append("no sample hung in the balance: more repeats or runs would show such")
    if "stable pass" not in document["roles"]:
        notes.append("no sample was always passed: --arm M chooses by one arm's history")
    return notes


def data_sheet(document: dict[str, Any], suite: Suite, chosen: Sequence[Canary]) -> str:
    """Return README.md of a canary suite."""
    source = document["chosen_from"]
    roles = "\n".join(
        f"| {role} | {n} | {_MEANING[role]} |" for role, n in document["roles"].items()
    )
    runs = "\n".join(f"- {run_id}" for run_id in source["runs"])
    return _SHEET.format(
        name=document["suite"],
        suite=source["suite"],
        k=len(chosen),
        samples=source["samples"],
        known=source["with_a_past"],
        version=suite.spec.version,
        hash=source["hash"],
        licence=suite.spec.licence or "not stated",
        origin=f"[{ORIGIN}]({ORIGIN})" if (suite.spec.folder / "README.md").is_file() else "none",
        seed=document["seed"],
        arms=", ".join(source["arms"]),
        runs=runs,
        roles=roles,
        slices=_slices(suite, chosen),
        evidence=EVIDENCE,
    )


def _slices(suite: Suite, chosen: Sequence[Canary]) -> str:
    lines = []
    samples = [suite.samples[canary.number] for canary in chosen]
    for name in suite.spec.data.slices:
        counts = Counter(sample.slices[name] for sample in samples)
        lines.append(f"{name}: " + ", ".join(f"{v} {n}" for v, n in counts.most_common()))
    if suite.spec.data.critical:
        lines.append(f"critical: {sum(sample.critical for sample in samples)}")
    if suite.spec.data.cluster:
        lines.append(f"clusters: {len({sample.cluster for sample in samples})}")
    return "\n".join(f"- {line}" for line in lines) or "- no slices"


_MEANING: dict[Role, str] = {
    "borderline": "passed sometimes: the first to tip when a model changes a little",
    "stable pass": "passed every time: a failure here is a regression",
    "mostly passing": "filled up with the highest pass shares, for want of the above",
    "failing": "filled up with the highest scores of those that never passed",
}
_SHEET = """# {name}

What it is: {k} of the {samples} samples of the suite {suite} {version}, chosen so that a change
of a model shows with few samples. To be run again and again, and read with `evalkit drift`.

**Not representative.** The samples were chosen by how they came out. Quality here is not quality
on {suite}, and says nothing about how good a model is: compare runs of this suite with each other
only. Expect the first run to differ from the history: a sample that happened to pass every time
will fail now and then, one that was near 1/2 by chance will move away from it (regression to the
mean). So the first run of this suite is what later ones are held against, never the runs it was
chosen from.

## How they were chosen

| kind | samples | meaning |
| --- | ---: | --- |
{roles}

By the pass share of each sample over the trials of these arms, every arm of every run with the
same weight; {known} samples had such a past. Within each kind critical samples came first, then
clusters that had fewest so far, then slices that were behind their share of the suite; ties by
seed {seed}.
[{evidence}]({evidence}) has the pass share and the number of trials of each.

Arms: {arms}

Runs:
{runs}

{slices}

Suite hash: {hash}

Licence: {licence}

Data sheet of the suite it comes from: {origin}
"""
