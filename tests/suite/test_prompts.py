"""Prompts: a sandbox, with variables that are known to be there before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.core.errors import ConfigError
from evalkit.core.records import OutputSpec, Sample
from evalkit.suite.loader import load_suite
from evalkit.suite.prompts import Prompts, PromptSpec, answer_text


def prompts(user: str, system: str | None = None, **options: Any) -> Prompts:
    spec = PromptSpec(system=system, user=user, system_name="sys.j2", user_name="user.j2")
    return Prompts(spec, options.pop("output", OutputSpec()), **options)


def text_of(user: str, **columns: Any) -> str:
    return prompts(user).render(columns)[-1].content


def test_a_sample_becomes_messages() -> None:
    """System, examples as turns, user."""
    shots = [Sample(id="x", columns={"q": "1+1"}, target="2")]
    made = prompts("Q: {{ q }}", "Be {{ tone }}.", examples=shots)
    assert [(m.role, m.content) for m in made.render({"q": "2+2", "tone": "short"})] == [
        ("system", "Be short."),
        ("user", "Q: 1+1"),
        ("assistant", "2"),
        ("user", "Q: 2+2"),
    ]


@pytest.mark.parametrize(
    ("target", "form", "expected"),
    [
        ("Lyon", "text", "Lyon"),
        (7, "text", "7"),
        ({"b": 1, "a": "ä"}, "json", '{"b":1,"a":"ä"}'),
        ("Lyon", "json", '"Lyon"'),
        ([], "tool_calls", "[]"),
    ],
)
def test_an_example_shows_what_a_perfect_answer_is(target: Any, form: Any, expected: str) -> None:
    """JSON keeps the order of its keys."""
    assert expected == answer_text(target, OutputSpec(format=form))


def test_text_is_not_escaped() -> None:
    """A prompt is no web page, and a column's own braces are text."""
    assert text_of("{{ t }}", t="<b> & {{ t }}") == "<b> & {{ t }}"


# ------------------------------------------------------------------- missing variables


@pytest.mark.parametrize(
    ("user", "missing"),
    [
        ("{{ nmae }}", "'nmae' is undefined"),
        ("{{ text }} {{ customer.nmae }}", "has no attribute 'nmae'"),
        ("{% for r in rows %}{{ r.nmae }}{% endfor %}", "has no attribute 'nmae'"),
        ("{% if lang == 'de' %}{{ nmae }}{% endif %}", "'nmae' is undefined"),
    ],
)
def test_a_missing_variable_is_found_before_anything_is_sent(make, user: str, missing: str) -> None:
    """Also where only some rows need it, and inside of columns; with the row's line."""
    rows = [
        {"id": "a", "text": "x", "lang": "en", "customer": {"nmae": 1}, "rows": [], "target": ""},
        {"id": "b", "text": "x", "lang": "de", "customer": {"name": 1}, "rows": [{}], "target": ""},
    ]
    folder = make(rows=rows, prompt={"user": user})
    with pytest.raises(ConfigError) as caught:
        load_suite(folder)
    problem = caught.value.problems[-1]
    assert problem.startswith(f"{folder}/samples.jsonl:2: template variable: ")
    assert missing in problem
    assert "the sample has 'id', 'text', 'lang'" in problem


def test_a_variable_that_a_row_does_not_need_may_be_missing(make) -> None:
    """An optional column, asked for with `is defined`."""
    folder = make(prompt={"user": "{{ text }}{% if hint is defined %}{{ hint }}{% endif %}"})
    assert len(load_suite(folder).samples) == 2


def test_the_target_is_never_visible(make) -> None:
    """The answer would stand in the question."""
    with pytest.raises(ConfigError, match="'target' is undefined"):
        load_suite(make(prompt={"user": "{{ text }} {{ target }}"}))
    with pytest.raises(ConfigError, match="'answer' is undefined"):
        load_suite(
            make(
                rows=[{"id": 1, "answer": "x"}],
                data={"path": "samples.jsonl", "id": "id", "target": "answer"},
                prompt={"user": "{{ answer }}"},
            )
        )


# ------------------------------------------------------------------- syntax


def test_a_syntax_error_has_the_line_of_its_file(make) -> None:
    """Line 3 of the template."""
    folder = make(files={"p.md.j2": "a\nb\n{{ text \n"}, prompt={"user": "p.md.j2"})
    with pytest.raises(ConfigError) as caught:
        load_suite(folder)
    assert str(caught.value).startswith(f"{folder}/p.md.j2:3: template: ")


def test_a_syntax_error_of_inline_text_has_both_lines(make) -> None:
    """Where it stands in suite.yaml, and its line in the text."""
    head = "data: {path: samples.jsonl}\ngraders: {exact: {}}\n"
    text = f"{head}prompt:\n  user: |\n    a\n    {{% if %}}\n"
    folder = make(files={"suite.yaml": text})
    with pytest.raises(ConfigError) as caught:
        load_suite(folder)
    assert str(caught.value).startswith(f"{folder}/suite.yaml:4: template line 2: ")


def test_an_unknown_filter_is_a_syntax_error() -> None:
    """Found when the template is read."""
    with pytest.raises(ConfigError, match=r"user\.j2:1: template: No filter named 'uper'"):
        prompts("{{ t | uper }}")


