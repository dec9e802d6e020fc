"""Each grader has a page with the fixed headings, all its options, and an example that is true."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from making import context

from evalkit.core.ports import GRADERS, grader_factory
from evalkit.core.records import Completion, OutputSpec, Sample, ToolCall
from evalkit.graders.grading import Grading
from evalkit.graders.parse import Parser
from evalkit.graders.scoring import GraderOptions

DOCS = Path(__file__).resolve().parents[2] / "docs" / "graders"
NAMES = [name for name in GRADERS if name != "rubric"]  # asks a judge: its examples need one
HEADINGS = ["What it does", "Why", "Options", "Example", "What it refuses", "References"]
ANSWER_KEYS = {"text", "tool_calls", "refusal"}
EXPECTED_KEYS = {"score", "rung", "failure", "details"}


def page_of(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def examples(name: str, language: str) -> list[str]:
    """The blocks of one language under a page's example."""
    section = page_of(name).split("## Example\n")[1].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


ANSWERS = [
    pytest.param(name, example, answer, id=f"{name}-{number}-{place}")
    for name in NAMES
    for number, example in enumerate(map(yaml.safe_load, examples(name, "yaml")))
    for place, answer in enumerate(example["answers"])
]


@pytest.mark.parametrize("name", GRADERS)
def test_a_graders_page_has_the_headings_and_all_options(name):
    """An option that the page forgets, or invents, fails here."""
    page = page_of(name)
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == HEADINGS
    module = importlib.import_module(f"evalkit.graders.{name}")
    kinds = (v for v in vars(module).values() if isinstance(v, type))
    options = next(k for k in kinds if issubclass(k, GraderOptions) and k is not GraderOptions)
    table = page.split("## Options")[1].split("## Example")[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert documented == {field.name for field in msgspec.structs.fields(options)}


@pytest.mark.parametrize("name", NAMES)
def test_a_graders_page_shows_what_is_right_and_what_is_not(name):
    """An example that only ever scores 1 explains nothing."""
    found = [yaml.safe_load(text) for text in examples(name, "yaml")]
    assert found
    for example in found:
        assert example.keys() == {"output", "graders", "sample", "answers"}
        assert list(example["graders"]) == [name]
    scores = {answer.get("score") for example in found for answer in example["answers"]}
    assert {0, 1} <= scores or name == "fields"


def graded(name: str, example: dict[str, Any], answer: dict[str, Any], folder: Path) -> Any:
    """The rung of an answer and its score, as a run of the example's suite would give them."""
    for code in examples(name, "python"):
        (folder / "graders.py").write_text(code, encoding="utf-8")
    output = msgspec.convert(example["output"], OutputSpec)
    made = grader_factory(name, name)(context(output, folder, **example["graders"][name]))
    columns = dict(example["sample"])
    has_target, target = "target" in columns, columns.pop("target", None)
    sample = Sample(id="s", columns=columns, target=target, has_target=has_target)
    assert made.check(sample) is None
    calls = tuple(msgspec.convert(call, ToolCall) for call in answer.get("tool_calls", ()))
    completion = Completion(
        text=answer.get("text", ""), refusal=answer.get("refusal"), tool_calls=calls
    )
    parsed = Parser(output).parse(completion)
    scores = Grading(output, [made], name).grade(sample, completion, parsed)
    return parsed.rung, scores[0] if scores else None


@pytest.mark.parametrize(("name", "example", "answer"), ANSWERS)
def test_the_example_of_a_page_scores_what_it_says(name, example, answer, tmp_path):
    """A score, a failure, or the rung of an answer for which the grader is not asked."""
    assert answer.keys() <= ANSWER_KEYS | EXPECTED_KEYS
    assert len(answer.keys() & {"score", "rung", "failure"}) == 1
    rung, score = graded(name, example, answer, tmp_path)
    if "rung" in answer:
        assert (rung, score) == (answer["rung"], None)
    elif "failure" in answer:
        assert score.failure == answer["failure"]
    else:
        assert score.value == pytest.approx(answer["score"], abs=0.0005)
        for key, value in answer.get("details", {}).items():
            number = isinstance(value, int | float)
            assert score.details[key] == (pytest.approx(value, abs=0.0005) if number else value)


@pytest.mark.parametrize("name", GRADERS)
def test_the_index_links_to_every_page(name):
    """And no page is an orphan."""
    assert f"[{name}]({name}.md)" in (DOCS / "README.md").read_text(encoding="utf-8")
