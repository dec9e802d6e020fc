"""A report's page put together, in the order in which it is read.

It does not know HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from evalkit.analysis.reporting.browsing import Browsed
from evalkit.analysis.reporting.evidence import Evidence, SuiteEvidence
from evalkit.analysis.reporting.trials import Texts
from evalkit.report.page.parts import Block, Page, Section
from evalkit.report.sections.cells import Colours
from evalkit.report.sections.comparison import comparison_table, counts_table, graders_table
from evalkit.report.sections.governance import governance_blocks
from evalkit.report.sections.judges import judge_blocks
from evalkit.report.sections.look_first import case_blocks
from evalkit.report.sections.method import method_blocks
from evalkit.report.sections.monthly import monthly_blocks
from evalkit.report.sections.outcomes import latency_blocks, rung_blocks
from evalkit.report.sections.pairwise import pairwise_blocks
from evalkit.report.sections.samples import samples_document
from evalkit.report.sections.slices import change_table, heat_blocks, slice_rows, slice_table
from evalkit.report.sections.tradeoffs import success_blocks, tradeoff_blocks
from evalkit.report.sections.trends import change_notes, trend_blocks
from evalkit.report.sections.verdict import verdict
from evalkit.report.values import clean

SuiteBlocks = Callable[[SuiteEvidence], Sequence[Block | None]]


def report_page(
    evidence: Evidence,
    browsed: Sequence[Browsed],
    texts: Texts | None,
    beside: Path,
) -> Page:
    """Return the page of a report.

    Args:
        evidence: What is known of the runs.
        browsed: The samples of each suite, in the order of the evidence's suites.
        texts: What they refer to, None where texts are left out.
        beside: The folder in which the page will lie.
    """
    colours, suites = Colours(evidence), evidence.suites
    places = {suite.name: place for place, suite in enumerate(suites)}
    sections = [
        _section("comparison", "Comparison", suites, lambda s: [comparison_table(s, colours)]),
        _section(
            "tradeoffs", "Quality against cost and latency", suites,
            lambda s: tradeoff_blocks(s, colours),
        ),
        _section("rungs", "Malformed output", suites, lambda s: rung_blocks(s, colours)),
        _section("latency", "Latency", suites, lambda s: latency_blocks(s, colours)),
        _section(
            "cost", "Cost",
            suites,
            lambda s: [*success_blocks(s, colours), *monthly_blocks(s.name, evidence.monthly)],
        ),
        _section("pairwise", "Every two arms", suites, lambda s: pairwise_blocks(s, colours)),
        _section("slices", "Slices", suites, _slices),
        _section(
            "look-first", "Samples to look at first", suites,
            lambda s: case_blocks(places[s.name], s, browsed[places[s.name]]),
        ),
        _section("judges", "Judges", suites, judge_blocks),
        _section(
            "trends", "Over time", [s for s in suites if s.past],
            lambda s: [
                change_notes(s, evidence.readings), *trend_blocks(s, evidence.readings, colours),
            ],
        ),
        Section("governance", "Where data go", tuple(governance_blocks(evidence, colours))),
        Section("method", "Method and limits", tuple(method_blocks(evidence))),
        _section(
            "all-figures", "All figures", suites,
            lambda s: [counts_table(s, colours), graders_table(s, colours)],
        ),
    ]  # fmt: skip
    return Page(
        title=evidence.request.title or f"Report: {', '.join(clean(s.name) for s in suites)}",
        verdict=verdict(evidence),
        facts=_facts(evidence),
        sections=tuple(own for own in sections if own.blocks or own.parts),
        samples=samples_document(evidence, browsed, texts, beside),
        texts=() if texts is None else tuple(texts.texts),
        footer="Made by evalkit. Everything on this page is in this file; it asks for nothing.",
    )


def _section(
    id_: str, heading: str, suites: Sequence[SuiteEvidence], blocks_of: SuiteBlocks
) -> Section:
    """Return a section with a part for each suite that has something to show in it."""
    found = [
        (suite, tuple(block for block in blocks_of(suite) if block is not None)) for suite in suites
    ]
    found = [(suite, blocks) for suite, blocks in found if blocks]
    if len(suites) == 1:
        return Section(id_, heading, found[0][1] if found else ())
    parts = tuple(
        Section(f"{id_}-{place}", clean(suite.name), blocks)
        for place, (suite, blocks) in enumerate(found)
    )
    return Section(id_, heading, (), parts)


def _slices(suite: SuiteEvidence) -> list[Block | None]:
    rows = slice_rows(suite)
    if not rows:
        return []
    return [*heat_blocks(suite, rows), slice_table(suite, rows), change_table(suite)]


def _facts(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    runs = [reading.run for reading in evidence.readings]
    days = sorted({str(run.manifest["started_at"])[:10] for run in runs})
    trials = sum(arm.row["n_asked"] for suite in evidence.suites for arm in suite.arms)
    repeats = {run.manifest["options"].get("selection", {}).get("repeats", 1) for run in runs}
    states = sorted({run.state[0] for run in runs})
    return (
        ("run" if len(runs) == 1 else "runs", ", ".join(clean(run.run_id) for run in runs)),
        ("date", days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"),
        ("suites", ", ".join(clean(suite.name) for suite in evidence.suites) or "none"),
        ("trials", f"{trials:,}"),
        ("repeats", ", ".join(map(str, sorted(repeats)))),
        ("state", ", ".join(states)),
    )
