"""Fields of a text by candidate spans: what extraction costs without a language model.

For each leaf of the schema the training rows decide: where its values stand in the texts, a
logistic regression picks the best span among the candidates; where they do not (an enum, a
currency), one classifies the text. A list of objects is read line by line. It does not reason:
a value that must be computed (a date "in 14 days") is out of its reach.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from evalkit.core.errors import ConfigError
from evalkit.providers.spans import Candidate, Document, Kind

if TYPE_CHECKING:
    import numpy as np

HASHED = 2**18
WRONG_PER_TEXT = 40  # wrong candidates a text gives to training; all are ranked afterwards
ALIGNED_SHARE = 0.5  # of a leaf's values found in their texts: a span leaf from here on
_DATE = r"\d{4}-\d{2}-\d{2}"


class Sheet:
    """A text with its candidates, found and hashed once for all leaves."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.document = Document(text)
        self._rows: dict[Kind, tuple[list[Candidate], Any]] = {}

    def rows(self, kind: Kind) -> tuple[list[Candidate], Any]:
        """Return the candidates of one kind and their features, shape (candidates, HASHED)."""
        if kind not in self._rows:
            candidates = self.document.candidates(kind)
            features = self.document.features(kind, candidates)
            self._rows[kind] = (candidates, _hashed(features) if candidates else None)
        return self._rows[kind]


class Example(NamedTuple):
    """One training text with the value that its target holds (None for null or absent)."""

    sheet: Sheet
    value: Any


class Extractor(Protocol):
    """Reads one value out of a text."""

    def predict(self, sheet: Sheet) -> Any:
        """Return the value, or None where the text gives none."""
        ...


class Constant:
    """The same value for every text: what training rows without a choice teach."""

    def __init__(self, value: object) -> None:
        self.value = value

    def predict(self, sheet: Sheet) -> Any:
        """Return the constant."""
        return self.value


class TextClass:
    """One of the values seen in training, by the words of the text."""

    def __init__(self, examples: Sequence[Example]) -> None:
        from evalkit.providers.text_features import LinearClassifier, TfIdf

        self.values = list(dict.fromkeys(_hashable(e.value) for e in examples))
        self.features = TfIdf()
        matrix = self.features.fit([e.sheet.text for e in examples])
        rows = [self.values.index(_hashable(e.value)) for e in examples]
        self.model = LinearClassifier(matrix, rows)

    def predict(self, sheet: Sheet) -> Any:
        """Return the most probable value."""
        row = self.features.transform([sheet.text])
        return self.values[self.model.predict(row)[0]]


class BestSpan:
    """The most probable candidate, or None below a threshold learnt on held-out halves."""

    def __init__(self, kind: Kind, examples: Sequence[Example]) -> None:
        self.kind = kind
        self.threshold = -math.inf
        rows = [_Rows(kind, example) for example in examples]
        if any(example.value is None for example in examples):
            self.threshold = _threshold(rows)
        self.model = _fit(rows)

    def predict(self, sheet: Sheet) -> Any:
        """Return the best candidate's value, or None."""
        candidates, matrix = sheet.rows(self.kind)
        if not candidates:
            return None
        scores = self.model.scores(matrix)
        best = int(scores.argmax())
        return candidates[best].value if scores[best] >= self.threshold else None


class ObjectFields:
    """An object: one extractor for each property of its schema."""

    def __init__(self, schema: dict[str, Any], examples: Sequence[Example]) -> None:
        self.required = set(schema.get("required", ()))
        self.extractors: dict[str, Extractor] = {}
        self.fallbacks: dict[str, Any] = {}
        self.schemas = {k: resolve(v, schema) for k, v in schema.get("properties", {}).items()}
        for name, leaf in self.schemas.items():
            own = [Example(e.sheet, (e.value or {}).get(name)) for e in examples]
            self.extractors[name] = extractor(leaf, own)
            self.fallbacks[name] = _fallback(leaf, own)

    def predict(self, sheet: Sheet) -> dict[str, Any]:
        """Return the object; a required property without a find gets its commonest value."""
        answer = {}
        for name, leaf in self.schemas.items():
            value = _typed(self.extractors[name].predict(sheet), leaf)
            if value is None and not _allows_null(leaf):
                if name not in self.required:
                    continue
                value = self.fallbacks[name]
            if value is not None or name in self.required:
                answer[name] = value
        return answer


