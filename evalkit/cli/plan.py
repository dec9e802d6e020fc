"""What `run` and its relatives print: the plan before, the table and the folder after."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalkit.api import Result
    from evalkit.run.setup import Plan
    from evalkit.run.trial import Entry

ASK_ABOVE_USD = 1.0


class Confirmation:
    """Prints the plan on stderr and asks where it may cost more than a dollar."""

    def __init__(self, *, assume_yes: bool) -> None:
        self._assume_yes = assume_yes

    def __call__(self, plan: Plan) -> bool:
        """Return whether the run may start."""
        from evalkit.cli.output import note

        for line in plan_lines(plan):
            note(line)
        cost = plan.most_usd
        if cost is None or cost <= ASK_ABOVE_USD or self._assume_yes:
            return True
        if not sys.stdin.isatty():
            note(f"it may cost ${cost:.2f}, above ${ASK_ABOVE_USD:g}: say --yes to agree")
            return False
        return input(f"It may cost up to ${cost:.2f}. Go on? [y/N] ").strip().lower() in (
            "y",
            "yes",
        )


def plan_lines(plan: Plan) -> list[str]:
    """Return the plan as lines: what is asked of whom, what stays out and why, what it may cost."""
    from evalkit.report.values import clean

    lines = []
    for suite in plan.suites:
        own = [(e, n) for e, n in plan.entries if e.suite is suite]
        asked = len(own[0][1]) if own else 0
        lines.append(
            f"suite {suite.name} {suite.spec.version}: {asked} of {len(suite.samples)} samples"
            f" × {plan.repeats} repeat{'s' if plan.repeats > 1 else ''} × {len(own)} arms"
        )
        lines += [f"  asks {clean(_asked(entry))}" for entry, _ in own]
    grouped: dict[str, list[str]] = {}
    for out in plan.not_run:
        grouped.setdefault(out.reason, []).append(out.model)
    for reason, models in grouped.items():
        shown = ", ".join(models[:4]) + (f" and {len(models) - 4} more" if len(models) > 4 else "")
        lines.append(f"  not asked: {clean(shown)}: {clean(reason)}")
    if plan.estimate_usd is not None:
        line = f"  may cost up to ${plan.estimate_usd:.4f} (answers of full length)"
        if plan.most_usd is not None and plan.most_usd < plan.estimate_usd:
            line += f"; the budget allows ${plan.most_usd:.4f}"
        lines.append(line)
    if plan.unpriced:
        lines.append(f"  unpriced, so not in any cost: {clean(', '.join(plan.unpriced))}")
    return lines


def _asked(entry: Entry) -> str:
    """Return an arm's name, of a policy with whom it asks."""
    if entry.route is None:
        return entry.arm.name
    text = " → ".join(hop.arm.name for hop in entry.route.hops)
    spare = ", ".join(hop.arm.name for hop in entry.route.fallbacks)
    return f"{entry.arm.name}: {text}" + (f"; where the last fails: {spare}" if spare else "")


def finish(result: Result, *, as_json: bool) -> int:
    """Print a run's table and folder; return its exit code."""
    from evalkit.cli.main import EXIT_DONE, EXIT_INCOMPLETE, EXIT_INTERRUPTED
    from evalkit.cli.output import note, print_json, printable

    if as_json:
        early = {"stopping": list(result.early)} if result.early else {}
        print_json({**result.summary, "path": str(result.folder), "state": result.state, **early})
    else:
        from evalkit.report.terminal import style_of, summary_table

        print(summary_table(result.summary["rows"], style_of(sys.stdout)))
        print(printable(f"run: {result.folder}"))
        if result.early:
            from evalkit.analysis.gates.stop_report import stop_lines

            print(printable("\n".join(stop_lines(list(result.early)))))
    for warning in result.warnings:
        note(f"warning: {warning}")
    if result.state != "complete":
        note(_unfinished(result))
    return {"complete": EXIT_DONE, "interrupted": EXIT_INTERRUPTED}.get(
        result.state, EXIT_INCOMPLETE
    )


def _unfinished(result: Result) -> str:
    """Say in what state a run is that is not complete, why, and what can be done."""
    known = result.reason not in (None, result.state)
    said = f"{result.state}: {result.reason}" if known else result.state
    if result.state == "running" or said.endswith("goes on"):  # it says what can be done
        return said
    return f"{said}; go on with: evalkit resume {result.folder}"
