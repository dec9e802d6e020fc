"""Pages say what is there: links resolve, commands and keys exist, generated parts are fresh."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pages import PAGES, ROOT, blocks, name_of, prose

from evalkit.cli.main import COMMANDS
from evalkit.core.ports import ADAPTERS, GRADERS
from evalkit.core.schemas import NAMES, schema_of
from evalkit.providers.catalogue import load_catalogue

LINK = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")
DOCS = ROOT / "docs"
NOT_COMMANDS = {"has", "is", "from", "needs", "sends", "itself", "reads", "asks", "does", "on"}


def text_of(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_resolves(page: Path) -> None:
    """To a file or folder of the project, and to a heading where the link names one."""
    for target in LINK.findall(prose(page)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{name_of(page)}: {target}"
        if anchor:
            assert anchor in anchors(place), f"{name_of(page)}: {target}"


def test_generated_pages_are_fresh() -> None:
    """`python docs/generate.py` writes them."""
    generator = runpy.run_path(str(DOCS / "generate.py"))
    wanted: dict[Path, str] = generator["pages"]()
    assert len(wanted) >= 4
    stale = [name_of(p) for p, text in wanted.items() if p.read_text(encoding="utf-8") != text]
    assert stale == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_names_a_command_that_is_not_there(page: Path) -> None:
    """In code, `evalkit WORD` is a command that exists."""
    code = "\n".join(block.text for block in blocks(page) if block.language in ("bash", ""))
    code += "\n".join(re.findall(r"`(evalkit [^`]*)`", prose(page)))
    named = set(re.findall(r"(?:^|[\s/(])evalkit ([a-z]+)\b", code, re.MULTILINE))
    assert named - set(COMMANDS) - NOT_COMMANDS == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    """By a section of its own, and with every option that it takes."""
    page = text_of("docs/cli.md")
    assert f"\n## {command}\n" in page


@pytest.mark.parametrize("floor", ["core", "suite", "run", "stats", "analysis", "report"])
def test_the_picture_of_the_floors_names_every_module(floor: str) -> None:
    """A module that is not drawn is a room that nobody finds."""
    picture = blocks(DOCS / "architecture.md")[0].text
    folder = ROOT / "evalkit" / floor
    deep = "**/*.py" if floor == "analysis" else "*.py"
    modules = [p.stem for p in folder.glob(deep) if p.stem != "__init__"]
    assert modules
    assert [m for m in modules if not re.search(rf"\b{m}\b", picture)] == []


@pytest.mark.parametrize("wire", ADAPTERS)
def test_every_wire_has_a_section_with_an_example(wire: str) -> None:
    """Named in its heading, with an entry that can be copied."""
    page = text_of("docs/providers.md")
    section = re.search(rf"^### `{wire}`.*?(?=^### |^## )", page, re.DOTALL | re.MULTILINE)
    assert section is not None
    assert f"wire: {wire}\n" in section[0]


@pytest.mark.parametrize("grader", GRADERS)
def test_every_grader_has_a_page_and_a_line_in_the_index(grader: str) -> None:
    """The index links to the page."""
    assert (DOCS / "graders" / f"{grader}.md").is_file()
    assert f"[{grader}]({grader}.md)" in text_of("docs/graders/README.md")


def keys_of(node: Any) -> Iterator[str]:
    """Yield every key that a schema describes."""
    if isinstance(node, dict):
        for name, child in node.get("properties", {}).items():
            yield name
            yield from keys_of(child)
        for word in ("anyOf", "allOf"):
            for option in node.get(word, []):
                yield from keys_of(option)
        for word in ("items", "additionalProperties", "else"):
            yield from keys_of(node.get(word))
        for definition in node.get("$defs", {}).values():
            yield from keys_of(definition)


@pytest.mark.parametrize(
    ("schema", "page"),
    [
        ("suite", "docs/suites.md"),
        ("rubric", "docs/judges.md"),
        ("label", "docs/judges.md"),
        ("judge_card", "docs/judges.md"),
        ("providers", "docs/providers.md"),
        ("prices", "docs/providers.md"),
        ("recording", "docs/providers.md"),
        ("gate", "docs/gate.md"),
        ("baseline", "docs/gate.md"),
        ("business", "docs/economics.md"),
        ("policy", "docs/routing.md"),
        ("attempt", "docs/results.md"),
        ("trial", "docs/results.md"),
        ("run", "docs/results.md"),
        ("summary", "docs/results.md"),
    ],
)
def test_every_key_of_a_format_stands_on_its_page(schema: str, page: str) -> None:
    """Top to bottom: a key that the schema knows is a key that a reader finds."""
    text = text_of(page)
    missing = [k for k in keys_of(schema_of(schema)) if not re.search(rf"\b{re.escape(k)}\b", text)]
    assert missing == []


def test_the_readme_explains_every_column_of_the_table() -> None:
    """Each by the head that the terminal shows."""
    from evalkit.report.terminal import COLUMNS

    section = text_of("README.md").partition("## What the columns mean")[2].partition("\n## ")[0]
    heads = [re.split(r"[ \[]", column.head)[0] for column in COLUMNS]
    assert [head for head in heads if f"`{head}`" not in section] == []


def test_every_format_has_a_page() -> None:
    """The list above leaves none out."""
    marks = test_every_key_of_a_format_stands_on_its_page.pytestmark
    assert {case[0] for case in marks[0].args[1]} == set(NAMES)


def test_every_public_name_of_the_statistics_is_documented() -> None:
    """In the table of functions."""
    import evalkit.stats

    page = text_of("docs/statistics.md")
    assert [n for n in evalkit.stats.__all__ if not re.search(rf"\b{n}\b", page)] == []


def entries(page: str) -> Iterator[str]:
    """Yield the YAML blocks of a page that are providers, as a whole file each."""
    for block in blocks(ROOT / page):
        if block.language != "yaml" or "wire:" not in block.text:
            continue
        whole = block.text.startswith(("schema_version", "providers:"))
        yield block.text if whole else f"schema_version: 1\nproviders:\n{block.text}"


@pytest.mark.parametrize("page", ["README.md", "docs/providers.md", "docs/tutorial.md"])
def test_provider_entries_of_the_docs_load(page: str, tmp_path: Path) -> None:
    """What a reader copies is taken by the loader."""
    found = list(entries(page))
    assert found
    for number, text in enumerate(found):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text, encoding="utf-8")
        assert load_catalogue(file).providers


def test_the_first_suite_of_the_docs_satisfies_the_schema() -> None:
    """The smallest suite.yaml that the page shows."""
    import jsonschema

    first = next(b for b in blocks(DOCS / "suites.md") if b.language == "yaml")
    assert jsonschema.Draft202012Validator(schema_of("suite")).is_valid(yaml.safe_load(first.text))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_and_json_blocks_can_be_read(page: Path) -> None:
    """No example with a syntax error."""
    for block in blocks(page):
        if block.language == "python" and ">>>" not in block.text:
            compile(block.text, name_of(page), "exec")
        if block.language == "json":
            json.loads(block.text)


def test_the_docs_of_the_statistics_compute() -> None:
    """Their session is a doctest."""
    import doctest

    found = doctest.testfile(str(DOCS / "statistics.md"), module_relative=False)
    assert found.attempted > 0
    assert found.failed == 0


def test_pre_commit_runs_what_lint_runs() -> None:
    """ruff twice, mypy, import contracts; in the same environment."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    entries_run = [hook["entry"] for repo in config["repos"] for hook in repo["hooks"]]
    lint = text_of("Makefile").partition("\nlint:")[2].partition("\n\n")[0]
    for tool in ("ruff format", "ruff check", "mypy", "lint-imports"):
        assert any(tool in entry for entry in entries_run), tool
        assert tool in lint, tool