class LineItems:
    """A list of objects, one line of the text each; empty where training shows no such lines."""

    def __init__(self, schema: dict[str, Any], examples: Sequence[Example]) -> None:
        self.schema = schema
        lines: list[Example] = []
        for sheet, items in examples:
            lines += _aligned_lines(sheet, items or ())
        found = [line for line in lines if line.value is not None]
        self.items: ObjectFields | None = None
        if len(found) >= 5:
            self.items = ObjectFields(schema, found)
            self.model = _fit_lines(lines)

    def predict(self, sheet: Sheet) -> list[Any]:
        """Return one object for each line that looks like an item."""
        texts = sheet.document.line_texts()
        if self.items is None or not texts:
            return []
        scores = self.model.scores(_hashed(_line_features(texts)))
        chosen = [t for t, score in zip(texts, scores, strict=True) if score >= 0]
        return [self.items.predict(Sheet(text)) for text in chosen]


def extractor(schema: dict[str, Any], examples: Sequence[Example]) -> Extractor:
    """Return what reads one schema's value, decided by how training values stand in the texts."""
    schema = resolve(schema, schema)
    kinds = _types(schema)
    if "object" in kinds:
        return ObjectFields(schema, examples)
    if "array" in kinds:
        items = resolve(schema.get("items", {}), schema)
        return LineItems(items, examples) if "object" in _types(items) else Constant([])
    present = [e for e in examples if e.value is not None]
    if not present:
        return Constant(None)
    if "enum" not in schema and "boolean" not in kinds:
        kind = _kind(schema, present)
        if _aligned_share(kind, present) >= ALIGNED_SHARE:
            return BestSpan(kind, examples)
    if len({_hashable(e.value) for e in examples}) < 2:
        return Constant(present[0].value)
    return TextClass(examples)


