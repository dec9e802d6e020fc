"""What there is: suites, models and runs; what is checked or fetched before anything runs.

It does not know what comes of a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.core.errors import ConfigError, JournalError
from evalkit.run.folder import Run, read_manifest, state_of
from evalkit.suite.loader import Suite

if TYPE_CHECKING:
    from evalkit.analysis.drifting.canaries import CanaryRequest


def load_suite(folder: str | Path, *, settings: Sequence[str] = ()) -> Suite:
    """Load a suite folder; see `evalkit.suite.loader.load_suite`."""
    from evalkit.suite.loader import load_suite as load

    return load(Path(folder), settings=settings)


def open_run(folder: str | Path) -> Run:
    """Open a run's folder for reading.

    Raises:
        JournalError: If it is no run.
    """
    return Run(Path(folder))


def list_models(providers: Path | None = None) -> list[dict[str, Any]]:
    """Return every model of a providers file with what it lacks to be asked here.

    Raises:
        ConfigError: If the file is missing or wrong.
    """
    from evalkit.run.listing import list_models as list_all

    return list_all(providers)


def list_warnings(providers: Path | None = None) -> list[str]:
    """Return what is wrong with the licences of a providers file, a line each with its place.

    Raises:
        ConfigError: If the file is missing or wrong.
    """
    from evalkit.run.listing import list_warnings as list_all

    return list_all(providers)


def list_suites(folder: Path) -> list[dict[str, Any]]:
    """Return the suites below a folder; one that cannot be read says why.

    Raises:
        ConfigError: If there is no such folder.
    """
    from evalkit.run.listing import list_suites as list_all

    return list_all(folder)


def list_runs(folder: Path) -> list[dict[str, Any]]:
    """Return the runs of a results folder, newest first.

    Raises:
        ConfigError: If there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder of results")
    rows = []
    for place in sorted(folder.iterdir(), reverse=True):
        try:
            manifest = read_manifest(place)
        except JournalError:
            continue
        rows.append(
            {
                "run_id": manifest["run_id"],
                "state": state_of(place, manifest)[0],
                "suites": [suite["name"] for suite in manifest["suites"]],
                "arms": sorted({arm["arm"] for arm in manifest["arms"]}),
                "started_at": manifest["started_at"],
                "ended_at": manifest["ended_at"],
                "spent_usd": manifest.get("spent_usd"),
                "path": str(place),
            }
        )
    return rows


def check(
    suites: Sequence[Path] | None,
    *,
    providers: Path | None = None,
    settings: Sequence[str] = (),
    allow_code: bool = False,
) -> dict[str, Any]:
    """Validate suites, the providers file, and gate.yaml beside them; nothing is sent.

    Returns:
        `errors`, `warnings`, `checked` and `margins`, a line each; `suites`: folder, name,
        samples, units, slices and graders of each. Margins say what a gate can decide with them.
    """
    from evalkit.analysis.gates.margins import margin_lines, read_policies
    from evalkit.analysis.gates.names import check_names
    from evalkit.run.checking import all_suites, check_all

    report = check_all(suites, providers=providers, settings=settings, allow_code=allow_code)
    places = [Path(suite["folder"]) for suite in report["suites"]]
    policies, problems = read_policies([*places, Path()])
    complete = suites is None and len(places) == len(all_suites())
    errors, warnings = check_names(policies, report["suites"], complete=complete)
    report["errors"] += problems + errors
    report["warnings"] += warnings
    report["checked"] += [f"{policy.file}: {len(policy.rules)} rules" for policy in policies]
    report["margins"] = margin_lines(report["suites"], policies)
    return report


def new_suite(name: str, folder: Path, form: str) -> Path:
    """Write the scaffold of a suite and return its folder.

    Raises:
        ConfigError: If the folder exists or the name cannot be one.
    """
    from evalkit.suite.scaffold import new_suite as write

    return write(name, folder, form)


def new_canaries(request: CanaryRequest) -> dict[str, Any]:
    """Write a small suite of samples whose history shows drift soonest; see `CanaryRequest`.

    Raises:
        ConfigError: If the folder exists, the data changed since a run, or there are too few.
        JournalError: If a folder is no run, or its journal is foreign, mixed or edited.
    """
    from evalkit.analysis.drifting.canaries import write_canaries

    return write_canaries(request)


def pull_weights(name: str) -> Path:
    """Fetch an embedded model's weights and return their file.

    Raises:
        ConfigError: If the name is unknown or the weights cannot be had.
    """
    from evalkit.providers import weights

    return weights.pull(name)
