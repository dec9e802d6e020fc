"""What else changed around an arm from run to run: news for a reader, never a verdict.

Ids, fingerprints, prices, terms, settings and retirement dates. It does not know whether any of it
moved a figure.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from evalkit.analysis.drifting.facts import Episode, UnitPrice, moment
from evalkit.core.errors import ConfigError
from evalkit.providers.catalogue import Catalogue, Model

AHEAD_DAYS = 180
_MOST_NAMED = 3
_SETTINGS = (
    "wire", "base_url", "client", "wire_name", "params", "identity", "weights", "licence",
    "quantisation", "pricing",
)  # fmt: skip
_WORDS = {
    "identity": "the contestant itself (its weights, code or data)",
    "pricing": "`pricing` in the providers file",
    "wire_name": "the model's name on the wire",
}
_UNSHOWN = ("identity", "pricing")
_UNIT = "_usd_per_mtok"

News = dict[str, Any]
Units = tuple[tuple[str, str], ...]


def news_of(episodes: Sequence[Episode], catalogue: Catalogue | None, today: dt.date) -> list[News]:
    """Return what changed around an arm, in the order of its runs; what lies ahead comes last.

    Args:
        episodes: Its runs, in the order of time.
        catalogue: The providers file as it is now; None where it cannot be read.
        today: The day from which dates lie ahead.
    """
    found = [
        *_seen_anew(episodes, "model_returned", "answers come from the id {}", _ids),
        *_seen_anew(episodes, "system_fingerprint", "new system_fingerprint {}", _fingerprints),
        *_seen_anew(episodes, "judge_returned", "a judge answers as {}", _judges),
        *_prices(episodes),
        *_price_tables(episodes),
        *_settings(episodes),
        *_governance(episodes),
        *_conditions(episodes),
        *_orders(episodes),
    ]
    place = {episode.run_id: number for number, episode in enumerate(episodes)}
    found.sort(key=lambda news: place[news["run_id"]])
    return found + _retirement(episodes[-1], catalogue, today)


def _news(kind: str, episode: Episode, text: str) -> News:
    return {"kind": kind, "run_id": episode.run_id, "date": episode.date, "text": text}


def _seen_anew(
    episodes: Sequence[Episode],
    kind: str,
    words: str,
    counts: Callable[[Episode], Mapping[str, int]],
) -> Iterator[News]:
    """Name what no earlier run has shown."""
    known: set[str] = set(counts(episodes[0]))
    for episode in episodes[1:]:
        own = counts(episode)
        new = [name for name in own if name not in known]
        if new:
            total = sum(own.values())
            named = ", ".join(f"{n} ({own[n]} of {total})" for n in new[:_MOST_NAMED])
            more = f" and {len(new) - _MOST_NAMED} more" if len(new) > _MOST_NAMED else ""
            yield _news(kind, episode, words.format(named + more))
        known.update(own)


def _ids(episode: Episode) -> Mapping[str, int]:
    return episode.tally.models_returned


def _fingerprints(episode: Episode) -> Mapping[str, int]:
    return episode.tally.fingerprints


def _judges(episode: Episode) -> Mapping[str, int]:
    counts = episode.tally.judges_returned
    return {f"{returned} ({judge})": n for (judge, returned), n in counts.items()}


def _prices(episodes: Sequence[Episode]) -> Iterator[News]:
    """Name unit prices that no earlier run has had."""
    known = {price.units: price for price in episodes[0].tally.prices}
    for episode in episodes[1:]:
        for price, count in episode.tally.prices.most_common():
            if price.units not in known and price.units:
                before = _before(known)
                text = f"new unit price {_priced(price.units)} in {count} answers"
                yield _news("unit_prices", episode, f"{text}{before} ({price.source})")
            elif price.units not in known and any(known):
                text = f"{count} answers have no price any more: {price.source}"
                yield _news("unit_prices", episode, text)
            known.setdefault(price.units, price)


def _before(known: Mapping[Units, UnitPrice]) -> str:
    """Say what the price was, where there was one and no more."""
    others = [one for one in known.values() if one.units]
    if not others:
        return ", before none"
    return f", before {_priced(others[0].units)}" if len(others) == 1 else ""


def _priced(units: Sequence[tuple[str, str]]) -> str:
    per_token = [f"{name.removesuffix(_UNIT)} ${value}" for name, value in units if _UNIT in name]
    rest = [f"{name} {value}" for name, value in units if _UNIT not in name]
    return ", ".join([", ".join(per_token) + " per million tokens" if per_token else "", *rest])


def _price_tables(episodes: Sequence[Episode]) -> Iterator[News]:
    for earlier, later in pairwise(episodes):
        if later.price_table != earlier.price_table:
            text = f"price table {later.price_table or 'none'}, before {earlier.price_table}"
            yield _news("price_table", later, text)


def _settings(episodes: Sequence[Episode]) -> Iterator[News]:
    """Name what the providers file said otherwise, which makes an arm of one name another one."""
    for earlier, later in pairwise(episodes):
        for name in _SETTINGS:
            old, new = earlier.arm.get(name), later.arm.get(name)
            if old == new or (name == "identity" and earlier.arm.get("kind") == "recorded"):
                continue  # each recording is a file of its own
            words = _WORDS.get(name, name)
            shown = "" if name in _UNSHOWN else f": {_short(old)}, then {_short(new)}"
            yield _news("settings", later, f"{words} changed{shown}")


def _governance(episodes: Sequence[Episode]) -> Iterator[News]:
    for earlier, later in pairwise(episodes):
        old, new = earlier.arm.get("governance") or {}, later.arm.get("governance") or {}
        changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        if changed:
            parts = [
                f"{name} from {_short(old.get(name))} to {_short(new.get(name))}"
                for name in changed
            ]
            yield _news("governance", later, f"declared terms changed: {', '.join(parts)}")


def _conditions(episodes: Sequence[Episode]) -> Iterator[News]:
    """Name what a run's figures lack: its end, answers of its own, samples."""
    sizes = {episode.run_id: _scored(episode) for episode in episodes}
    most = max(sizes.values())
    for episode in episodes:
        state, reason = episode.state
        if state != "complete":
            yield _news("state", episode, f"the run is {state}" + (f": {reason}" if reason else ""))
        cached = (episode.row or {}).get("n_cached")
        if cached:
            yield _news("cache", episode, f"{cached} answers came from the cache: they are no news")
        if 2 * sizes[episode.run_id] < most:
            text = f"it scored {sizes[episode.run_id]} samples of {most}: the sums see no more"
            yield _news("few_samples", episode, text)


