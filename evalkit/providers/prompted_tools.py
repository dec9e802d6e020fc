"""Tool calls for models whose chat template knows no tools: asked for and read as plain JSON.

The functions are named in the system message, and an answer that is nothing but a JSON list of
calls becomes those calls. Anything else stays text; it does not repair an answer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from evalkit.core.records import Message, ToolCall

_INSTRUCTION = (
    "You may call functions. Answer only with a JSON list of calls, each "
    '{"name": ..., "arguments": {...}}, or [] if no call is due. Functions:'
)


def with_tools(messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> tuple[Message, ...]:
    """Return the messages with the functions named in the system message."""
    functions = [json.dumps(tool.get("function", tool), ensure_ascii=False) for tool in tools]
    told = "\n".join([_INSTRUCTION, *functions])
    if messages and messages[0].role == "system":
        first = Message(role="system", content=f"{messages[0].content}\n\n{told}")
        return (first, *messages[1:])
    return (Message(role="system", content=told), *messages)


def read_calls(text: str) -> tuple[ToolCall, ...]:
    """Return the calls that a whole text holds, none where it is anything else.

    >>> read_calls('[{"name": "f", "arguments": {"x": 1}}]')
    (ToolCall(name='f', arguments='{"x": 1}', id=None),)
    >>> read_calls("I would call f.")
    ()
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    calls = [value] if isinstance(value, dict) else value
    if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
        return ()
    return tuple(
        ToolCall(name=call["name"], arguments=_arguments(call.get("arguments"))) for call in calls
    )


def _is_call(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str)


def _arguments(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps({} if value is None else value, ensure_ascii=False)