# ------------------------------------------------------------------- the sandbox


@pytest.mark.parametrize(
    "user",
    [
        "{{ text.__class__ }}",
        "{{ text.__class__.__mro__ }}",
        "{{ ''.__class__.__subclasses__() }}",
        "{{ (text | attr('__class__')).__mro__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ '{0.__class__.__mro__}'.format(text) }}",
        "{{ text.format_map.__self__.__class__ }}",
        "{{ rows.append(1) }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ range(1000000000) | list }}",
        "{{ 1 / 0 }}",
        "{{ 'x' + 1 }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ open('/etc/passwd') }}",
    ],
)
def test_a_template_reaches_nothing_but_columns(make, user: str) -> None:
    """Refused when the suite is loaded, in one line."""
    folder = make(rows=[{"id": 1, "text": "x", "rows": [], "target": ""}], prompt={"user": user})
    with pytest.raises(ConfigError) as caught:
        load_suite(folder)
    (problem,) = caught.value.problems
    assert "\n" not in problem
    assert "template" in problem


# ------------------------------------------------------------------- which file


@pytest.mark.parametrize("name", ["p.md.j2", "p.jinja2", "p.txt", "p.prompt", "p"])
def test_a_name_of_a_file_is_a_file(make, name: str) -> None:
    """By its ending, or because it is there."""
    suite = load_suite(make(files={name: "From file: {{ text }}"}, prompt={"user": name}))
    assert suite.messages(suite.samples[0])[-1].content == "From file: one"


@pytest.mark.parametrize("text", ["Summarise {{ text }}.md", "Say it", "a\nb.txt", "x" * 300])
def test_a_text_is_a_text(make, text: str) -> None:
    """Even one that ends like a file."""
    suite = load_suite(make(rows=[{"id": 1, "text": "x", "target": ""}], prompt={"user": text}))
    assert suite.messages(suite.samples[0])[-1].content == text.replace("{{ text }}", "x")


# ------------------------------------------------------------------- examples


def shots(count: int) -> str:
    return "".join(f'{{"text": "s{n}", "target": "t{n}"}}\n' for n in range(count))


def test_examples_are_drawn_by_seed(make) -> None:
    """The same for every sample, in the order of the file."""

    def drawn(seed: int) -> list[str]:
        example = {"path": "shots.jsonl", "k": 3, "seed": seed}
        prompt = {"user": "{{ text }}", "examples": example}
        suite = load_suite(make(files={"shots.jsonl": shots(20)}, prompt=prompt))
        one, two = ([m.content for m in suite.messages(s)[:-1]] for s in suite.samples)
        assert one == two
        return one

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)
    numbers = [int(text[1:]) for text in drawn(0)[::2]]
    assert numbers == sorted(numbers)


def test_more_examples_than_there_are_is_refused(make) -> None:
    """Never silently fewer."""
    prompt = {"user": "{{ text }}", "examples": {"path": "shots.jsonl", "k": 5}}
    folder = make(files={"shots.jsonl": shots(2)}, prompt=prompt)
    with pytest.raises(ConfigError, match=r"`examples` asks for k=5, the file holds 2"):
        load_suite(folder)


def test_no_examples_can_be_asked_for(make) -> None:
    """`k: 0` is the zero-shot arm of a comparison."""
    prompt = {"user": "{{ text }}", "examples": {"path": "shots.jsonl", "k": 0}}
    suite = load_suite(make(files={"shots.jsonl": shots(2)}, prompt=prompt))
    assert len(suite.messages(suite.samples[0])) == 1


def test_an_example_that_is_scored_is_refused(make) -> None:
    """Its answer would stand in the prompt."""
    prompt = {"user": "{{ text }}", "examples": {"path": "samples.jsonl", "k": 1}}
    with pytest.raises(ConfigError, match="this example is also scored"):
        load_suite(make(prompt=prompt))


# ------------------------------------------------------------------- hashes


def test_the_hash_is_of_contents_never_of_paths(make, tmp_path: Path) -> None:
    """A suite that is moved or whose template is renamed asks the same."""
    one = load_suite(make(files={"p.md.j2": "{{ text }}"}, prompt={"user": "p.md.j2"}))
    folder = make(prompt={"user": "{{ text }}"}, description="other words")
    other = load_suite(folder.rename(tmp_path / "moved"))
    assert one.hash == other.hash


@pytest.mark.parametrize(
    "keys",
    [
        {"rows": [{"id": "a", "text": "other", "target": "1"}]},
        {"prompt": {"user": "Tell {{ text }}"}},
        {"prompt": {"user": "Say {{ text }}", "system": "s"}},
        {"output": {"format": "json"}},
        {"output": {"format": "text", "max_attempts": 2}},
        {"params": {"temperature": 0}},
        {"graders": {"exact": {"case": False}}},
        {"pass_at": 0.5},
        {"data": {"path": "samples.jsonl", "id": "id", "target": "target", "slices": ["lang"]}},
    ],
    ids=str,
)
def test_the_hash_sees_whatever_is_asked_or_graded(make, keys: dict[str, Any]) -> None:
    """Two runs with different hashes are not comparable."""
    before = load_suite(make()).hash
    assert before != load_suite(make(**keys)).hash
