"""How the figures came about, and what limits them: runs, suites, who answered, prices, exclusions.

It does not repeat what the tables say.
"""

from __future__ import annotations

from typing import Any

from evalkit.analysis.reporting.evidence import Evidence, SuiteEvidence
from evalkit.analysis.reporting.served import Answers, answers_of
from evalkit.report.page.parts import Cell, Column, Facts, Notes, Table
from evalkit.report.sections.cells import file_name
from evalkit.report.terminal import notes
from evalkit.report.values import MISSING, clean

_LIMITS = (
    "Intervals are of 95 %. They count independent samples, or clusters of them; repeats are "
    "averaged within a sample first.",
    "Malformed and refused answers score 0 in quality; answers that never came are in no figure "
    "of quality and are counted beside it.",
    "Latency is service and backoff of a trial's attempts, without our own queue and rate wait.",
    "Costs are computed from each attempt's usage at the price of its own day; what has no price "
    "is unpriced, never 0.",
    "Samples show what was asked, not what will be asked: figures hold for questions like these.",
)


def method_blocks(evidence: Evidence) -> list[Notes | Facts | Table]:
    """Return the section's blocks."""
    rows = [arm.row for suite in evidence.suites for arm in suite.arms]
    blocks: list[Notes | Facts | Table] = [_runs(evidence)]
    blocks += [Facts(_suite(suite), clean(suite.name)) for suite in evidence.suites]
    for suite in evidence.suites:
        answers = [
            (suite.name, own)
            for arm in suite.arms
            for own in answers_of(arm, evidence.readings, evidence.request.providers)
        ]
        blocks += [_served(suite, answers)] if answers else []
        blocks += [own] if (own := _excluded(suite)) is not None else []
    said = (*_LIMITS, *map(clean, evidence.warnings), *notes(rows))
    return [*blocks, Notes(said, listed=True)]


def _runs(evidence: Evidence) -> Table:
    records = [_run(reading.run) for reading in evidence.readings]
    heads = tuple(records[0]) if records else ()
    return Table(
        name="runs",
        caption="Runs",
        columns=tuple(Column(head.replace("_", " ")) for head in heads),
        rows=tuple(
            tuple(Cell(MISSING if v is None else clean(v), v) for v in r.values()) for r in records
        ),
        data=tuple(records),
    )


def _run(run: Any) -> dict[str, Any]:
    manifest, around = run.manifest, run.manifest["environment"]
    git = around.get("git") or {}
    return {
        "run": run.run_id,
        "state": run.state[0],
        "started": manifest["started_at"],
        "ended": manifest["ended_at"],
        "repeats": manifest["options"].get("selection", {}).get("repeats", 1),
        "seed": manifest["seed"],
        "evalkit": around.get("evalkit"),
        "python": around.get("python"),
        "machine": around.get("platform"),
        "commit": git.get("commit") and git["commit"][:12] + (" (dirty)" if git["dirty"] else ""),
        "journal_sha256": manifest["journal_sha256"],
    }


def _suite(suite: SuiteEvidence) -> tuple[tuple[str, str], ...]:
    facts = suite.facts
    graders = ", ".join(f"{clean(g['name'])} {clean(g['version'])}" for g in facts["graders"])
    return (
        ("version", clean(facts["version"])),
        ("contents (SHA-256)", clean(facts["hash"])),
        ("samples", f"{facts['samples']:,}" + (" in clusters" if facts.get("clustered") else "")),
        ("graders", graders),
        ("quality", f"{clean(facts['primary'])}; passes at {facts['pass_at']:g}"),
        ("licence", clean(facts.get("licence") or "not declared")),
    )


def _served(suite: SuiteEvidence, answers: list[tuple[str, Answers]]) -> Table:
    return Table(
        name=file_name("served", suite.name),
        caption=f"{clean(suite.name)}: models as returned, and the prices of their answers",
        columns=(
            Column("arm"),
            Column("asked for"),
            Column("returned"),
            Column("answers", True),
            Column("days (UTC)"),
            Column("US$ per million tokens"),
            Column("price from"),
        ),
        rows=tuple(_served_cells(own) for _, own in answers),
        data=tuple(
            {"suite": name, **own._asdict(), "unit_prices": _units(own)} for name, own in answers
        ),
    )


def _served_cells(own: Answers) -> tuple[Cell, ...]:
    days = own.first_day if own.first_day == own.last_day else f"{own.first_day} to {own.last_day}"
    return (
        Cell(clean(own.arm)),
        Cell(clean(own.requested)),
        Cell(clean(own.returned or MISSING) + (f" ({clean(own.tier)})" if own.tier else "")),
        Cell(f"{own.answers:,}", own.answers),
        Cell(days or MISSING),
        Cell(_units(own) or "unpriced"),
        Cell(clean(own.source)),
    )


def _units(own: Answers) -> str:
    return ", ".join(f"{clean(kind)} {value}" for kind, value in own.unit_prices)


def _excluded(suite: SuiteEvidence) -> Table | None:
    """Return why trials are in no figure; None where all are."""
    data = [
        {"suite": suite.name, "arm": arm.label, "what": what, "trials": count, "reason": reason}
        for arm in suite.arms
        for what, reasons in (
            ("not asked", arm.row["skip_reasons"]),
            ("not gradable", arm.row["grader_failures"]),
            ("no answer", {"the provider failed": arm.row["n_error"]}),
        )
        for reason, count in reasons.items()
        if count
    ]
    if not data:
        return None
    return Table(
        name=file_name("excluded", suite.name),
        caption=f"{clean(suite.name)}: trials that are in no figure of quality",
        columns=(Column("arm"), Column("what"), Column("trials", True), Column("reason")),
        rows=tuple(
            (
                Cell(clean(row["arm"])),
                Cell(row["what"]),
                Cell(f"{row['trials']:,}", row["trials"]),
                Cell(clean(row["reason"])),
            )
            for row in data
        ),
        data=tuple(data),
    )