def _scored(episode: Episode) -> int:
    outcomes = episode.outcomes
    return len(np.unique(outcomes.sample[~np.isnan(outcomes.quality)]))


def _orders(episodes: Sequence[Episode]) -> Iterator[News]:
    """Name recordings whose dates do not follow each other, and what became otherwise asked."""
    for earlier, later in pairwise(episodes):
        if later.side.not_honoured != earlier.side.not_honoured:
            now = "; ".join(later.side.not_honoured) or "all that the suite asks for was sent"
            yield _news("not_honoured", later, now)
        last, first = earlier.tally.recorded_to, later.tally.recorded_from
        if last is not None and first is not None and first < last:
            text = f"its recording begins before that of {earlier.run_id} ends: are they in order?"
            yield _news("order", later, text)
        elif first is not None and (first, later.tally.recorded_to) == (
            earlier.tally.recorded_from, last,
        ):  # fmt: skip
            text = f"its recording is of the same time as that of {earlier.run_id}"
            yield _news("order", later, text)


def _retirement(newest: Episode, catalogue: Catalogue | None, today: dt.date) -> list[News]:
    """Say when a model retires, by the providers file as it is now, else as the run had it."""
    known = newest.arm.get("retires_on")
    current = _entry(catalogue, newest)
    lines = []
    if catalogue is not None and current is None and newest.arm.get("kind") != "recorded":
        text = f"{newest.side.model} is not in {catalogue.file} any more"
        lines.append(_news("retirement", newest, text))
    stated = known if current is None else current.retires_on
    if current is not None and known and current.retires_on != known:
        text = f"its retirement date was {known}, and is now {current.retires_on or 'not stated'}"
        lines.append(_news("retirement", newest, text))
    if stated:
        days = (moment(str(stated)).date() - today).days
        if days < 0:
            text = f"it was to retire on {stated}, {-days} days ago"
            lines.append(_news("retirement", newest, text))
        elif days <= AHEAD_DAYS:
            text = f"it retires on {stated}, in {days} days"
            lines.append(_news("retirement", newest, text))
    return lines


def _entry(catalogue: Catalogue | None, episode: Episode) -> Model | None:
    if catalogue is None:
        return None
    try:
        return catalogue.find(episode.side.model)[1]
    except ConfigError:
        return None


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
