"""Regular expressions for hotel_slots: a date, a time, a number before a noun, a name after a cue.

Written on the training folds; the scored ones were not looked at.
"""

# ruff: noqa: E501 - one pattern a line
from __future__ import annotations

import re
from typing import Any

MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b"
)
WEEKDAY = r"(?:(?:next|this) )?(?:mon|tues|wednes|thurs|fri|satur|sun)day"
ORDINAL = r"\d{1,2}(?:st|nd|rd|th)"
DATE = (
    rf"(?:\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{MONTH}|{MONTH} (?:the )?\d{{1,2}}(?:st|nd|rd|th)?"
    rf"|{ORDINAL}|{WEEKDAY}|today|tomorrow|yesterday|in \d+ days|\d+ days ago)"
)
WORD_NUMBER = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|a|zero|no)"
CLOCK = r"(?:a\.m\.|p\.m\.|am\b|pm\b|(?:in the )?(?:morning|afternoon|evening|night)\b)"
PAST = r"(?:(?:half|quarter|\d{1,2}) (?:past|to) \d{1,2})"
TIME = rf"(?:{PAST}(?: {CLOCK})?|\d{{1,2}}[: ]\d{{2}}(?: {CLOCK})?|\d{{1,2}} ?{CLOCK})"
ROOM = (
    r"(?:a|an|my|our|the|\d+|one|two|three) (?:\w+ ){0,2}(?:rooms?|suites?)"
    r"|(?:single|double|twin|family) rooms?"
)

DATE_TO = rf"(?:until|till|to|leav\w+|depart\w*|check(?:ing)? out)(?: on)?(?: the)? ({DATE})"
DATE_FROM = (
    rf"(?:from|start\w*|arriv\w+|check(?:ing)? in|coming|book|nights?|days|week)"
    rf"(?: from| on| in)?(?: the)? ({DATE})"
)
PATTERNS = {
    "date_period": r"((?:\d+|one|two|three|four|five|six|seven|a|a few) (?:nights?|days|weeks?))(?! ago)",
    "date_to": DATE_TO,
    "date_from": DATE_FROM,
    "time_to": rf"(?:leav\w+|until|till).{{0,20}}? (?:at|before|until|till) ({TIME})",
    "time": rf"\b({TIME}|(?<=at )\d{{1,2}}\b)",
    "time_period": r"\b((?:this )?(?:morning|evening|afternoon)|tonight|overnight|\d+ (?:hours|minutes))",
    "kids": rf"({WORD_NUMBER}) (?:\w+ )?(?:kids?|child(?:ren)?|toddlers?|bab(?:y|ies)|boys?|girls?)\b",
    "adults": r"((?:\d+|one|two|three|four|five|six|seven|eight|nine)) (?:adults?|grown)",
    "people": r"((?:\d+|one|two|three|four|five|six|seven|eight|nine)) (?:people|persons?|pax|guests?)\b",
    "rooms": rf"\b({ROOM})\b",
    "person_name": r"(?:under(?: the name)?|my name is|name'?s?(?: is)?|i am|for mr|for mrs) ([a-z]+(?: [a-z]+)?)[.!]?$",
    "number": r"^\W*(\d+|one|two|three|four|none|zero)\W*$",
}  # fmt: skip
COMPILED = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in PATTERNS.items()}
ANY_DATE = re.compile(rf"\b{DATE}", re.IGNORECASE)


def answer(sample: dict[str, Any]) -> dict[str, str]:
    """Return every slot whose pattern is found, in the guest's words."""
    text = sample["text"]
    slots = {}
    for name, pattern in COMPILED.items():
        found = pattern.search(text)
        if found:
            slots[name] = found.group(1)
    taken = {slots.get("date_from"), slots.get("date_to")}
    day = next((d for d in ANY_DATE.findall(text) if d not in taken), None)
    if day is not None and taken == {None}:
        slots["date"] = day
    return slots
