"""Labels in answers: the whole answer, or the only one named in prose.

This module does not know which label is right.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from evalkit.graders.json_text import NotJson, read_json

_WRAPPING = " \t\r\n\f\v\"'“”‘’«»`*_.!"
_NEGATION = re.compile(
    r"(?:\b(?:not|no|never|neither|nor|without|rather than|instead of|nicht|kein|keine|weder|pas|"
    r"non|niet|geen|não|ni)|n['’]t)\s+(?:(?:a|an|the|be|ein|eine|un|une|uma?|een)\s+)?[\"'“*`]*\Z",
    re.IGNORECASE,
)
_SHORT = 2  # labels up to this length are words of ordinary prose ("a", "no", "B")


class LabelTable:
    """The labels of a suite, by their normalised form.

    Args:
        labels: As the suite writes them; that spelling is what an answer is read as.
    """

    def __init__(self, labels: Iterable[str]) -> None:
        self.labels = tuple(labels)
        self._canonical = {normalised_label(label): label for label in self.labels}
        longest_first = sorted(self.labels, key=len, reverse=True)
        alternatives = "|".join(re.escape(folded(label)) for label in longest_first)
        self._words = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)") if alternatives else None

    def canonical(self, text: object) -> str | None:
        """Return the suite's spelling of a label, None where it is none of them."""
        if not isinstance(text, str) or len(text) > 1000:
            return None
        return self._canonical.get(normalised_label(text))

    def exact(self, text: str) -> tuple[str | None, bool]:
        """Return the label that the whole text is, and whether the text is one JSON document.

        A label, in any case, may be wrapped in white space, quotes, emphasis or a full stop, or be
        a JSON string or the only value of a JSON object (where a schema forced one).
        """
        if text.lstrip()[:1] in ('"', "{"):
            try:
                value = read_json(text)
            except NotJson:
                return self.canonical(text), False
            if isinstance(value, dict) and len(value) == 1:
                value = next(iter(value.values()))
            return self.canonical(value), True
        return self.canonical(text), False

    def in_prose(self, text: str) -> tuple[str | None, str]:
        """Return the only label that a text names as a whole word, else None and why.

        The longest label wins where one is part of another; one of up to two characters that is
        not spelled in the suite's case does not count. One that is negated ("not refund") spoils
        the answer, whatever else it names: what is denied may be all that was decided.
        """
        if self._words is None:
            return None, "the suite has no labels"
        text = unicodedata.normalize("NFKC", text)
        lowered = text.casefold()
        same_length = len(lowered) == len(text)
        named = set()
        for match in self._words.finditer(lowered):
            label = self._canonical[normalised_label(match[0])]
            spelled = text[match.start() : match.end()] if same_length else ""
            if len(label) <= _SHORT and spelled != label:
                continue
            if _NEGATION.search(lowered[max(0, match.start() - 24) : match.start()]):
                return None, f"names {label!r} in the negative"
            named.add(label)
        if len(named) == 1:
            return named.pop(), ""
        return None, f"names {len(named)} labels" if named else "names none of the labels"


def normalised_label(text: str) -> str:
    """Return the form in which labels are compared: NFKC, case folded, unwrapped."""
    text = " ".join(folded(text).split())
    return text.strip(_WRAPPING) or text


def folded(text: str) -> str:
    """Return text in compatibility form and folded case."""
    return unicodedata.normalize("NFKC", text).casefold()
