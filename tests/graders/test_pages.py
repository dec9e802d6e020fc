"""Each grader has a page with the fixed headings that names every option."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import msgspec
import pytest

from evalkit.graders.scoring import GraderOptions

DOCS = Path(__file__).resolve().parents[2] / "docs" / "graders"
NAMES = [
    "exact",
    "label",
    "number",
    "text",
    "json_schema",
    "fields",
    "tool_calls",
    "abstain",
    "forbidden",
    "python",
]
HEADINGS = ["What it does", "Why", "Options", "Example", "What it refuses", "References"]


@pytest.mark.parametrize("name", NAMES)
def test_a_graders_page_has_the_headings_and_all_options(name):
    """An option that the page forgets, or invents, fails here."""
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == HEADINGS
    module = importlib.import_module(f"evalkit.graders.{name}")
    kinds = (v for v in vars(module).values() if isinstance(v, type))
    options = next(k for k in kinds if issubclass(k, GraderOptions) and k is not GraderOptions)
    table = page.split("## Options")[1].split("## Example")[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert documented == {field.name for field in msgspec.structs.fields(options)}


@pytest.mark.parametrize("name", NAMES)
def test_the_index_links_to_every_page(name):
    """And no page is an orphan."""
    assert f"[{name}]({name}.md)" in (DOCS / "README.md").read_text(encoding="utf-8")
