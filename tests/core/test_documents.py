"""Documents: every complaint names file and line, bombs are refused, no key is echoed."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.core.documents import Node, override, read_text, read_yaml, show
from evalkit.core.errors import ConfigError

KEY = "sk-live-abcdefghij0123456789"


@pytest.fixture
def read(tmp_path: Path):
    def read_it(text: str | bytes, **options: Any) -> Node:
        file = tmp_path / "f.yaml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_yaml(file, **options)

    return read_it


def problem_of(work: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        work()
    (problem,) = caught.value.problems
    assert "\n" not in problem
    return re.sub(r"^/\S*/", "", problem)


# ------------------------------------------------------------------- what YAML gives


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "a"),
        ("1", 1),
        ("1.5", 1.5),
        ("1e-3", 0.001),  # a text in YAML 1.1
        ('"1e-3"', "1e-3"),
        ("yes", True),
        ('"yes"', "yes"),
        ("~", None),
        ("2026-11-01", "2026-11-01"),
        ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00+00:00"),
        ("2026-02-31", "2026-02-31"),
        ("=", "="),
        ('!!int ""', ""),
        ("!!timestamp x", "x"),
        ("[1, {b: c}]", [1, {"b": "c"}]),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_values_have_the_type_that_a_reader_expects(read, text: str, expected: Any) -> None:
    """Dates stay texts; a tag that does not fit is no crash."""
    assert read(f"k: {text}").value == {"k": expected}


def test_a_merge_key_brings_what_its_anchor_holds(read) -> None:
    """What stands in the mapping itself wins, and keeps its own line."""
    node = read("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n")
    assert node.value["b"] == {"x": 1, "y": 3}
    assert node.mapping("b").children["y"].where.endswith(":4")


def test_a_byte_order_mark_is_no_part_of_the_text(read) -> None:
    """Editors of Windows write one."""
    assert read(b"\xef\xbb\xbfa: 1").value == {"a": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a: 1\nb: \xff", "f.yaml:2: it is not UTF-8 (byte 0xff)"),
        (b"a: 1\n\0", "f.yaml:2: it is a binary file, not text"),
        ("a: ä".encode("utf-16"), "f.yaml:1: it is UTF-16 text; save it as UTF-8"),
        (b"a: b\nc: \x07", "f.yaml:2: not valid YAML: character U+0007 is not allowed"),
        (b"a: [1\n", "f.yaml:2: not valid YAML: did not find expected ',' or ']'"),
        (b"a: 1\na: 2", "f.yaml:2: key 'a' stands twice"),
        (b"b:\n  c: 1\n  c: 1", "f.yaml:3: key 'c' stands twice"),
        (b"? [a]\n: b", "f.yaml:1: a key must be a text, got a sequence"),
        (b"~: b", "f.yaml:1: a key must be a text, got a scalar"),
        (b"- a", "f.yaml:1: it must be a mapping, got ['a']"),
        (b"", "f.yaml:1: it must be a mapping, got nothing"),
        (b"<<: 1", "f.yaml:1: `<<` must name a mapping, got '1'"),
        (b"a: 1\n---\nb: 2", "f.yaml:2: not valid YAML: but found another document"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(read, text: bytes, expected: str) -> None:
    """One line each."""
    assert problem_of(lambda: read(text)).startswith(expected)


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:os.system [echo]", "!!python/name:os.system ''", "!x y", "!!set {b}"],
)
def test_a_foreign_tag_makes_no_object(read, tag: str) -> None:
    """YAML is data here, never code."""
    problem = problem_of(lambda: read(f"a: {tag}"))
    assert problem.startswith("f.yaml:1: ")
    assert "tag" in problem


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With the system's reason."""
    assert problem_of(lambda: read_text(tmp_path / "no.yaml")) == (
        "no.yaml: cannot be read: No such file or directory"
    )


