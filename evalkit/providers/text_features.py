"""Texts as TF-IDF vectors, and linear classifiers over vectors of any origin.

Deterministic: the same rows give the same model. It does not know embeddings or fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

MANY = 50_000  # rows × classes: above it, descent by single rows is ten times faster


class TextVectors(Protocol):
    """Turns texts into the rows of a matrix, shape (texts, features)."""

    def fit(self, texts: Sequence[str]) -> Any:
        """Learn from training texts and return their matrix."""
        ...

    def transform(self, texts: Sequence[str]) -> Any:
        """Return the matrix of further texts."""
        ...


class TfIdf:
    """Words and word pairs, and character 2- to 5-grams within words, with sublinear counts."""

    def __init__(self) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import FeatureUnion

        shared = {"sublinear_tf": True, "strip_accents": "unicode"}
        words = TfidfVectorizer(ngram_range=(1, 2), **shared)
        letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **shared)
        self._union = FeatureUnion([("words", words), ("letters", letters)])

    def fit(self, texts: Sequence[str]) -> Any:  # noqa: D102
        return self._union.fit_transform(texts)

    def transform(self, texts: Sequence[str]) -> Any:  # noqa: D102
        return self._union.transform(texts)


class LinearClassifier:
    """Multinomial logistic regression; on many sparse rows and classes, one against the rest.

    Dense vectors (embeddings, on a unit scale) are penalised more than sparse ones.

    Args:
        matrix: Training rows, shape (n, features).
        classes: Class of each row, n values.
    """

    def __init__(self, matrix: Any, classes: Sequence[Any]) -> None:
        import numpy as np
        from scipy.sparse import issparse
        from sklearn.linear_model import LogisticRegression, SGDClassifier

        if not issparse(matrix):
            model = LogisticRegression(C=0.1, max_iter=1000, random_state=0)
        elif len(set(classes)) * len(classes) > MANY:
            model = SGDClassifier(loss="log_loss", alpha=1e-5, max_iter=20, random_state=0)
        else:
            model = LogisticRegression(C=10.0, max_iter=1000, random_state=0)
        model.fit(matrix, classes)
        self._classes = model.classes_.tolist()
        # One weight column a class, row by row in memory: the library's own `predict` copies
        # the whole matrix at each call.
        self._weights = np.ascontiguousarray(model.coef_.T)
        self._intercepts = model.intercept_

    def predict(self, matrix: Any) -> list[Any]:
        """Return the most probable class of each row."""
        scores = matrix @ self._weights + self._intercepts
        if scores.shape[1] == 1:
            return [self._classes[int(score > 0)] for score in scores[:, 0]]
        return [self._classes[i] for i in scores.argmax(axis=1)]
