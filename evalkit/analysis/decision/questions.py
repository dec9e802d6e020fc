"""The five questions, answered from measurement and profile: data, task, volume, people, time.

An answer that is not known says what to name or to measure. It does not recommend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.analysis.decision.consequences import crossing_sentence
from evalkit.analysis.decision.ways import Way, Ways
from evalkit.analysis.economics.profile import Limits, Profile
from evalkit.analysis.economics.triangle import Triangle
from evalkit.core.policy import Requirement

Answer = dict[str, Any]
_NOWHERE = "no region: suite and business demand regions that exclude each other"


def five_answers(
    task: str,
    ways: Ways,
    demand: Requirement,
    profile: Profile,
    money: Mapping[str, Any] | None,
    *,
    way: Way | None = None,
) -> list[Answer]:
    """Return the five questions with their answers.

    Args:
        task: The suite's name.
        ways: Its ways.
        demand: What whoever sees its data must meet.
        profile: The business.
        money: Its break-even; None where no volume is known.
        way: The one that is recommended.
    """
    return [
        _data(ways, demand),
        _special(ways),
        _volume(task, ways, money, way),
        _people(profile),
        _time(ways, profile.limits.get(task, Limits())),
    ]


def _answer(question: str, answer: str, missing: str | None = None) -> Answer:
    return {"question": question, "answer": answer, "missing": missing}


def _data(ways: Ways, demand: Requirement) -> Answer:
    demands = [f"sensitivity {demand.sensitivity}"]
    if demand.regions is not None:
        demands.append(f"only in {', '.join(demand.regions) or _NOWHERE}")
    if demand.trains_on_data is not None:
        demands.append(f"training on them: {demand.trains_on_data}")
    if demand.max_retention_days is not None:
        demands.append(f"kept {demand.max_retention_days:g} days at most")
    barred = [way for way in ways.ways if any(a.startswith("data: ") for a in way.against)]
    open_ = [way.option.name for way in ways.ways if way not in barred]
    text = f"{'; '.join(demands)}. May go to: {', '.join(open_) or 'nobody here'}"
    if barred:
        text += f"; not to: {', '.join(way.option.name for way in barred)}"
    return _answer("Where may the data go?", f"{text}. Declared, not verified.")


def _best(ways: Sequence[Way], group: str) -> Way | None:
    own = [w for w in ways if _group(w) == group and w.option.arm.share("quality") is not None]
    return max(own, key=lambda way: way.option.arm.share("quality") or 0.0, default=None)


def _group(way: Way) -> str:
    """Return what a way's model is; of weights that are not declared nothing is known."""
    if way.option.kind == "no_llm":
        return "no language model"
    weights = str(way.option.arm.facts["weights"] or "")
    if way.option.serving is not None or weights.startswith("open"):
        return "open weights"
    return "closed weights" if weights == "closed" else "weights that are not declared"


def _special(ways: Ways) -> Answer:
    """Say how far one gets without a language model, with open weights, and with closed ones."""
    groups = (
        "no language model",
        "open weights",
        "closed weights",
        "weights that are not declared",
    )
    parts = []
    for name in groups:
        best = _best(ways.ways, name)
        if best is not None:
            figure = best.option.arm.row["quality"]
            low, high = (
                "?" if figure[end] is None else f"{figure[end]:.2f}" for end in ("low", "high")
            )
            parts.append(
                f"with {name} quality is up to {figure['value']:.2f} [{low}, {high}] "
                f"({best.option.name})"
            )
    few = None if ways.is_decidable else f"more samples: {ways.n_units} independent decide little"
    return _answer(
        "How special is the task?", f"{'; '.join(parts) or 'nothing was measured'}.", few
    )


def _volume(task: str, ways: Ways, money: Mapping[str, Any] | None, way: Way | None) -> Answer:
    question = "What volume?"
    volume = ways.volume
    if volume is None or money is None:
        return _answer(question, "not known.", f"volumes.{task}.requests_per_month")
    text = f"{volume.mode:,.0f} requests a month"
    if volume.high > volume.low:
        text += f", most likely; {volume.low:,.0f} to {volume.high:,.0f} are possible"
    if money["cannot_say"]:
        return _answer(question, f"{text}; break-even: {money['cannot_say']}.")
    told = crossing_sentence(ways, way)
    return _answer(question, f"{text}{'' if told is None else f'; {told}'}.")


def _people(profile: Profile) -> Answer:
    question = "Who would run it?"
    if profile.ml_engineers is None:
        return _answer(question, "not said.", "talent.ml_engineers")
    hours = profile.operations.hours_per_month
    span = "" if hours is None else _hours(hours)
    asked = "" if hours is None else f"; {span} a month are expected"
    if profile.ml_engineers == 0:
        return _answer(question, "nobody: what must be run oneself is out.")
    who = "one person" if profile.ml_engineers == 1 else f"{profile.ml_engineers:g} people"
    return _answer(question, f"{who} could{asked}.")


def _hours(hours: Triangle) -> str:
    if hours.high > hours.low:
        return f"{hours.low:g} to {hours.high:g} hours"
    return f"{hours.mode:g} hours"


def _time(ways: Ways, limits: Limits) -> Answer:
    question = "How fast must it be?"
    known = {
        way.option.arm.arm: way.option.arm.row["latency_ms"]["p95"]["value"]
        for way in ways.ways
        if way.option.arm.row["latency_ms"]
    }
    told = "; ".join(f"{name} {value:,.0f} ms" for name, value in known.items())
    measured = f"95 of 100 answers came within: {told}" if told else "nothing was timed"
    if limits.latency_p95_ms is None:
        return _answer(question, f"no limit is named. {measured}.")
    return _answer(question, f"within {limits.latency_p95_ms:,.0f} ms (95 of 100). {measured}.")
