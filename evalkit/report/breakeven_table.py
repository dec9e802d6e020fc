"""What `evalkit breakeven` prints: each suite's arms, where the order turns, what would turn it.

It does not know how the figures were made.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.analysis.economics.pairs import shown_turns
from evalkit.report.grid import grid
from evalkit.report.markdown import escaped, table
from evalkit.report.terminal import Style, ascii_of
from evalkit.report.values import MISSING, UNPRICED, clean, money, share, value_of

Row = Mapping[str, Any]
KINDS = {
    "api": "API",
    "hosted_open": "hosted open",
    "self_hosted": "self-hosted",
    "no_llm": "no LLM",
    "unpriced": UNPRICED,
}
_EQUAL = {True: "yes", False: "no", None: "not decided"}


def breakeven_table(document: Row, style: Style) -> str:
    """Return all suites for the terminal."""
    blocks = []
    for name, suite in document["suites"].items():
        lines = [_head(name, suite), ""]
        lines.append(grid("arm", [row["arm"] for row in suite["arms"]], _columns(suite), style))
        lines += ["", *(_filled(line, style) for line in sentences(suite))]
        blocks.append("\n".join(lines))
    blocks += [
        _filled(line, style)
        for line in [*together_lines(document["together"]), *document["left_out"]]
    ]
    text = "\n\n".join(blocks)
    return text if style.unicode else ascii_of(text)


def breakeven_markdown(document: Row) -> str:
    """Return all suites as Markdown."""
    parts = ["# Break-even"]
    for name, suite in document["suites"].items():
        parts.append(f"## {escaped(name)}")
        columns = _columns(suite)
        rows = [
            [escaped(row["arm"]), *(escaped(cells[place]) for _, cells in columns)]
            for place, row in enumerate(suite["arms"])
        ]
        parts.append(table(["arm", *(head for head, _ in columns)], rows))
        parts.append("\n".join(f"- {escaped(line)}" for line in sentences(suite)))
    parts += [
        escaped(line) for line in [*together_lines(document["together"]), *document["left_out"]]
    ]
    return "\n\n".join(parts) + "\n"


def _head(name: str, suite: Row) -> str:
    volume = suite["requests_per_month"]
    return f"{clean(name)}: {_volume(volume)} requests a month"


def _volume(volume: Row) -> str:
    if volume["low"] == volume["high"]:
        return count(volume["mode"])
    return f"{count(volume['low'])} to {count(volume['high'])}, most likely {count(volume['mode'])}"


def _columns(suite: Row) -> list[tuple[str, list[str]]]:
    rows: Sequence[Row] = suite["arms"]
    return [
        ("kind", [KINDS[row["kind"]] for row in rows]),
        ("quality", [share(value_of(row["quality"])) for row in rows]),
        ("malf.", [share(value_of(row["malformed_rate"])) for row in rows]),
        ("equivalent", [equivalence(row, suite) for row in rows]),
        ("$/month", [_money(row["usd_per_month"]) for row in rows]),
        ("$/1000", [_money(row["usd_per_1000_requests"]) for row in rows]),
        ("$/1000 accepted", [_money(row["usd_per_1000_accepted"]) for row in rows]),
        ("$/1000 correct", [_money(row["usd_per_1000_correct"]) for row in rows]),
        ("fixed $/month", [_money(row["fixed_usd_per_month"]) for row in rows]),
        ("$/1000 when full", [_money(row["marginal_usd_per_1000"]) for row in rows]),
        ("replicas", [MISSING if r["replicas"] is None else count(r["replicas"]) for r in rows]),
        ("room", [_times(row["headroom"]) for row in rows]),
    ]


def equivalence(row: Row, suite: Row) -> str:
    """Say whether an arm is as good as the reference; a cheaper one that is not is called so."""
    if row["arm"] == suite["reference"]:
        return "reference"
    if row["equivalent"] is False and _is_cheaper(row, suite):
        return "cheaper, not equivalent"
    return _EQUAL[row["equivalent"]]


def _is_cheaper(row: Row, suite: Row) -> bool:
    reference = next((own for own in suite["arms"] if own["arm"] == suite["reference"]), None)
    costs = row["usd_per_month"], reference and reference["usd_per_month"]
    return None not in costs and costs[0] < costs[1]


def sentences(suite: Row) -> list[str]:
    """Return what follows from the figures, a sentence each."""
    if suite["cannot_say"]:
        return [suite["cannot_say"], *_whys(suite), *_assumed(suite)]
    own, bought = clean(suite["self_hosted_arm"]), suite["api_arm"] or suite["hosted_arm"]
    lines = [_turns(own, clean(bought), suite)]
    if suite["against_hosted"] is not None:
        hosted = suite["against_hosted"]
        lines.append(_turns(own, clean(hosted["arm"]), hosted))
    lines += _reference(suite)
    saved = suite["saved_usd_per_month"]
    lines.append(
        f"At the stated volume {own} is cheaper than {clean(bought)} with "
        f"{_chance(suite['p_self_hosting_cheaper'])} ({saved['draws']:,} draws, seed "
        f"{saved['seed']}); it saves {_signed(saved['p50'])} a month in the middle, "
        f"{_signed(saved['p5'])} to {_signed(saved['p95'])} in nine of ten draws."
    )
    lines += [_measured(suite["measured_price"])]
    lines += [_flips(suite["flips"]), *_swings(suite["tornado"]), _horizon(suite["horizon"])]
    lines += _rule(suite)
    return [*lines, *_whys(suite), *_assumed(suite)]


def _measured(price: Row) -> str:
    """Say how surely the price is known that the draws vary around."""
    what = f"The price of {clean(price['arm'])}, {money(price['usd_per_1000_requests'])} for 1,000"
    low, high = price["low_usd_per_1000_requests"], price["high_usd_per_1000_requests"]
    if low < high:
        return (
            f"{what}, is measured on {price['n_units']:,} independent samples: the draws vary it, "
            f"nine of ten between {money(low)} and {money(high)}."
        )
    if price["n_units"] < 2:
        return f"{what}, rests on a single sample: how far it is off is not known, and not drawn."
    return f"{what}, was the same for each of {price['n_units']:,} independent samples."


def _turns(own: str, bought: str, found: Row) -> str:
    """Say where the order turns."""
    turns, left_out = shown_turns(found)
    if not turns:
        side = own if found["always"] == "self_hosted" else bought
        return f"No break-even of {own} against {bought}: {side} is cheaper at every volume."
    tokens = dict(
        zip(
            found["breakeven_requests_per_month"], found["breakeven_tokens_per_month"], strict=False
        )
    )
    told = []
    for turn in turns:
        volume = turn["requests_per_month"]
        said = f" ({_tokens(tokens[volume])} tokens as {bought} bills them)" if tokens else ""
        side = own if turn["cheaper_beyond"] == "self_hosted" else bought
        told.append(f"from {count(volume)} requests a month{said} {side}")
    if left_out:
        more = f"{left_out:,} more turns" if found["breakeven_is_whole"] else "very many more turns"
        told.insert(-1, f"then {more} at the steps of the staircase")
    return f"Cheaper of {own} and {bought}: {'; '.join(told)}."


def together_lines(rows: Sequence[Row]) -> list[str]:
    """Say what a model costs that serves several suites on the same servers."""
    return [
        f"Together: {clean(row['model'])} for {', '.join(map(clean, row['suites']))} on the same "
        f"servers, with people paid once: {money(row['usd_per_month'])} a month on "
        f"{count(row['replicas'])} replicas, {money(row['usd_per_month_apart'])} were each served "
        f"alone; bought ({', '.join(dict.fromkeys(map(clean, row['bought'].values())))}) they cost "
        f"{money(row['bought_usd_per_month'])}. Cheaper than that with "
        f"{_chance(row['p_self_hosting_cheaper'])}."
        for row in rows
    ]


def _reference(suite: Row) -> list[str]:
    """Say where self-hosting undercuts the API whose quality is the measure."""
    found = suite["against_reference"]
    if found is None:
        return []
    name, own = clean(found["arm"]), clean(found["self_hosted_arm"])
    row = next(row for row in suite["arms"] if row["arm"] == suite["api_arm"])
    called = {True: "equivalent to", False: "not equivalent to", None: "not shown to equal"}
    why = f"{clean(row['arm'])} is {called[row['equivalent']]} {name}, the best API here."
    chance = found["p_self_hosting_cheaper"]
    sure = "" if chance is None else f" At the stated volume that is so with {_chance(chance)}."
    return [f"{why} {_turns(own, name, found)}{sure}"]


def _chance(value: float) -> str:
    """Return a probability that draws cannot make certain.

    Example:
        >>> _chance(0.0), _chance(0.5), _chance(0.9999)
        ('probability below 0.01', 'probability 0.50', 'probability above 0.99')
    """
    if value < 0.005:
        return "probability below 0.01"
    return "probability above 0.99" if value > 0.995 else f"probability {value:.2f}"


def count(value: float) -> str:
    """Return a number of requests; a very large one in powers of ten.

    Example:
        >>> count(544_578.4), count(1.2e18)
        ('544,578', '1.2e+18')
    """
    return f"{value:,.0f}" if value < 1e15 else f"{value:.3g}"


def _tokens(count: float) -> str:
    """Return a number of tokens with three digits.

    Example:
        >>> _tokens(59_802_000.0), _tokens(1_032_600_000.0)
        ('59.8 M', '1.03 B')
    """
    if count >= 1e9:
        return f"{count / 1e9:.3g} B"
    return f"{count / 1e6:.3g} M" if count >= 1e6 else f"{count:,.0f}"


def _flips(flips: Row) -> str:
    rent, used = flips["usd_per_gpu_hour"], flips["utilisation"]
    parts = [
        "no rent of a GPU is low enough" if rent is None else f"a GPU at {money(rent)} an hour",
        "no utilisation is high enough" if used is None else f"a utilisation of {share(used)}",
        f"an API at {money(flips['api_usd_per_1000_requests'])} for 1000 requests",
    ]
    if flips["api_usd_per_mtok"] is not None:
        parts[-1] += f" ({money(flips['api_usd_per_mtok'])} for a million tokens of its mix)"
    return f"Both would cost the same at the stated volume with: {'; '.join(parts)}."


def _swings(swings: Sequence[Row]) -> list[str]:
    if not swings:
        return []
    told = "; ".join(
        f"{own['quantity']} {_signed(own['saved_usd_at_low'])} to "
        f"{_signed(own['saved_usd_at_high'])}"
        for own in swings[:5]
    )
    return [f"Saved a month with one quantity at its low and high end: {told}."]


def _horizon(ahead: Row) -> str:
    month = ahead["payback_month"]
    paid = "has not paid itself back" if month is None else f"pays itself back in month {month}"
    switching, weeks = ahead["switching_usd"], ahead["switching_weeks"]
    leaving = f", leaving the vendor for {money(switching)}" if switching else ""
    leaving += f", both paid for {weeks:g} weeks" if weeks else ""
    return (
        f"Over {ahead['months']} months, with API prices changing by "
        f"{_yearly(ahead['api_price_change_per_year'])} and the volume by "
        f"{_yearly(ahead['volume_growth_per_year'])} a year{leaving}: self-hosting {paid} "
        f"({money(ahead['self_hosted_usd'])} against {money(ahead['api_usd'])}, most likely); over "
        f"the draws it has paid itself back by then with {_chance(ahead['p_pays_back'])}."
    )


def _yearly(change: Row) -> str:
    """Return a change a year in percent, as a range where it is one.

    Example:
        >>> _yearly({"low": 0.5, "mode": 0.5, "high": 0.5})
        '+50 %'
        >>> _yearly({"low": -0.6, "mode": -0.3, "high": 0.2})
        '-30 % (-60 to +20)'
    """
    ends = (
        ""
        if change["low"] == change["high"]
        else (f" ({100 * change['low']:+.0f} to {100 * change['high']:+.0f})")
    )
    return f"{100 * change['mode']:+.0f} %{ends}"


def _rule(suite: Row) -> list[str]:
    rule = suite["rule_of_thumb"]
    if rule is None:
        return []
    parts, total, told = rule["parts_tokens_per_month"], 0.0, []
    for name, tokens in parts.items():
        total += tokens
        told.append(f"{name} {_tokens(tokens)}")
    return [
        "The rule of thumb says 50 M tokens a month. They cost "
        f"{money(rule['api_usd_at_rule'])} here ({money(rule['api_usd_per_mtok'])} a million); to "
        f"be paid for by tokens not bought are: {', '.join(told)}: together {_tokens(total)}, as "
        "long as the replicas suffice."
    ]


def _whys(suite: Row) -> list[str]:
    return [f"{clean(row['arm'])}: {clean(row['why'])}." for row in suite["arms"] if row["why"]]


def _assumed(suite: Row) -> list[str]:
    return [f"assumed: {line}" for line in suite["assumptions"]]


def _money(dollars: float | None) -> str:
    return money(dollars, MISSING)


def _times(factor: float | None) -> str:
    """Return by what factor a volume may grow.

    Example:
        >>> _times(2.345), _times(240.9), _times(None)
        ('2.3x', '241x', '-')
    """
    if factor is None:
        return MISSING
    return f"{factor:,.0f}x" if factor >= 10 else f"{factor:.2g}x"


def _signed(dollars: float) -> str:
    return f"-{money(-dollars)}" if dollars < 0 else money(dollars)


def _filled(text: str, style: Style) -> str:
    return textwrap.fill(text, style.width, subsequent_indent="  ")