# ------------------------------------------------------------------- bombs


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 15)),
        "a: &a [*a]",
        "a: &a {b: *a}",
        "[" * 200_000,
        "{a: " * 100_000,
        "- " * 100_000 + "x",
        "a: &a {x: 1}\n" + "b: [" + "*a," * 150_000 + "]",
    ],
    ids=[
        "laughs",
        "list in itself",
        "mapping in itself",
        "brackets",
        "braces",
        "dashes",
        "aliases",
    ],
)
def test_a_bomb_is_refused_at_once(read, text: str) -> None:
    """libyaml's own composer would end the process, or never end."""
    began = time.monotonic()
    problem = problem_of(lambda: read(text))
    assert "f.yaml:" in problem
    assert "nested deeper than" in problem or "holds more than" in problem
    assert time.monotonic() - began < 10


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """Ten megabytes are no configuration."""
    file = tmp_path / "f.yaml"
    with file.open("wb") as out:
        out.truncate(10_000_001)
    assert problem_of(lambda: read_text(file)) == "f.yaml: it is larger than 10,000,000 bytes"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.text("[]{}:,-&*!|>'\"#%@`~? \n\tabc012<=.", max_size=40).map(str.encode)
)
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    """Nothing but a ConfigError comes out."""
    file = tmp_path / "f.yaml"
    file.write_bytes(data)
    try:
        node = read_yaml(file, expand_env=True, roots=(dict, list))
    except ConfigError as error:
        problems = error.problems
    else:
        problems = ()
        assert isinstance(node.value, dict | list)
    assert all(p.startswith(f"{file}:") and "\n" not in p for p in problems)


# ------------------------------------------------------------------- taking keys


def test_an_unknown_key_is_answered_with_the_nearest(read) -> None:
    """`temprature` is what people write."""
    node = read("temprature: 1")
    node.take("temperature", float, None)
    node.refuse_unknown()
    assert problem_of(node.stop_on_problems) == (
        "f.yaml:1: unknown key 'temprature'; did you mean 'temperature'?"
    )


def test_an_unknown_key_without_a_neighbour_is_answered_with_all(read) -> None:
    """Sorted."""
    node = read("zzz: 1")
    node.take("b", int, None)
    node.take("a", int, None)
    node.refuse_unknown()
    assert problem_of(node.stop_on_problems) == "f.yaml:1: unknown key 'zzz'; known: a, b"


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("k: x", int, "`k` must be a whole number, got 'x'"),
        ("k: 1.5", int, "`k` must be a whole number, got 1.5"),
        ("k: true", int, "`k` must be a whole number, got True"),
        ("k: true", (int, float), "`k` must be a number, got True"),
        ("k: .nan", float, "`k` must be a number, got nan"),
        ("k: .inf", float, "`k` must be a number, got inf"),
        ("k: no", str, "`k` must be a text, got False; put it in quotes"),
        ("k: 1.10", str, "`k` must be a text, got 1.1; put it in quotes"),
        ("k: [a]", str, "`k` must be a text, got ['a']"),
        ("k: a", dict, "`k` must be a mapping, got 'a'"),
        ("j: a", str, "`k` is missing"),
    ],
)
def test_a_wrong_type_says_what_is_allowed(read, text: str, kind: Any, expected: str) -> None:
    """A truth value never passes for a number."""
    node = read(text)
    node.take("k", kind)
    assert problem_of(node.stop_on_problems) == f"f.yaml:1: {expected}"


def test_a_value_that_is_not_allowed_is_answered_with_those_that_are(read) -> None:
    """As they are written."""
    node = read("k: maybe")
    assert node.take("k", (str, bool), None, allowed=("yes", "no", True, False)) is None
    assert problem_of(node.stop_on_problems) == "f.yaml:1: `k` got 'maybe'; allowed: 'yes', 'no'"


def test_all_problems_of_a_document_are_kept(read) -> None:
    """The first three are shown, in the order of the checks."""
    node = read("a: x\nb: x\nc: x\nd: x")
    for key in "abcd":
        node.take(key, int, None)
    with pytest.raises(ConfigError) as caught:
        node.stop_on_problems()
    assert len(caught.value.problems) == 4
    assert str(caught.value).endswith("... and 1 more")


