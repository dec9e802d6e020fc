"""Picks the sentences that look like decisions, causes or next steps.

A classical extractive baseline: each sentence or line gets points for words of deciding, dates,
figures and its place, and the best ones that fit into the limit come out in their old order. It
understands nothing: what is withdrawn or corrected further down is not known to it.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_DECISION = re.compile(
    r"\b(?:decid|agreed?|approv|resolved|carried|ordered?|will\b|must\b|no decision|open\b|next\b"
    r"|beschl|beschließ|entsch|genehm|vertagt|zuständig|übernimmt|offen|weiter\b|bis zum"
    r"|décid|adopté|approuv|accord|reste|non décidé|suite\b|avant le"
    r"|acuerd|aprob|aprueb|decid|encarg|respons|pendiente|queda\b|antes del)",
    re.IGNORECASE,
)
_CAUSE = re.compile(
    r"\b(?:cause|because|reason|found|broken|fault|unknown|not known|injured|hurt|lost|affected"
    r"|ursache|grund|defekt|betroffen|verletzt|unbekannt"
    r"|panne|blessé|touché|inconnu|trouv"
    r"|causa|motivo|herid|perdid|afectad|descartad)",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b\d{1,2}[./]\d{1,2}\b|\b\d{1,2}\.? (?:de )?(?:jan|feb|fév|mar|mär|apr|avr|abr|may|mai|jun"
    r"|jui|jul|aug|août|ago|sep|oct|okt|nov|dec|dez|déc|dic|ene)\w*"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\b(?:mon|diens|donners|frei|sams|sonn)tag\b"
    r"|\bmittwoch\b|\b(?:lun|mar|mercre|jeu|vendre|same)di\b"
    r"|\b(?:lunes|martes|miércoles|jueves|viernes|sábado|domingo)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d")
_CAPITALISED = re.compile(r"(?<=[\w,] )[A-ZÀ-Þ][a-zß-ÿ]+")
_LEAD = re.compile(
    r"^\s*(?:>\s*)?(?:[-–*·]\s+|\d{1,2}[.)]\s+|#\S+\s+|\[[^\]]{1,30}\]\s*|\d{1,2}[:h]\d\d\s+)+"
)
_SPEAKER = re.compile(r"^[^\W\d_][\w. -]{0,20}(?:\([^)]*\))?\s?:\s+")
_SENTENCE = re.compile(r"(?<=\D[.!?])\s+(?=[A-ZÀ-Þ0-9¿¡«])")


class _Unit(NamedTuple):
    """A sentence or line, its place in the text and its points."""

    place: int
    text: str
    points: float


def answer(sample: dict[str, Any]) -> str:
    """Summarises one text by its own sentences.

    Args:
        sample: The sample's columns; `text` and `limit_words` are read.

    Returns:
        The chosen sentences, in their order, within the limit.
    """
    units = [_Unit(place, text, _points(text, place)) for place, text in _units(sample["text"])]
    return " ".join(unit.text for unit in _chosen(units, int(sample["limit_words"])))


def _units(text: str) -> Iterator[tuple[int, str]]:
    """Yields sentences of at least four words, without bullets, times and speakers' names."""
    place = 0
    for line in text.splitlines():
        for sentence in _SENTENCE.split(_bare(line)):
            if len(sentence.split()) >= 4:
                yield place, sentence if sentence[-1] in ".!?" else f"{sentence}."
                place += 1


def _bare(line: str) -> str:
    """Takes bullet, time and speaker off a line, but keeps labels such as "Cause:"."""
    rest = _LEAD.sub("", line).strip()
    speaker = _SPEAKER.match(rest)
    if speaker is None or _CAUSE.search(speaker[0]) or _DECISION.search(speaker[0]):
        return rest
    return rest[speaker.end() :]


def _points(text: str, place: int) -> float:
    """Rates one sentence."""
    return (
        2.0 * min(2, len(_DECISION.findall(text)))
        + 1.5 * min(2, len(_CAUSE.findall(text)))
        + 1.5 * min(2, len(_DATE.findall(text)))
        + 0.5 * bool(_NUMBER.search(text))
        + 0.5 * bool(_CAPITALISED.search(text))
        + 1.0 * (place == 1)
        - 3.0 * text.endswith("?")
    )


def _chosen(units: list[_Unit], limit: int) -> list[_Unit]:
    """Takes the best sentences that fit, in the order of the text."""
    taken: list[_Unit] = []
    left = limit
    for unit in sorted(units, key=lambda unit: (-unit.points, unit.place)):
        length = len(unit.text.split())
        if unit.points > 0 and length <= left:
            taken.append(unit)
            left -= length
    return sorted(taken)
