"""Answers a question from the best-matching line of a policy, by word overlap.

A classical baseline: it finds the sentence or table row that shares most words with the question
and takes the first value of the asked kind from it. It does not know exceptions, arithmetic,
groups of persons or dates of validity, and abstains where too few words are shared.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

ABSTAIN = "NOT STATED"
_LEAST_OVERLAP = 0.34
_STEM = 5
_WORD = re.compile(r"[^\W\d_]{3,}|\d+")
_SPLIT = re.compile(r"(?<=[.;])\s+(?=[^\W\d_])|\n+")
_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Januar|Februar|März|Mai|Juni|Juli|Oktober|Dezember"
)
_DATE = re.compile(rf"\d{{1,2}}\.? (?:{_MONTHS})(?: 20\d\d)?|\d{{1,2}}\.\d{{1,2}}\.20\d\d")
_TIME = re.compile(r"\d{1,2}:\d{2}(?: Uhr)?")
_NUMBER = r"\d[\d.,]*(?<![.,])"
_MONEY = re.compile(rf"[€£$] ?{_NUMBER}|{_NUMBER} ?(?:€|EUR|Euro)|\d+p\b")
_COUNT = re.compile(
    rf"(?P<number>{_NUMBER}|two|three|four|five|six) (?:working |full )?(?P<unit>[^\W\d_]+|%)"
)
_NAME = re.compile(r"(?:Mr|Ms|Mrs|Prof\.|Dr|M\.|Mme) [A-Z]\w+(?: [A-Z]\w+)*|[A-Z]\w+ [A-Z]\w+")
_DENIED = re.compile(
    r"\b(?:not?|never|only|except|cannot|nicht|kein\w*|nur|außer|ne|pas|aucun|sauf|sans)\b",
    re.IGNORECASE,
)
_YES_NO = re.compile(
    r"^(?:is|are|does|do|did|may|must|can|has|was|darf|ist|sind|müssen|hat)\b"
    r"|\b(?:est|sont)-(?:il|elles?|ils)\b",
    re.IGNORECASE,
)
_MONEY_ASKED = re.compile(
    r"how much|\bcost|\bfee\b|\brent\b|\bpay\b|excess|allowance|hotel limit"
    r"|was (?:kostet|zahlt)|wie viel|welcher selbstbehalt|betrag|entschädigung"
    r"|combien|\bprix\b|que paie|montant",
    re.IGNORECASE,
)
_DATE_ASKED = re.compile(r"which date|what date|\bwelchem tag|quelle date", re.IGNORECASE)
_TIME_ASKED = re.compile(r"what time|bis wann|wie viel uhr|quelle heure", re.IGNORECASE)
_NAME_ASKED = re.compile(r"^(?:who|wer|qui)\b", re.IGNORECASE)
_UNIT_ASKED = re.compile(
    r"(?:how many|wie viele|combien de) (?P<unit>[^\W\d_]+)|how (?P<long>long)", re.IGNORECASE
)
_DURATIONS = ("hour", "day", "week", "month", "year", "minute")
_COMMON = re.compile(
    "the|and|for|are|may|does|how|many|much|what|which|who|with|from|that|this|not|can|has|his|her"
    "|der|die|das|und|für|wie|viele?|was|wer|den|dem|des|eine?n?|von|mit|ist"
    "|les|des|une|est|que|qui|pour|dans|quel(?:le)?|combien|sur|par"
)
_WORDS_OF_YES_NO = {"en": ("yes", "no"), "de": ("ja", "nein"), "fr": ("oui", "non")}


class _Passage(NamedTuple):
    """A sentence or table row, with the heading cells of its table."""

    text: str
    heading: str
    overlap: float


def answer(sample: Mapping[str, object]) -> str:
    """Answer one question.

    Args:
        sample: The sample's columns; `policy`, `question` and `language` are read.

    Returns:
        A value copied from the policy, a word for yes or no, or `NOT STATED`.

    >>> text = "Bikes may be kept for 6 weeks. The deposit is £10."
    >>> answer({"policy": text, "question": "How much is the deposit?", "language": "en"})
    '£10'
    """
    question = str(sample["question"])
    passages = _ranked(str(sample["policy"]), question)
    if not passages or passages[0].overlap < _LEAST_OVERLAP:
        return ABSTAIN
    if _YES_NO.search(question):
        yes, no = _WORDS_OF_YES_NO[str(sample["language"])]
        return no if _DENIED.search(passages[0].text) else yes
    return _value(passages[0], question) or ABSTAIN


def _ranked(policy: str, question: str) -> list[_Passage]:
    """Rank the passages of a policy by the share of the question's words that they hold."""
    asked = _stems(question)
    found = []
    heading = ""
    for part in _SPLIT.split(policy):
        cells = part.count("|")
        if cells and not heading:
            heading = part
            continue
        heading = heading if cells else ""
        shared = len(asked & _stems(part)) + 0.5 * len(asked & _stems(heading))
        found.append(_Passage(part, heading, shared / max(1, len(asked))))
    return sorted(found, key=lambda passage: -passage.overlap)


def _stems(text: str) -> set[str]:
    """Return the beginnings of a text's words, without the most common ones."""
    words = (word.lower() for word in _WORD.findall(text))
    return {word[:_STEM] for word in words if not _COMMON.fullmatch(word)}


def _value(passage: _Passage, question: str) -> str | None:
    """Take the first value of the kind that the question asks for."""
    text = _cell(passage, question)
    if _NAME_ASKED.search(question):
        return _first(_NAME, text)
    if _DATE_ASKED.search(question):
        return _first(_DATE, text)
    if _TIME_ASKED.search(question):
        return _first(_TIME, text)
    if _MONEY_ASKED.search(question):
        return _first(_MONEY, text)
    return _count(text, question)


def _cell(passage: _Passage, question: str) -> str:
    """Choose the cell of a table row whose heading fits best; a sentence stays whole."""
    cells = [cell.strip() for cell in passage.text.split("|")]
    heads = passage.heading.split("|")
    if len(cells) < 2 or len(cells) != len(heads):
        return passage.text
    asked = _stems(question)
    columns = range(1, len(cells))
    return cells[max(columns, key=lambda column: len(asked & _stems(heads[column])))]


def _count(text: str, question: str) -> str | None:
    """Take the first number with the asked unit, else the first number with any unit."""
    counts = list(_COUNT.finditer(text))
    unit = _UNIT_ASKED.search(question)
    if unit and unit["long"]:
        counts = [c for c in counts if c["unit"].lower().startswith(_DURATIONS)]
    elif unit:
        stem = unit["unit"].lower()[:3]
        counts = [c for c in counts if c["unit"].lower().startswith(stem)]
    return counts[0][0] if counts else None


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    """Return the first match of a pattern, or None."""
    match = pattern.search(text)
    return match[0] if match else None