@pytest.mark.parametrize(
    ("text", "hint"),
    [("[yes, no]", "got True; put it in quotes"), ("[1]", "got 1; put it in quotes"),
     ("[[a]]", "got ['a']"), ("{a: b}", "got {'a': 'b'}")],
)  # fmt: skip
def test_labels_that_yaml_turns_into_something_else_get_a_hint(read, text: str, hint: str) -> None:
    """`labels: [yes, no]` is two booleans."""
    node = read(f"k: {text}")
    node.strings("k")
    assert problem_of(node.stop_on_problems) == f"f.yaml:1: `k` must be a list of texts, {hint}"


# ------------------------------------------------------------------- the environment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${EVALKIT_X:-http://h/v1}", "http://h/v1"),
        ("${EVALKIT_SET:-http://h/v1}", "here"),
        ("a-${EVALKIT_SET}-b", "a-here-b"),
        ("${EVALKIT_EMPTY:-x}", "x"),
        ("${EVALKIT_X}", ""),
        ("$EVALKIT_SET", "$EVALKIT_SET"),
    ],
)
def test_variables_are_put_in(read, monkeypatch, text: str, expected: str) -> None:
    """As a shell does it."""
    monkeypatch.setenv("EVALKIT_SET", "here")
    monkeypatch.setenv("EVALKIT_EMPTY", "")
    assert read(f"k: {text}", expand_env=True).value == {"k": expected}
    assert read(f"k: {text}").value == {"k": text}


def test_a_variable_may_hold_a_number(read) -> None:
    """Where a number is wanted."""
    node = read("a: ${EVALKIT_X:-8}\nb: ${EVALKIT_X:-0.5}\nc: ${EVALKIT_X:-8}", expand_env=True)
    assert node.take("a", int) == 8
    assert node.take("b", (int, float)) == 0.5
    assert node.take("c", str) == "8"
    node.stop_on_problems()


def test_a_wrong_value_is_shown_as_the_file_says_it(read, monkeypatch) -> None:
    """What the environment holds may be secret."""
    monkeypatch.setenv("EVALKIT_SET", "hunter2")
    node = read("a: ${EVALKIT_SET}", expand_env=True)
    node.take("a", int)
    assert problem_of(node.stop_on_problems).endswith("got '${EVALKIT_SET}'")


# ------------------------------------------------------------------- keys


@pytest.mark.parametrize(
    "text",
    [
        f"api_key: {KEY}",
        "api_key: hunter2",
        f"api_key_env: {KEY}",
        "api_key_env: abcdef0123456789abcdef0123456789",
        f"headers: {{Authorization: Bearer {KEY}}}",
        "headers: {X-Api-Key: hunter2}",
        "headers: {X-Custom: Bearer hunter2hunter2}",
        f"name: {KEY}",
        f"stop: [a, {KEY}]",
        f"a: {{b: [{{c: {KEY}}}]}}",
        f"base_url: https://h/v1?key={KEY}",
        "base_url: https://me:hunter2@h/v1",
        "sdk: {secret_access_key: hunter2}",
        f"api_key: ${{EVALKIT_X:-{KEY}}}",
    ],
)
@pytest.mark.parametrize("expand", [False, True])
def test_a_literal_key_is_refused_and_never_echoed(read, text: str, expand: bool) -> None:
    """Anywhere in a document, by its name or its form."""
    with pytest.raises(ConfigError) as caught:
        read(text, expand_env=expand)
    message = "\n".join([*caught.value.problems, str(caught.value)])
    assert "f.yaml:1: " in message
    for secret in (KEY, "hunter2", "abcdef0123456789"):
        assert secret not in message


@pytest.mark.parametrize(
    "text", [f"{KEY}: x", f"a: *{KEY}", f"a: !{KEY} x", f"a: '{KEY}", f"k: [{KEY}]"]
)
def test_a_key_in_a_broken_place_is_not_echoed_either(read, text: str) -> None:
    """The parser's own messages quote what they found."""

    def take() -> None:
        node = read(text)
        node.take("k", int, None)
        node.refuse_unknown()
        node.stop_on_problems()

    with pytest.raises(ConfigError) as caught:
        take()
    assert KEY not in str(caught.value)


