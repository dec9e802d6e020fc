"""Samples to look at first: what got worse, what got better, what nobody can do, what broke.

They are named with what befell them; texts are the browser's. It does not choose them.
"""

from __future__ import annotations

from evalkit.analysis.reporting.browsing import Browsed
from evalkit.analysis.reporting.cases import Case as Found
from evalkit.analysis.reporting.cases import CaseList, SampleGrid
from evalkit.analysis.reporting.evidence import SuiteEvidence
from evalkit.report.page.parts import Case, Cases, Tone
from evalkit.report.page.texts import shown
from evalkit.report.sections.cells import BETTER, OPEN, WORSE
from evalkit.report.values import clean, share

_MARKS: dict[str, tuple[Tone, str]] = {
    "worse": ("bad", f"{WORSE} worse"),
    "better": ("good", f"{BETTER} better"),
    "nobody": ("open", f"{OPEN} nobody passed"),
    "unusable": ("bad", "✗ unusable"),
    "error": ("faint", "! no answer"),
}


def case_blocks(number: int, suite: SuiteEvidence, browsed: Browsed) -> list[Cases]:
    """Return the lists of one suite.

    Args:
        number: The suite's place among those of the page.
        suite: Its evidence.
        browsed: Its samples.
    """
    return [
        Cases(
            caption=_caption(own, suite),
            cases=tuple(
                case
                for found in own.cases
                if (case := _case(number, own, found, suite, browsed)) is not None
            ),
            total=own.total,
        )
        for own in browsed.lists
    ]


def _caption(own: CaseList, suite: SuiteEvidence) -> str:
    name, contrast = clean(suite.name), suite.contrast
    count = f"{own.total:,} sample{'s' if own.total != 1 else ''}"
    if own.kind in ("worse", "better") and contrast is not None:
        word = "regressions" if contrast.question in ("named", "against baseline") else "worse"
        word = word if own.kind == "worse" else "better"
        return (
            f"{name}: {word}: {count} on which {clean(contrast.candidate)} does {own.kind} than "
            f"{clean(contrast.baseline)}"
        )
    told = {
        "nobody": "that no arm passed: hard, or with a wrong target",
        "unusable": "with a malformed or refused output",
        "error": "that the provider failed",
    }[own.kind]
    return f"{name}: {count} {told}"


def _case(
    number: int, own: CaseList, found: Found, suite: SuiteEvidence, browsed: Browsed
) -> Case | None:
    """Return a case; None where its sample found no room on the page."""
    place = browsed.trials.place.get(found.sample)
    if place is None:
        return None
    tone, mark = _MARKS[own.kind]
    sample = browsed.trials.samples[place]
    critical = "critical; " if sample.critical else ""
    return Case(
        link=f"#s-{number}-{place}",
        sample_id=shown(sample.sample_id),
        tone=tone,
        mark=mark,
        said=critical + _said(found, suite, browsed.grid),
        arms=found.arms,
    )


def _said(found: Found, suite: SuiteEvidence, grid: SampleGrid) -> str:
    parts = []
    for arm in dict.fromkeys(found.arms):
        label = clean(suite.arms[arm].label)
        if grid.failed[found.sample, arm]:
            parts.append(f"{label}: no answer")
        elif grid.unusable[found.sample, arm]:
            parts.append(f"{label}: unusable")
        else:
            quality = float(grid.quality[found.sample, arm])
            known = quality == quality  # NaN where nothing was scored
            parts.append(f"{label}: {f'quality {share(quality)}' if known else 'not scored'}")
    return " → ".join(parts)
