"""Tool calls that a model wrote into its text instead of making them.

Such a text is no answer without a call. What is strict JSON of a call's form is read, whole, in a
fence, in `<tool_call>` tags or in prose; what is plainly a call in another notation is named. This
module does not know the tools' schemas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from evalkit.core.records import ToolCall
from evalkit.graders.arguments import fault_of
from evalkit.graders.json_text import Found, NotJson, ends_inside, find_documents
from evalkit.graders.repair import repaired

_NAME_KEYS = ("name", "function", "tool")
_OTHER_NAME_KEYS = ("action", "tool_name", "function_name", "recipient_name", "tool_code")
MAX_REPAIRS = 20
"""Of calls in one text: what is broken more often is no punctuation slip."""
_CALL_KEYS = frozenset({*_NAME_KEYS, "arguments", "parameters", "type", "id", "call_id", "index"})
_TAG = re.compile(r"<tool_call>\s*(?=[{\[<]|[\w.-]{1,128}\s{0,9}[(<\n])")
_NAMED = re.compile(
    r"""["'“]?(?:name|function|tool)["'”]?\s{0,9}:\s{0,9}["'“]([\w.:/-]{1,128})["'”]"""
)
_FENCE = re.compile(r"(?:```+|~~~+)[ \t]*[\w.+-]{0,20}\s*")
_FENCE_END = re.compile(r"\s*(?:```+|~~~+)\s*\Z")
_PYTHON = re.compile(
    r"[\[\s]{0,9}(?:\w{1,80} ?= ?)?(?:await )?(?:print\(\s?)?(?:[\w.]{1,80}\.)?"
    r"([\w-]{1,128})\s{0,9}\("
)
_REACT = re.compile(r"^[ *]{0,9}Action[ *]{0,9}:[ *]{0,9}([\w.-]{1,128})", re.MULTILINE)
_MARKERS = (
    "<function=", "<function_call", "<invoke name=", "<tool_code>", "<|tool_call", "<|tool▁call",
    "<｜tool▁call", "[TOOL_CALLS]", "<|python_tag|>", "```tool_code", "```tool_call",
    "to=functions.", "<tools>", "<tool_use>",
)  # fmt: skip


class Written(NamedTuple):
    """What a text holds that is plainly a call.

    Attributes:
        calls: The calls, where they can be read.
        rung: `embedded`, or `repaired` where punctuation had to be put right; `truncated` or
            `not_json` where there is nothing to read.
        detail: What is wrong, for a reader.
    """

    calls: tuple[ToolCall, ...]
    rung: str = "embedded"
    detail: str = ""


def written_calls(text: str, names: Collection[str]) -> Written | None:
    """Return the calls that stand in a text, None where it is an answer without a call.

    Args:
        text: The visible answer.
        names: The tools that the suite offers.

    >>> written_calls('<tool_call>{"name": "now", "arguments": {}}</tool_call>', {"now"}).calls
    (ToolCall(name='now', arguments='{}', id=None),)
    >>> written_calls("[now()]", {"now"}).rung
    'not_json'
    >>> written_calls("It is noon.", {"now"}) is None
    True
    """
    if not any(mark in text for mark in "{[<(:"):
        return None
    tagged = _TAG.search(text) is not None
    calls: list[ToolCall] = []
    rung, named, repairs = "embedded", False, 0
    for piece in find_documents(text):
        value = piece.value
        if not piece.strict:
            if not (tagged or _names_a_tool(piece, names)):
                continue
            repairs += 1
            try:
                value, rung = _put_right(piece, repairs), "repaired"
            except NotJson:
                return _broken(piece)
        calls += _calls_in(value, names)
        named = named or _otherwise_named(value, names)
    if calls:
        return Written(tuple(calls), rung)
    return _other_notation(text, names, marked=tagged or named)


def _put_right(piece: Found, repairs: int) -> Any:
    if repairs > MAX_REPAIRS or ends_inside(piece.source):
        raise NotJson(piece.problem)
    return repaired(piece.source)


def _broken(piece: Found) -> Written:
    if ends_inside(piece.source):
        return Written((), "truncated", "a call in the text ends in its middle")
    fault = fault_of(piece.source, piece.problem)
    return Written((), "not_json", f"a call in the text is no JSON: {fault}")


def _names_a_tool(piece: Found, names: Collection[str]) -> bool:
    return any(found[1] in names for found in _NAMED.finditer(piece.source))


def _calls_in(value: Any, names: Collection[str]) -> list[ToolCall]:
    """Return the calls that a document is: one, or a list of nothing but calls."""
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    items = value if isinstance(value, list) else [value]
    calls = [call for item in items if (call := _call(item, names)) is not None]
    return calls if len(calls) == len(items) else []


def _call(item: Any, names: Collection[str]) -> ToolCall | None:
    if isinstance(item, dict) and isinstance(item.get("function"), dict):
        item = item["function"]
    name = _name_of(item)
    if name is None:
        return None
    has_arguments = "arguments" in item or "parameters" in item
    plain = item.keys() <= _CALL_KEYS and (has_arguments or name in names)
    if not plain and (name not in names or "arguments" not in item):
        return None
    arguments = item.get("arguments", item.get("parameters"))
    if _is_definition(arguments):
        return None
    if not isinstance(arguments, dict | str | None) and name not in names:
        return None
    arguments = {} if arguments is None else arguments
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ToolCall(name=name, arguments=text)


def _name_of(item: Any) -> str | None:
    if not isinstance(item, dict):
        return None
    return next((item[key] for key in _NAME_KEYS if isinstance(item.get(key), str)), None)


def _otherwise_named(value: Any, names: Collection[str]) -> bool:
    """Return whether a document calls a tool by keys of its own: `{"action": "now"}`."""
    if not isinstance(value, dict):
        return False
    if any(isinstance(value.get(k), str) and value[k] in names for k in _OTHER_NAME_KEYS):
        return True
    return len(value) == 1 and next(iter(value)) in names


def _is_definition(arguments: object) -> bool:
    """Return whether this describes a tool instead of calling it."""
    return isinstance(arguments, dict) and isinstance(arguments.get("properties"), dict)


def _other_notation(text: str, names: Collection[str], *, marked: bool) -> Written | None:
    if not marked and any(marker in text for marker in _MARKERS):
        marked = any(name in text for name in names)
    if marked or any(name in names for name in _called_in(text)):
        return Written((), "not_json", f"a call as text: {' '.join(text[:400].split())[:80]}")
    return None


def _called_in(text: str) -> Iterator[str]:
    """Yield the functions that a whole text or a fence calls as code, or as ReAct steps do."""
    bare = text.strip()
    if (opening := _FENCE.match(bare)) is not None:
        bare = _FENCE_END.sub("", bare[opening.end() :])
    called = _PYTHON.match(bare)
    if called is not None and bare.rstrip(" \t\r\n;]").endswith(")"):
        yield called[1]
    if "Action Input" in text:
        yield from (found[1] for found in _REACT.finditer(text))
