"""What `evalkit judge check` prints: a judge against people, a line a criterion, then the warnings.

It does not know how the figures were made.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evalkit.report.grid import WIDEST_NAME, grid
from evalkit.report.terminal import Style, ascii_of
from evalkit.report.values import MISSING, clean, interval, share, value_of, width


def judge_table(card: Mapping[str, Any], style: Style) -> str:
    """Return the table of a judge card, confusion counts, and what must not be overlooked."""
    found: Mapping[str, Mapping[str, Any]] = card["criteria"]
    judges = ", ".join(map(clean, card["judges"]))
    labels = card["labels"]
    people = ", ".join(map(clean, labels["annotators"]))
    head = (
        f"judge {judges} against {people}: {labels['n']} labels of {labels['n_outputs']} outputs "
        f"of suite {clean(card['suite'])}"
    )
    columns = [(title, [cell(figures) for figures in found.values()]) for title, cell in _COLUMNS]
    if all(figures["human"]["agreement"] is None for figures in found.values()):
        columns = [column for column in columns if column[0] not in _OF_SEVERAL]
    lines = [head, "", grid("criterion", list(found), columns, style), ""]
    lines += _confusions(found)
    lines += _notes(card, style)
    text = "\n".join(lines).rstrip()
    return text if style.unicode else ascii_of(text)


def _decimal(value: float | None) -> str:
    return MISSING if value is None else f"{round(value, 2) + 0.0:.2f}"  # never -0.00


def _rate(figure: Mapping[str, Any] | None) -> str:
    return interval(figure, 2)


_COLUMNS: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
    ("n", lambda f: str(f["n"])),
    ("kappa", lambda f: _decimal(f["kappa"])),
    ("AC1", lambda f: _decimal(f["ac1"])),
    ("agreement [95%]", lambda f: _rate(f["agreement"])),
    ("TPR [95%]", lambda f: _rate(f["tpr"])),
    ("TNR [95%]", lambda f: _rate(f["tnr"])),
    ("people met", lambda f: share(f["prevalence"]["people"])),
    ("judge met", lambda f: share(f["prevalence"]["judge"])),
    ("judge, all", lambda f: share(value_of(f["judge_pass_rate"]))),
    ("corrected [95%]", lambda f: _rate(f["corrected_pass_rate"])),
    ("people agree", lambda f: share(value_of(f["human"]["agreement"]))),
    ("alpha", lambda f: _decimal(f["human"]["krippendorff_alpha"])),
    ("alt-test", lambda f: _decimal(f["alt_test"]["winning_rate"])),
)
_OF_SEVERAL = ("people agree", "alpha", "alt-test")


def _confusions(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say, for each criterion, how often people said one thing and the judge another."""
    lines = ["people → judge"]
    for name, figures in found.items():
        table = figures["confusion"]
        words: Sequence[str] = table["labels"]
        parts = [
            f"{people} → {judge} {count}"
            for people, row in zip(words, table["counts"], strict=bool(table["counts"]))
            for judge, count in zip(words, row, strict=True)
        ]
        lines.append(f"  {clean(name)}: {', '.join(parts) or 'nothing to count'}")
    return [*lines, ""]


def _notes(card: Mapping[str, Any], style: Style) -> list[str]:
    said: dict[str, list[str]] = {}
    for name, figures in card["criteria"].items():
        for line in figures["notes"]:
            said.setdefault(line, []).append(name)
    lines = [f"{', '.join(names)}: {line}" for line, names in said.items()]
    if card["quotes_found"] is not None:
        lines.append(f"{share(card['quotes_found'])} of the quoted evidence stands in the output")
    if len(card["labels"]["annotators"]) == 1:
        lines.append("one annotator: no agreement between people is known, so no ceiling")
    return [textwrap.fill(clean(line), style.width, subsequent_indent="  ") for line in lines]


def preference_table(figures: Mapping[str, Any], style: Style) -> str:
    """Return the table of preferences: a line a pair, then the ranking and the warnings."""
    pairs: Sequence[Mapping[str, Any]] = figures["pairs"]
    short = _short_names([(clean(pair["first"]), clean(pair["second"])) for pair in pairs])
    names = [f"{short[clean(p['first'])]} > {short[clean(p['second'])]}" for p in pairs]
    columns = [(title, [cell(pair) for pair in pairs]) for title, cell in _PAIR_COLUMNS]
    head = f"suite {clean(figures['suite'])}, judged by {', '.join(map(clean, figures['judges']))}"
    lines = [head, "", grid("pair", names, columns, style), *_legend(figures, short)]
    if figures["ranking"]:
        rows = figures["ranking"]["arms"]
        strength = [
            interval({"value": r["strength"], "low": r["low"], "high": r["high"]}, 2) for r in rows
        ]
        elo = [f"{r['elo']:+.0f}" for r in rows]
        table = [("log-strength [95%]", strength), ("Elo scale", elo)]
        lines += ["", grid("ranking", [short[clean(r["arm"])] for r in rows], table, style)]
        if figures["ranking"]["method"].endswith("ridge"):
            lines.append("some arm won or lost everything: distances are partly the prior's")
    notes = [textwrap.fill(clean(n), style.width, subsequent_indent="  ") for n in figures["notes"]]
    text = "\n".join([*lines, "", *notes]).rstrip()
    return text if style.unicode else ascii_of(text)


def _short_names(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return what arms are called in the table: numbers where a pair's names would be cut."""
    arms = list(dict.fromkeys(arm for pair in pairs for arm in pair))
    if all(width(f"{first} > {second}") <= WIDEST_NAME for first, second in pairs):
        return {arm: arm for arm in arms}
    return {arm: f"arm {number}" for number, arm in enumerate(arms, 1)}


def _legend(figures: Mapping[str, Any], short: Mapping[str, str]) -> list[str]:
    """Say which arm and which run a number in the table means."""
    lines = [f"{number}: {arm}" for arm, number in short.items() if number != arm]
    if any(arm.endswith(f" (run {n})") for arm in short for n in range(len(figures["runs"]) + 1)):
        lines += [f"run {n}: {clean(run)}" for n, run in enumerate(figures["runs"], 1)]
    return lines


_PAIR_COLUMNS: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
    ("samples", lambda p: str(p["n"])),
    ("comparisons", lambda p: str(p["n_comparisons"])),
    ("wins", lambda p: str(p["wins"])),
    ("losses", lambda p: str(p["losses"])),
    ("ties", lambda p: str(p["ties"])),
    ("no verdict", lambda p: str(p["n_unparsed"] + p["n_failed"])),
    ("win rate [95%]", lambda p: _rate(p["win_rate"])),
    ("at equal length [95%]", lambda p: _rate(p["length_controlled_win_rate"])),
    ("flips", lambda p: share(p["flip_rate"])),
    ("first place", lambda p: share(p["first_place_rate"])),
)
