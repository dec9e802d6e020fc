"""A small suite on disk that a test changes in one place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Make = Callable[..., Path]

ROWS = [
    {"id": "a", "text": "one", "target": "1", "lang": "de"},
    {"id": "b", "text": "two", "target": "2", "lang": "en"},
]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a suite's folder; keyword arguments replace whole top-level keys, None drops one."""

    def write(
        rows: list[dict[str, Any]] | None = None,
        files: dict[str, str | bytes] | None = None,
        **keys: Any,
    ) -> Path:
        folder = tmp_path / "s"
        folder.mkdir(exist_ok=True)
        said: dict[str, Any] = {
            "schema_version": 1,
            "name": "s",
            "data": {"path": "samples.jsonl", "id": "id", "target": "target"},
            "prompt": {"user": "Say {{ text }}"},
            "output": {"format": "text"},
            "graders": {"exact": {}},
            **keys,
        }
        lines = [json.dumps(row) for row in (ROWS if rows is None else rows)]
        (folder / "samples.jsonl").write_text("".join(f"{line}\n" for line in lines))
        for name, content in (files or {}).items():
            data = content.encode() if isinstance(content, str) else content
            (folder / name).write_bytes(data)
        if "suite.yaml" not in (files or {}):
            kept = {key: value for key, value in said.items() if value is not None}
            text = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)
            (folder / "suite.yaml").write_text(text)
        return folder

    return write
