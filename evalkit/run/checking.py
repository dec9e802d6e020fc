"""Suites and providers validated without sending anything: errors, and what a careful one has.

Errors are what `run` would refuse; warnings are what a reader of the results would miss.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.core.errors import ConfigError
from evalkit.providers.catalogue import (
    DEFAULT_FILE,
    Catalogue,
    find_file,
    licence_warnings,
    load_catalogue,
)
from evalkit.providers.openness import licence_problems
from evalkit.run.judges import find_judge
from evalkit.run.opening import refuse_unseen
from evalkit.run.prices import load_price_book
from evalkit.run.setup import RunOptions, grading_of, load_suites
from evalkit.suite.loader import Suite

_FEW_SAMPLES = 50
_ABSENT_DATA = re.compile(
    r": `(?:path|train)` names '(?P<file>[^']+)'; no such file$"
    r"|: hub data set (?P<hub>\S+)\[[^\]]*\] cannot be fetched: "
)


def check_all(
    suites: Sequence[Path] | None,
    *,
    providers: Path | None = None,
    settings: Sequence[str] = (),
    allow_code: bool = False,
) -> dict[str, Any]:
    """Check suites (by default all below ./suites) and the providers file.

    Of those that nobody named, one whose data are not here, and whose README.md says where they
    come from, is left out with a warning, unless that leaves none.

    Returns:
        `errors`, `warnings` and `checked`, a line each; `suites`: folder, name, samples, units
        (clusters where there are any), slices (samples by column and value) and graders of each
        suite that was checked.
    """
    report: dict[str, Any] = {"errors": [], "warnings": [], "checked": [], "suites": []}
    folders = list(suites) if suites is not None else all_suites()
    absent: list[str] = []
    left_out: list[str] = []
    for folder in folders:
        options = RunOptions(suites=(str(folder),), settings=tuple(settings), allow_code=allow_code)
        try:
            suite = load_suites(options)[0]
            _check_suite(suite, report, _judging(suite, options, providers))
        except ConfigError as error:
            if suites is None and _is_explained(folder, error.problems):
                absent += error.problems
                left_out.append(f"{folder}: skipped: its data are not here, see its README.md")
            else:
                report["errors"] += error.problems
    if report["checked"]:
        report["warnings"] += left_out
    else:
        report["errors"] += absent
    _check_providers(providers, report)
    if not folders and not report["checked"] and not report["errors"]:
        report["errors"].append("nothing to check: no suite below ./suites and no providers.yaml")
    return report


def all_suites() -> list[Path]:
    """Return the folders of all suites below ./suites."""
    return [file.parent for file in sorted(Path("suites").glob("**/suite.yaml"))]


def _is_explained(folder: Path, problems: Sequence[str]) -> bool:
    """Return whether nothing but data is missing, and the data sheet names it: no slip of a pen."""
    sheet = folder / "README.md"
    found = [_ABSENT_DATA.search(problem) for problem in problems]
    if not all(found) or not sheet.is_file():
        return False
    text = sheet.read_text(encoding="utf-8", errors="replace")
    return all(m and Path(m["hub"] or m["file"]).name in text for m in found)


class _Judging(NamedTuple):
    """What was found of a suite's judges: whom `run` refuses, and who cannot be asked here."""

    refused: list[str]
    lacking: list[str]


def _judging(suite: Suite, options: RunOptions, providers: Path | None) -> _Judging:
    """Look a suite's judges up in the providers file; nobody is asked."""
    found = _Judging([], [])
    spec = suite.spec
    grading = grading_of(spec, allow_code=options.allow_code)
    if not grading.judging:
        return found
    catalogue = load_catalogue(find_file(providers))
    for grader in grading.judging:
        where = next(g.where for g in spec.graders if g.name == grader.name)
        for name in grader.judges:
            try:
                provider, _ = find_judge(catalogue, name, where)
                refuse_unseen(name, provider, suite, where)
            except ConfigError as error:
                known = " cannot be asked: " in str(error)
                (found.lacking if known else found.refused).append(str(error))
    return found


def _check_suite(suite: Suite, report: dict[str, Any], judging: _Judging) -> None:
    spec = suite.spec
    report["suites"].append(_counted(suite))
    report["errors"] += judging.refused
    report["warnings"] += judging.lacking
    report["checked"].append(
        f"{spec.folder}: {suite.name} {spec.version}, {len(suite.samples)} samples, "
        f"{len(suite.train)} for training, graders {', '.join(g.name for g in spec.graders)}"
    )
    report["warnings"] += [f"{spec.file}: {line}" for line in _suite_warnings(suite)]


def _counted(suite: Suite) -> dict[str, Any]:
    """Return what a gate may name in a suite, and how many samples and units there are."""
    spec = suite.spec
    clusters: set[str] = set()
    single = 0
    slices: dict[str, Counter[str]] = {column: Counter() for column in spec.data.slices}
    for sample in suite.samples:
        if sample.cluster is None:
            single += 1
        else:
            clusters.add(sample.cluster)
        for column, value in sample.slices.items():
            slices[column][value] += 1
    return {
        "folder": str(spec.folder),
        "name": suite.name,
        "samples": len(suite.samples),
        "units": single + len(clusters),
        "slices": {column: dict(sorted(found.items())) for column, found in slices.items()},
        "graders": [grader.name for grader in spec.graders],
    }


def _suite_warnings(suite: Suite) -> list[str]:
    spec = suite.spec
    missing = [
        (spec.sensitivity is None, "no `sensitivity`: samples count as public and go anywhere"),
        (spec.licence is None, "no `licence`"),
        (not spec.description, "no `description`"),
        (spec.task is None, "no `task`: routing and slices cannot group it"),
        (spec.data.id is None, "no `data.id`: ids are hashes of the inputs"),
        (spec.data.target is None, "no `data.target`: only graders without a target can score"),
        (not (spec.folder / "README.md").is_file(), "no README.md (data sheet)"),
        (
            spec.output.format == "json" and spec.output.schema is None,
            "format json without a schema: any JSON counts as valid",
        ),
        ("max_tokens" not in spec.params, "no `params.max_tokens`: cost has no upper bound"),
        (
            len(suite.samples) < _FEW_SAMPLES,
            f"only {len(suite.samples)} samples: intervals will be wide",
        ),
    ]
    licence = [f"`licence` {problem}" for problem in licence_problems(spec.licence)]
    return [line for holds, line in missing if holds] + licence


def _check_providers(path: Path | None, report: dict[str, Any]) -> None:
    file = path or Path(DEFAULT_FILE)
    if path is None and not file.is_file():
        return
    try:
        catalogue = load_catalogue(file)
        load_price_book(catalogue)
    except ConfigError as error:
        report["errors"] += error.problems if file.is_file() else [f"{file}: no such file"]
        return
    count = sum(len(provider.models) for provider in catalogue.providers.values())
    report["checked"].append(f"{file}: {len(catalogue.providers)} providers, {count} models")
    report["warnings"] += _provider_warnings(catalogue)


def _provider_warnings(catalogue: Catalogue) -> list[str]:
    lines = []
    for provider in catalogue.providers.values():
        declared = provider.governance
        if declared.allowed_sensitivity is None:
            lines.append(
                f"{provider.where}: provider {provider.name!r} declares no allowed_sensitivity: "
                "it may see public samples only"
            )
        elif declared.as_of is None and declared.processor != "self":
            lines.append(f"{provider.where}: governance of {provider.name!r} has no `as_of` date")
        lines += licence_warnings(provider)
    return lines
