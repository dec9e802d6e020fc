"""When a policy takes an answer: the words of `accept` in policy.json.

It does not hold them against an answer.
"""

from __future__ import annotations

USABLE = "usable"
"""The answer's form holds: `output.accept` of its suite."""
AGREE = "agree"
"""Two arms gave the same answer, and its form holds."""
_AND = f"{USABLE} and "
_NEED_TARGETS = ("abstain", "exact", "fields", "label", "number", "text", "tool_calls")


def passing(grader: str) -> str:
    """Return the rule that the form holds and a grader gives full marks.

    >>> passing("python")
    'usable and python'
    """
    return _AND + grader


def grader_of(rule: str | None) -> str | None:
    """Return the grader that a rule asks, None where it asks none.

    >>> grader_of("usable and python"), grader_of("usable"), grader_of(None)
    ('python', None, None)
    """
    return rule.removeprefix(_AND) if rule is not None and rule.startswith(_AND) else None


def asked_always(rule: str | None) -> int:
    """Return how many arms of a route belong to its first answer: two that must agree, else one."""
    return 2 if rule == AGREE else 1


def unfit(grader: str, primary: str) -> str | None:
    """Return why a grader cannot take answers in use, where nobody has a target; None if it can.

    Args:
        grader: Its name.
        primary: The grader whose score is the suite's quality.

    >>> unfit("python", "fields") is None, unfit("json_schema", "fields")
    (True, 'it is the form, which `usable` holds already')
    """
    if grader in _NEED_TARGETS:
        return "it compares with the target, which nobody has in use"
    if grader == "json_schema":
        return "it is the form, which `usable` holds already"
    if grader == "rubric":
        return "it asks a judge, whose verdict would cost a call of its own"
    if grader == primary:
        return "its score is the quality, which is to be found out"
    return None