def test_naming_a_key_is_allowed(read, monkeypatch) -> None:
    """In `api_key_env`, or as a variable in a header that carries one."""
    monkeypatch.setenv("GATEWAY_TOKEN", KEY)
    text = "api_key_env: OPENAI_API_KEY\nheaders: {Authorization: 'Bearer ${GATEWAY_TOKEN}'}"
    assert read(text, expand_env=True).value["headers"] == {"Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "GATEWAY_TOKEN", "AZURE_KEY"])
def test_a_key_is_not_put_where_it_would_be_shown(read, monkeypatch, name: str) -> None:
    """An address or a description stands in run.json."""
    monkeypatch.setenv(name, KEY)
    problem = problem_of(lambda: read(f"base_url: h/${{{name}}}", expand_env=True))
    assert problem == (
        f"f.yaml:1: `base_url` would show the key in {name}; name it in `api_key_env` instead"
    )


def test_a_value_that_looks_like_a_key_is_not_shown() -> None:
    """Wherever a message quotes it."""
    assert KEY not in show([KEY])
    assert show("x" * 100) == "'" + "x" * 58 + "…"


# ------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("b.c=1", {"a": 1, "b": {"c": 1}}),
        ("b.d.e=x", {"a": 1, "b": {"c": 0, "d": {"e": "x"}}}),
        ("b={d: 2}", {"a": 1, "b": {"d": 2}}),
        ("a=[1, two]", {"a": [1, "two"], "b": {"c": 0}}),
        ("a=", {"a": "", "b": {"c": 0}}),
        ("a=null", {"a": None, "b": {"c": 0}}),
        ("a=x=y", {"a": "x=y", "b": {"c": 0}}),
        ("a=2026-02-31", {"a": "2026-02-31", "b": {"c": 0}}),
        ("a={{ text }}", {"a": "{{ text }}", "b": {"c": 0}}),
        ("a=[not yaml", {"a": "[not yaml", "b": {"c": 0}}),
        ("a=1e-3", {"a": 0.001, "b": {"c": 0}}),
    ],
)
def test_a_setting_replaces_one_path(read, setting: str, expected: dict[str, Any]) -> None:
    """Values are YAML, and plain text where they are none."""
    node = read("a: 1\nb: {c: 0}")
    assert override(node, [setting]).value == expected
    assert node.value == {"a": 1, "b": {"c": 0}}


def test_settings_are_applied_in_order(read) -> None:
    """The last one wins."""
    assert override(read("a: 1"), ["a=2", "b.c=3", "a=4"]).value == {"a": 4, "b": {"c": 3}}


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("a", "--set 'a': it must be KEY=VALUE, for example params.seed=1"),
        ("=1", "--set '=1': it must be KEY=VALUE, for example params.seed=1"),
        ("a.b=1", "--set a.b: 'b' cannot be set in 1; it is no mapping"),
        ("a={x: 1, x: 2}", None),
    ],
)
def test_a_setting_that_cannot_be_applied_says_so(read, setting: str, expected: str | None) -> None:
    """On one line."""
    node = read("a: 1")
    if expected is None:
        assert override(node, [setting]).value == {"a": "{x: 1, x: 2}"}
    else:
        assert problem_of(lambda: override(node, [setting])) == expected


@pytest.mark.parametrize(
    "setting",
    ["api_key=hunter2", f"a={KEY}", f"params={{api_key: {KEY}}}", "params={api_key: hunter2}",
     f"a=[x, {KEY}]", "x.y.token=hunter2", f"api_key_env={KEY}", f"a={{{{ {KEY} }}}}", KEY],
)  # fmt: skip
def test_a_setting_holds_no_key(read, setting: str) -> None:
    """Nor is it echoed."""
    with pytest.raises(ConfigError) as caught:
        override(read("a: 1"), [setting])
    assert KEY not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@settings(max_examples=100)
@given(st.text(max_size=30))
def test_any_setting_is_applied_or_refused(text: str) -> None:
    """Nothing but a ConfigError comes out."""
    try:
        override(Node({}, "f:1", {}, []), [text])
    except ConfigError:
        return
