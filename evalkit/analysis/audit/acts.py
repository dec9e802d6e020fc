"""What of an audit record is evidence for which part of the EU's AI Act (Regulation 2024/1689).

The duties fall on providers and deployers of systems; this is evidence that they may use, and no
opinion on it. Read in annotated editions in November 2026, not in the Official Journal.
"""

from __future__ import annotations

MAPPING: tuple[dict[str, str], ...] = (
    {
        "part": "Annex IV 1(c)",
        "asks": "versions of software",
        "evidence": "run.environment: evalkit, dependencies, commit and whether it was changed",
    },
    {
        "part": "Annex IV 2(a)",
        "asks": "pre-trained and third-party components",
        "evidence": "arms: models as requested and returned, weights, licence, base, quantisation",
    },
    {
        "part": "Annex IV 2(g)",
        "asks": (
            "validation and testing procedures, test data and their characteristics, metrics, test "
            "logs and reports, dated and signed by the responsible persons"
        ),
        "evidence": (
            "journal, inputs, exclusions, gate; signed_by and signed_on by --sign, or yours to fill"
        ),
    },
    {
        "part": "Article 12",
        "asks": "records that make events traceable",
        "evidence": "journal: every attempt before it was parsed, each line chained to the last",
    },
    {
        "part": "Article 15",
        "asks": "levels of accuracy and their metrics",
        "evidence": "summary.json of the run, with intervals and numbers of samples",
    },
)
