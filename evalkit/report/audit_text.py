"""An audit record as text and Markdown.

It does not judge it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.report.markdown import escaped, table
from evalkit.report.values import clean

Row = Mapping[str, Any]


def audit_lines(document: Row) -> list[str]:
    """Return what a reader must know first, a line each."""
    journal, run = document["journal"], document["run"]
    lines = [f"run {clean(run['run_id'])}: {clean(run['state'])}, {run['started_at'][:10]}"]
    if journal["holds"]:
        lines.append(
            f"journal: whole, {journal['lines']:,} lines, chain {journal['chain_head'][:16]}, "
            f"sha256 {journal['sha256'][:16]}"
        )
    if journal["problem"]:
        lines.append(f"journal: {clean(journal['problem'])}")
    for suite in document["inputs"]:
        changed = f" ({', '.join(suite['changed'])})" if suite["changed"] else ""
        lines.append(
            f"inputs of {clean(suite['name'])} {clean(suite['version'])}: {suite['samples']:,} "
            f"samples, {suite['today']}{changed}"
        )
    for arm in document["arms"]:
        if arm["differs"]:
            lines.append(
                f"{clean(arm['arm'])}: asked for {clean(arm['requested'])}, answered by "
                f"{', '.join(map(clean, arm['differs']))}"
            )
    lines += [f"{clean(model)}: {clean(line)}" for model, line in _openness_problems(document)]
    lines.append(f"in no figure: {_in_no_figure(document['exclusions'])}")
    if document["gate"] is not None:
        lines.append(f"gate: {clean(document['gate']['verdict'])}")
    return lines


def _in_no_figure(exclusions: Row) -> str:
    if not exclusions["known"]:
        return "not known, since the journal does not hold"
    failed, skipped, open_ = (
        sum(own[name] for own in exclusions["arms"]) for name in ("failed", "skipped", "not_ended")
    )
    more = f", {open_:,} planned and never ended" if open_ else ""
    return f"{failed:,} failed, {skipped:,} not asked{more}"


def verification_lines(document: Row) -> list[str]:
    """Return whether a signature holds and the run is what was signed, a line each."""
    signature, run = document["signature"], document["run"]
    who = f"{clean(document['identity'])}, namespace {document['namespace']}"
    if signature["holds"]:
        lines = [f"signature: holds, {who}, {clean(signature['key'] or 'key not named')}"]
    else:
        lines = [f"signature: does not hold for {who}: {clean(signature['problem'])}"]
    if run["holds"]:
        day = clean(document["signed_on"] or "a day not named")
        return [*lines, f"run {clean(run['run_id'])}: is what the record of {day} says"]
    return lines + [f"run {clean(run['run_id'])}: {clean(line)}" for line in run["problems"]]


def audit_markdown(document: Row) -> str:
    """Return an audit record as Markdown, with lines for those who sign it."""
    parts = ["# Audit record", "\n".join(f"- {escaped(line)}" for line in audit_lines(document))]
    parts.append("## Inputs")
    parts.append(
        table(
            ["suite", "part", "hash"],
            [
                [escaped(suite["name"]), escaped(part), escaped(value or "-")]
                for suite in document["inputs"]
                for part, value in suite["hashes"].items()
            ],
        )
    )
    parts.append("## Who answered, under which declared terms")
    parts.append(table(_HEADS, [_arm(arm) for arm in document["arms"]]))
    parts.append("## How open the models are")
    parts.append(table(_OPENNESS, _openness(document)))
    parts.append("Declared, not verified: " + "; ".join(document["declared_not_verified"]) + ".")
    parts.append("## Evidence for parts of Regulation (EU) 2024/1689")
    parts.append(
        table(
            ["part", "asks for", "here"],
            [
                [escaped(own["part"]), escaped(own["asks"]), escaped(own["evidence"])]
                for own in document["evidence_for"]
            ],
        )
    )
    parts.append(_signature_line(document))
    return "\n\n".join(parts) + "\n"


def _signature_line(document: Row) -> str:
    if document["signed_on"] is None:
        return "Signed by: ____________________    on: ____________"
    who = escaped(document["signed_by"] or "the holder of the key")
    return f"Signed by: {who}    on: {document['signed_on']} (audit.json, by audit.json.sig)"


_OPENNESS = [
    "model",
    "weights",
    "licence",
    "approved by the OSI",
    "what is known of it",
    "to look at",
]
_APPROVED = {True: "yes", False: "no", None: "not known"}
_HEADS = ["arm", "requested", "returned", "host", "processor", "regions", "kept, days", "as of"]


def _models(document: Row) -> dict[str, Row]:
    """Return what is known of each model's openness, once for each model."""
    return {arm["model"]: arm["openness"] for arm in document["arms"] if arm["openness"]}


def _openness_problems(document: Row) -> list[tuple[str, str]]:
    return [(model, line) for model, own in _models(document).items() for line in own["problems"]]


def _openness(document: Row) -> list[list[str]]:
    return [
        [
            escaped(value)
            for value in (
                model, own["weights"] or "not declared", own["licence"] or "not declared",
                _APPROVED[own["osi_approved"]], own["why"], "; ".join(own["problems"]) or "-",
            )
        ]
        for model, own in _models(document).items()
    ]  # fmt: skip


def _arm(arm: Row) -> list[str]:
    terms = arm["governance"] or {}
    returned = ", ".join(f"{name} ({count:,})" for name, count in arm["returned"].items())
    return [
        escaped(value)
        for value in (
            arm["arm"], arm["requested"] + (" (floats)" if arm["floats"] else ""),
            returned or "-", arm["host"] or "-",
            terms.get("processor") or "not declared",
            ", ".join(terms.get("regions") or []) or "not declared",
            str(terms.get("retention_days", "not declared")), terms.get("as_of") or "not declared",
        )
    ]  # fmt: skip
