"""Prompt templates: rendered in a sandbox, their variables known before anything is sent.

Each sample's columns are the variables, its target never is. It does not know models: a rendered
prompt is a tuple of messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import jinja2.sandbox
from jinja2 import nodes

from evalkit.core.documents import Node, read_text, show
from evalkit.core.errors import ConfigError
from evalkit.core.records import Message, OutputSpec, Record, Sample, canonical_json

_TEMPLATE_ENDINGS = (".j2", ".jinja", ".jinja2", ".md", ".txt")
_LONGEST_NAME = 200
_PLAIN = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name)


_TEMPLATE_ERRORS = (
    jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError,
    RecursionError,
)  # fmt: skip


class PromptSpec(Record, frozen=True, kw_only=True):
    """The `prompt:` part of suite.yaml as texts.

    Attributes:
        system: Template text of the system message, or None.
        user: Template text of the user message.
        examples: File of few-shot rows, or None for none.
        k: How many examples; which ones is drawn with `seed`.
    """

    system: str | None
    user: str
    system_name: str
    user_name: str
    examples: Path | None = None
    k: int = 0
    seed: int = 0


class Prompts:
    """Renders the messages of one suite.

    Args:
        spec: Template texts.
        output: The form of the answers, by which example targets are written.
        examples: Few-shot samples, in the order in which they are shown.

    Raises:
        ConfigError: If a template cannot be read.
    """

    def __init__(
        self, spec: PromptSpec, output: OutputSpec, examples: Sequence[Sample] = ()
    ) -> None:
        self._environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
            undefined=jinja2.StrictUndefined, keep_trailing_newline=False, autoescape=False
        )
        self.output = output
        self.system = self._compile(spec.system, spec.system_name)
        self.user = self._compile(spec.user, spec.user_name)
        trees = [self._environment.parse(t) for t in (spec.system, spec.user) if t is not None]
        self.variables = self._variables(trees)
        self._is_plain = all(isinstance(n, _PLAIN) for t in trees for n in t.find_all(nodes.Node))
        self.shots = tuple(self._turns(examples))

    def check(self, columns: Mapping[str, Any]) -> str | None:
        """Return why this row cannot be rendered, or None.

        Where a template does no more than put columns in, rendering can only fail for want of
        one, and is spared.
        """
        if self._is_plain and all(name in columns for name in self.variables):
            return None
        try:
            self._text(self.user, columns)
            self._text(self.system, columns)
        except ConfigError as error:
            return str(error)
        return None

    def render(self, columns: Mapping[str, Any]) -> tuple[Message, ...]:
        """Return the messages of one sample: system, examples as turns, user.

        Raises:
            ConfigError: If a variable is missing or the sandbox refuses the template.
        """
        user = Message(role="user", content=self._text(self.user, columns))
        if self.system is None:
            return (*self.shots, user)
        system = Message(role="system", content=self._text(self.system, columns))
        return (system, *self.shots, user)

    def input_key(self, columns: Mapping[str, Any]) -> bytes:
        """Return what two samples have in common when they ask the same."""
        used = {name: columns.get(name) for name in self.variables} or columns
        return canonical_json(used)

    def _compile(self, text: str | None, name: str) -> jinja2.Template | None:
        if text is None:
            return None
        try:
            return self._environment.from_string(text)
        except jinja2.TemplateSyntaxError as error:
            inline = re.search(r":\d+$|^--set ", name)  # the text stands in suite.yaml itself
            line = f": template line {error.lineno}" if inline else f":{error.lineno}: template"
            raise ConfigError(f"{name}{line}: {error.message}") from None
        except RecursionError:
            raise ConfigError(f"{name}: template: it is nested too deeply") from None

    def _variables(self, trees: Sequence[nodes.Template]) -> tuple[str, ...]:
        names = set().union(*map(jinja2.meta.find_undeclared_variables, trees))
        return tuple(sorted(names - set(self._environment.globals)))

    def _text(self, template: jinja2.Template | None, columns: Mapping[str, Any]) -> str:
        if template is None:
            return ""
        try:
            return template.render(columns)
        except jinja2.UndefinedError as error:
            known = ", ".join(repr(c) for c in list(columns)[:12])
            raise ConfigError(
                f"template variable: {error.message}; the sample has {known}"
            ) from None
        except _TEMPLATE_ERRORS as error:
            raise ConfigError(f"template: {type(error).__name__}: {error}") from None

    def _turns(self, examples: Sequence[Sample]) -> list[Message]:
        turns = []
        for sample in examples:
            turns.append(Message(role="user", content=self._text(self.user, sample.columns)))
            turns.append(Message(role="assistant", content=answer_text(sample.target, self.output)))
        return turns


def answer_text(target: object, output: OutputSpec) -> str:
    """Return a target as the text that a perfect answer would be.

    Of several acceptable texts the first is shown; what a call's target says for its grader alone
    (`optional`) is not.

    >>> answer_text(["3 weeks", "3"], OutputSpec(format="text"))
    '3 weeks'
    """
    if output.format in ("text", "label") and isinstance(target, list) and target:
        target = target[0]
    if output.format == "tool_calls" and isinstance(target, list):
        target = [
            {name: value for name, value in call.items() if name != "optional"}
            if isinstance(call, dict)
            else call
            for call in target
        ]
    if output.format in ("json", "tool_calls") or not isinstance(target, str):
        return canonical_json_in_order(target)
    return target


def canonical_json_in_order(value: object) -> str:
    """Return compact JSON that keeps the order of keys, as an example shows it."""
    import msgspec

    return msgspec.json.encode(value).decode()


def template_text(node: Node, key: str, folder: Path) -> tuple[str | None, str]:
    """Return a template's text and name: a file of the suite's folder, or the text itself."""
    child = node.node(key)
    if child is None or child.value is None:
        return None, ""
    text = child.value
    if not isinstance(text, str):
        child.refuse(f"`{key}` must be a template file or a text, got {show(text)}")
        return None, child.where
    if "\n" in text or "{{" in text or "{%" in text or len(text) > _LONGEST_NAME or "\0" in text:
        return text, child.where
    path = Path(text) if child.where.startswith("--set") else folder / text
    if path.is_file():
        return read_text(path), str(path)
    if text.endswith(_TEMPLATE_ENDINGS):
        child.refuse(f"`{key}` names the template {str(path)!r}; no such file")
        return None, child.where
    return text, child.where