def resolve(schema: object, root: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with a local `$ref` followed and a nullable `anyOf` opened.

    Raises:
        ConfigError: If the reference leads nowhere.
    """
    if not isinstance(schema, dict):
        return {}
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target: Any = root
        for part in reference.removeprefix("#/").split("/"):
            target = target.get(part) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            raise ConfigError(f"schema: `$ref` leads nowhere, got {reference!r}")
        return {**target, "$defs": root.get("$defs", {})}
    options = [s for s in schema.get("anyOf", ()) if s.get("type") != "null"]
    if len(options) == 1:
        inner = resolve(options[0], root)
        return {**inner, "type": [*_types(inner), "null"]}
    return {**schema, "$defs": schema.get("$defs", root.get("$defs", {}))}


class _Rows:
    """One training text as rows of a classifier: which candidates are right, if any is due."""

    def __init__(self, kind: Kind, example: Example) -> None:
        candidates, self.matrix = example.sheet.rows(kind)
        self.due = example.value is not None
        self.right = [self.due and _same(c.value, example.value) for c in candidates]

    def drawn(self, rng: np.random.Generator) -> list[int]:
        """Return the rows to train on: all that are right, some that are not."""
        right = [i for i, ok in enumerate(self.right) if ok]
        wrong = [i for i, ok in enumerate(self.right) if not ok]
        if len(wrong) > WRONG_PER_TEXT:
            wrong = rng.choice(wrong, WRONG_PER_TEXT, replace=False).tolist()
        return right + wrong


class _Linear(NamedTuple):
    """A fitted logistic regression: log-odds are `matrix @ weights + intercept`."""

    weights: np.ndarray
    intercept: float

    def scores(self, matrix: Any) -> np.ndarray:
        """Return the log-odds of each row; the library's own call costs 20 times as much."""
        return matrix @ self.weights + self.intercept  # type: ignore[no-any-return]


def _fit(rows: Sequence[_Rows]) -> _Linear:
    """Fit on all candidates of the texts that are right and some that are not."""
    import numpy as np
    from scipy.sparse import vstack

    rng = np.random.default_rng(0)
    start = 0
    chosen: list[int] = []
    for row in rows:
        chosen += [start + i for i in row.drawn(rng)]
        start += len(row.right)
    right = [r for row in rows for r in row.right]
    if not chosen:
        return _nothing()
    matrix = vstack([row.matrix for row in rows if row.right], format="csr")
    return _logistic(matrix[chosen], [right[i] for i in chosen])


def _logistic(matrix: Any, right: Sequence[bool]) -> _Linear:
    """Fit a logistic regression; where no row is right (or all are), it tells nothing apart."""
    if len(set(right)) < 2:
        return _nothing()
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(
        solver="liblinear", dual=True, C=3.0, tol=0.05, max_iter=1000, random_state=0
    )
    model.fit(matrix, right)
    return _Linear(model.coef_[0], float(model.intercept_[0]))


def _nothing() -> _Linear:
    import numpy as np

    return _Linear(np.zeros(HASHED), 0.0)


def _hashed(features: list[list[str]]) -> Any:
    from sklearn.feature_extraction import FeatureHasher

    hasher = FeatureHasher(HASHED, input_type="string", alternate_sign=False)
    return hasher.transform(features)


def _threshold(rows: Sequence[_Rows]) -> float:
    """Return the score below which None is right more often, from two halves crossed."""
    outcomes: list[tuple[float, bool, bool]] = []
    for fold in (0, 1):
        model = _fit([row for i, row in enumerate(rows) if i % 2 != fold])
        for row in rows[fold::2]:
            if not row.right:
                continue
            scores = model.scores(row.matrix)
            best = int(scores.argmax())
            outcomes.append((float(scores[best]), row.right[best], row.due))
    return _best_threshold(outcomes)


def _best_threshold(outcomes: Sequence[tuple[float, bool, bool]]) -> float:
    """Return the score from which answering is right more often than staying silent.

    Args:
        outcomes: For each text the best score, whether its candidate is right, whether a value
            is due.
    """
    right = best_right = sum(not due for _, _, due in outcomes)  # silent everywhere
    threshold = math.inf
    for score, ok, due in sorted(outcomes, reverse=True):
        right += int(ok) - int(not due)
        if right >= best_right:
            best_right, threshold = right, score
    return threshold


def _kind(schema: dict[str, Any], present: Sequence[Example]) -> Kind:
    if {"number", "integer"} & set(_types(schema)):
        return "amount"
    iso = [isinstance(e.value, str) and re.fullmatch(_DATE, e.value) for e in present]
    return "date" if all(iso) else "text"


def _aligned_share(kind: Kind, present: Sequence[Example]) -> float:
    found = [any(_same(c.value, e.value) for c in e.sheet.rows(kind)[0]) for e in present]
    return sum(found) / len(found)


def _aligned_lines(sheet: Sheet, items: Sequence[Any]) -> list[Example]:
    """Return each line with the item that it states, None for the others."""
    lines = []
    for text in sheet.document.line_texts():
        line = Sheet(text)
        lines.append(Example(line, next((i for i in items if _states(line, i)), None)))
    return lines


def _states(line: Sheet, item: object) -> bool:
    """Return whether a line holds an item: each of its texts and most of its numbers."""
    if not isinstance(item, dict):
        return False
    numbers = [c.value for c in line.document.candidates("amount")]
    flat = _flat(line.text)
    scalars = [v for v in item.values() if v is not None and not isinstance(v, (dict, list))]
    found = [_flat(v) in flat if isinstance(v, str) else v in numbers for v in scalars]
    texts = [ok for v, ok in zip(scalars, found, strict=True) if isinstance(v, str)]
    return bool(found) and all(texts) and sum(found) * 2 > len(found)


def _fit_lines(lines: Sequence[Example]) -> _Linear:
    features = _line_features([line.sheet.text for line in lines])
    return _logistic(_hashed(features), [line.value is not None for line in lines])


def _line_features(texts: Sequence[str]) -> list[list[str]]:
    rows = []
    for text in texts:
        line = Document(text)
        numbers = line.candidates("amount")
        words = [w for w in line.words if w.isalpha()]
        row = [f"w={w}" for w in words]
        row += [f"s={s}" for s in line.shapes]
        row += [f"first={line.shapes[0]}" if line.shapes else "", f"numbers={min(len(numbers), 5)}"]
        row += [f"words={min(len(words), 8)}", f"cents={text.rstrip(' €|')[-3:-2]}"]
        rows.append(row)
    return rows


def _typed(value: object, schema: dict[str, Any]) -> Any:
    """Return a value in the schema's type: 3.0 as 3, and no fraction where an integer is due."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, float) and "integer" in _types(schema) and "number" not in _types(schema):
        return round(value)
    return value


def _fallback(schema: dict[str, Any], examples: Sequence[Example]) -> Any:
    """Return what stands where a value is required and none was found: the commonest."""
    values = Counter(_hashable(e.value) for e in examples if e.value is not None)
    if values:
        return values.most_common(1)[0][0]
    empty: dict[str, Any] = {"string": "", "number": 0, "integer": 0, "boolean": False, "array": []}
    return next((empty[t] for t in _types(schema) if t in empty), None)


def _types(schema: dict[str, Any]) -> list[str]:
    types = schema.get("type")
    if isinstance(types, str):
        return [types]
    if isinstance(types, list):
        return types
    return ["object"] if "properties" in schema else []


def _allows_null(schema: dict[str, Any]) -> bool:
    return "null" in _types(schema) or None in schema.get("enum", ())


def _same(found: float | str, wanted: object) -> bool:
    if isinstance(found, float):
        return isinstance(wanted, (int, float)) and abs(found - wanted) < 1e-9
    return _flat(found) == _flat(wanted)


def _flat(value: object) -> str:
    return " ".join(str(value).casefold().split())


def _hashable(value: Any) -> Any:
    return str(value) if isinstance(value, (dict, list)) else value
