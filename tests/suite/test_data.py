"""Rows: read lazily from any kind of file, each complaint with its line, never code."""

from __future__ import annotations

import csv
import io
import json
import pickle
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError
from evalkit.core.records import Sample, hash64
from evalkit.suite.data import DataSpec, Samples, open_table, read_samples
from evalkit.suite.loader import load_suite


@pytest.fixture
def table(tmp_path: Path):
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def samples_of(path: Path, **columns: Any) -> Samples:
    return Samples(DataSpec(path=path, **columns), open_table(path))


def problems_of(path: Path, **columns: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        samples_of(path, **columns)
    assert all("\n" not in problem for problem in caught.value.problems)
    return [problem.replace(f"{path.parent}/", "") for problem in caught.value.problems]


# ------------------------------------------------------------------- JSON lines


def test_rows_are_read_by_number_in_any_order(table) -> None:
    """Empty lines hold none; lines are counted as an editor does."""
    path = table("s.jsonl", '{"id": "a"}\n\n  \r\n{"id": "b"}\r\n{"id": "c"}')
    samples = samples_of(path, id="id")
    assert [samples[n].id for n in (2, 0, 1, 0)] == ["c", "a", "b", "a"]
    assert [sample.line for sample in samples] == [1, 4, 5]
    assert len(samples) == 3


def test_a_byte_order_mark_and_line_separators_are_no_trouble(table) -> None:
    """U+2028 ends no line of JSONL, U+0085 neither."""
    path = table("s.jsonl", '\ufeff{"id": "a", "text": "x\u2028y\x85z"}\n{"id": "b"}\n')
    samples = samples_of(path, id="id")
    assert samples[0].columns["text"] == "x\u2028y\x85z"
    assert [sample.id for sample in samples] == ["a", "b"]


def test_a_sample_of_a_megabyte_is_a_sample(table) -> None:
    """Long documents are what people evaluate."""
    text = "ä" * 500_000
    samples = samples_of(table("s.jsonl", json.dumps({"text": text}, ensure_ascii=False)))
    assert samples[0].columns["text"] == text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"[1]", "s.jsonl:2: a row must be a JSON object, got [1]"),
        (b"7", "s.jsonl:2: a row must be a JSON object, got 7"),
        (b"null", "s.jsonl:2: a row must be a JSON object, got None"),
        (b'{"id": }', "s.jsonl:2: the line is not JSON: "),
        (b'{"id": NaN}', "s.jsonl:2: the line is not JSON: "),
        (b'{"id": "\xff"}', "s.jsonl:2: the line is not UTF-8 (byte 0xff at column 9)"),
        (b'{"id": "\\ud800"}', "s.jsonl:2: the line is not JSON: "),
        (b"\x80\x04\0\0", "s.jsonl:2: it is binary data, not JSON"),
        (b"[" * 100_000, "s.jsonl:2: the line is not JSON: "),
        (b'{"text": "x"}', "s.jsonl:2: column 'id' is missing; the row has 'text'"),
        (b'{"id": null}', "s.jsonl:2: id 'id' must be a text or a whole number, got None"),
        (b'{"id": 1.5}', "s.jsonl:2: id 'id' must be a text or a whole number, got 1.5"),
        (b'{"id": true}', "s.jsonl:2: id 'id' must be a text or a whole number, got True"),
        (b'{"id": " "}', "s.jsonl:2: id 'id' must be a text or a whole number, got ' '"),
    ],
)
def test_a_bad_line_is_named(table, line: bytes, expected: str) -> None:
    """One clear line, before anything is sent."""
    (problem,) = problems_of(table("s.jsonl", b'{"id": "a"}\n' + line + b"\n"), id="id")
    assert problem.startswith(expected)


def test_utf16_is_named_as_such(table) -> None:
    """What some editors save as "Unicode"."""
    (problem,) = problems_of(table("s.jsonl", '{"id": "a"}\n'.encode("utf-16")))
    assert problem == "s.jsonl:1: it is UTF-16 text; save it as UTF-8"


def test_an_empty_suite_is_refused(table) -> None:
    """0 samples are never a pass."""
    assert problems_of(table("s.jsonl", "\n\n")) == [
        "s.jsonl: it holds no samples; at least one is needed"
    ]


def test_all_bad_rows_are_told_up_to_a_hundred(table) -> None:
    """A file of another kind does not fill the memory with complaints."""
    path = table("s.jsonl", '{"x": 1}\n' * 10_000)
    assert len(problems_of(path, id="id")) == 101


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.binary(max_size=60) | st.text('{}[]":,\\u 01einft\n', max_size=40).map(str.encode),
    st.sampled_from(["s.jsonl", "s.json", "s.csv", "s.parquet"]),
)
def test_any_bytes_are_rows_or_refused(table, data: bytes, name: str) -> None:
    """Nothing but a ConfigError comes out."""
    path = table(name, data)
    try:
        samples = list(samples_of(path))
    except ConfigError as error:
        samples = []
        assert error.problems  # noqa: PT017 - either way is fine, a crash is not
    assert all(isinstance(sample, Sample) for sample in samples)


# ------------------------------------------------------------------- ids


def test_a_repeated_id_names_both_lines(table) -> None:
    """Ints are texts: 1 and "1" are one id."""
    path = table("s.jsonl", '{"id": 1}\n{"id": "b"}\n{"id": "1"}\n{"id": "b"}\n')
    assert problems_of(path, id="id") == [
        "s.jsonl:3: id '1' is already used in line 1; ids must be unique",
        "s.jsonl:4: id 'b' is already used in line 2; ids must be unique",
    ]


def test_without_ids_the_input_is_the_id(table) -> None:
    """Stable: neither order, nor target, nor other rows change it."""
    one = samples_of(table("a.jsonl", '{"q": "x", "t": 1}\n{"q": "y", "t": 2}\n'), target="t")
    two = samples_of(table("b.jsonl", '{"t": 3, "q": "y"}\n'), target="t")
    assert one[1].id == two[0].id
    assert len({sample.id for sample in one}) == 2


def test_without_ids_a_repeated_input_is_refused_with_both_lines(table) -> None:
    """Two trials could not be told apart."""
    path = table("s.jsonl", '{"q": "x", "t": 1}\n{"q": "y", "t": 1}\n{"q": "x", "t": 2}\n')
    assert problems_of(path, target="t") == [
        "s.jsonl:3: it repeats the input of line 1; name an id column in `data.id`"
    ]


def test_equal_hashes_of_different_ids_are_no_repetition(table, monkeypatch) -> None:
    """64 bits can collide; the ids themselves decide."""
    monkeypatch.setattr("evalkit.suite.data.hash64", lambda text: 7)
    path = table("s.jsonl", '{"id": "a"}\n{"id": "b"}\n')
    assert len(samples_of(path, id="id")) == 2


def test_the_hash_of_an_id_is_the_same_everywhere() -> None:
    """Shards are split by it, on many machines."""
    assert hash64("inv-de-001") == 6065260900793262078


# ------------------------------------------------------------------- columns


def test_the_target_is_no_column_of_the_sample(table) -> None:
    """Templates and contestants see columns."""
    (sample,) = samples_of(table("s.jsonl", '{"q": "x", "t": 1}\n'), target="t")
    assert sample.columns == {"q": "x"}
    assert sample.target == 1
    assert sample.has_target


@pytest.mark.parametrize(
    ("value", "expected"),
    [("true", True), ("false", False), ("null", False), ('""', False), ('"yes"', True),
     ('"No"', False), ("1", True), ("0", False)],
)  # fmt: skip
def test_critical_is_true_or_false(table, value: str, expected: bool) -> None:
    """CSV knows only texts."""
    (sample,) = samples_of(table("s.jsonl", f'{{"c": {value}}}'), critical="c")
    assert expected == sample.critical


def test_a_critical_that_is_neither_is_refused(table) -> None:
    """A sample that must never regress is not guessed."""
    (problem,) = problems_of(table("s.jsonl", '{"c": "maybe"}'), critical="c")
    assert problem == "s.jsonl:1: column 'c' must be true or false, got 'maybe'"


@pytest.mark.parametrize(("value", "expected"), [("null", None), ('""', None), ("7", "7")])
def test_a_sample_without_a_cluster_stands_for_itself(
    table, value: str, expected: str | None
) -> None:
    """All that lack one are not one cluster."""
    (sample,) = samples_of(table("s.jsonl", f'{{"c": {value}}}'), cluster="c")
    assert expected == sample.cluster


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"sensitivity": "secret"}, "column 'sensitivity' got 'secret'; allowed: public, internal"),
        ({"require": {"region": ["eu"]}}, "column 'require': unknown demand 'region'; known: "),
        ({"require": {"regions": "eu"}}, "column 'require': `regions` must be a list of at least"),
        ({"require": [1]}, "column 'require' must be an object, got [1]"),
        ({"require": "{eu"}, "column 'require' must be a JSON object, got '{eu'"),
    ],
)
def test_a_samples_own_demand_must_be_understood(table, row: Any, expected: str) -> None:
    """Otherwise it would be sent where it must not go."""
    (problem,) = problems_of(table("s.jsonl", json.dumps(row)))
    assert problem.startswith(f"s.jsonl:1: {expected}")


def test_a_samples_own_demand_is_read_from_csv_too(table) -> None:
    """As JSON in its cell."""
    path = table("s.csv", 'q,sensitivity,require\nx,personal,"{""regions"": [""eu""]}"\ny,,\n')
    one, two = samples_of(path)
    assert (one.sensitivity, one.require) == ("personal", {"regions": ["eu"]})
    assert (two.sensitivity, two.require) == (None, None)


# ------------------------------------------------------------------- where


def test_where_keeps_only_rows_with_these_values(table) -> None:
    """By whole values; other rows are not even checked."""
    path = table("s.jsonl", '{"id": 1, "l": "de"}\n{"l": "fr"}\n{"id": 3, "l": "en"}\n')
    samples = samples_of(path, id="id", where={"l": ("de", "en")})
    assert [sample.id for sample in samples] == ["1", "3"]


def test_where_that_keeps_nothing_says_so(table) -> None:
    """A wrong value looks like an empty file otherwise."""
    path = table("s.jsonl", '{"l": "de"}\n{"l": "en"}\n')
    assert problems_of(path, where={"l": ("xx",)}) == [
        "s.jsonl: `where` keeps none of its 2 rows; at least one is needed"
    ]


# ------------------------------------------------------------------- csv


def test_csv_rows_know_their_lines(table) -> None:
    """Quoted newlines, U+2028, a BOM, and blank lines in between."""
    rows = [["id", "text"], ["a", "one\ntwo"], ["b", "x\u2028y, z"], ["c", 'say "hi"\r\nthere']]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    path = table("s.csv", "\ufeff" + out.getvalue().replace("b,", "\r\nb,"))
    samples = samples_of(path, id="id")
    assert [[s.id, s.columns["text"]] for s in samples] == rows[1:]
    assert [sample.line for sample in samples] == [2, 5, 6]


def test_tsv_is_csv_with_tabs(table) -> None:
    """By its ending."""
    (sample,) = samples_of(table("s.tsv", "id\ttext\na\tx,y\n"), id="id")
    assert sample.columns == {"id": "a", "text": "x,y"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,2\n3\n", "s.csv:3: the row has 1 cells, the header 2"),
        ('a,b\n"x\ny",2\n1,2,3\n', "s.csv:4: the row has 3 cells, the header 2"),
        ("a,a\n1,2\n", "s.csv:1: the header must name each column once, got ['a', 'a']"),
        ("", "s.csv:1: the header must name each column once, got None"),
        ("a,b\n", "s.csv: it holds no samples; at least one is needed"),
        ("a\n\0\n", "s.csv:2: it is a binary file, not text"),
        (b"a\n\xff\n", "s.csv:2: it is not UTF-8 (byte 0xff)"),
        ("a,b\n1,2".encode("utf-16"), "s.csv:1: it is UTF-16 text; save it as UTF-8"),
    ],
)
def test_bad_csv_is_named_with_its_line(table, content: str | bytes, expected: str) -> None:
    """The line of the file, not the number of the row."""
    assert problems_of(table("s.csv", content)) == [expected]


def test_a_bad_csv_sample_is_named_with_its_line(table) -> None:
    """After a quoted newline lines and rows differ."""
    path = table("s.csv", 'id,c\na,"x\ny"\nb,maybe\n')
    assert problems_of(path, id="id", critical="c")[1] == (
        "s.csv:4: column 'c' must be true or false, got 'maybe'"
    )


# ------------------------------------------------------------------- json, parquet


def test_a_json_list_is_read(table) -> None:
    """Rows are numbered, they stand in no line."""
    path = table("s.json", '\ufeff[{"id": 1}, {"id": 2}, {"id": 1}]')
    assert problems_of(path, id="id") == [
        "s.json: row 3: id '1' is already used in row 1; ids must be unique"
    ]
    assert len(samples_of(table("t.json", '[{"id": 1}]'), id="id")) == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"id": 1}', "s.json: it must be a list of objects, got {'id': 1}"),
        ('[{"id": 1}, 7]', "s.json: row 2: it must be an object, got 7"),
        ('[\n{"id": 1},\n]', "s.json:3: it is not JSON: "),
        ('[{"id": NaN}]', "s.json: it is not JSON: NaN is no JSON"),
        ('[{"id": "\\ud800"}]', "s.json: row 1: it holds half a character"),
        ("[" * 100_000, "s.json: it is not JSON: "),
        ("[]", "s.json: it holds no samples; at least one is needed"),
    ],
)
def test_bad_json_is_named(table, content: str, expected: str) -> None:
    """One clear line."""
    (problem,) = problems_of(table("s.json", content))
    assert problem.startswith(expected)


def test_parquet_is_read_with_its_types(table, tmp_path: Path) -> None:
    """Dates become ISO texts, lists stay lists."""
    import datetime as dt

    import pyarrow
    import pyarrow.parquet

    rows = pyarrow.table({"id": [1, 2], "tags": [["a"], []], "day": [dt.date(2026, 1, 2), None]})
    pyarrow.parquet.write_table(rows, tmp_path / "s.parquet")
    one, two = samples_of(tmp_path / "s.parquet", id="id")
    assert one.columns == {"id": 1, "tags": ["a"], "day": "2026-01-02"}
    assert two.columns == {"id": 2, "tags": [], "day": None}


def test_what_is_no_parquet_is_named(table) -> None:
    """Also a truncated one."""
    (problem,) = problems_of(table("s.parquet", b"PAR1" + b"x" * 20))
    assert problem.startswith("s.parquet: it is not Parquet: ")


# ------------------------------------------------------------------- what is not read


class Bomb:
    """Runs code when unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize("name", ["s.pkl", "s.pickle", "s.npy", "s.txt", "s", "s.jsonl", "s.json",
                                  "s.csv", "s.parquet"])  # fmt: skip
def test_pickled_data_is_never_loaded(table, name: str) -> None:
    """Not even where its name says otherwise."""
    (problem,) = problems_of(table(name, pickle.dumps([Bomb()])))
    assert problem.startswith(f"{name}")


def test_an_unknown_kind_is_answered_with_the_known_ones(table) -> None:
    """By the ending alone."""
    assert problems_of(table("s.xlsx", b"PK")) == [
        "s.xlsx: unknown kind of data file '.xlsx'; allowed: .jsonl, .json, .csv, .tsv, .parquet"
    ]


# ------------------------------------------------------------------- training rows


def test_training_rows_need_no_ids_or_slices(table) -> None:
    """They are never reported."""
    path = table("t.jsonl", '{"q": "x", "t": 1}\n{"q": "y", "t": 2, "id": "i"}\n')
    spec = DataSpec(path=path, id="id", target="t", slices=("lang",), cluster="doc", critical="c")
    rows = read_samples(open_table(path), spec, {})
    assert [row.target for row in rows] == [1, 2]
    assert rows[1].id == "i"


def test_training_rows_that_are_scored_are_refused(make) -> None:
    """By what the prompt shows of them, whatever their ids; with the line."""
    folder = make(
        files={"train.jsonl": '{"text": "new", "target": "1"}\n{"text": "two", "target": "2"}\n'},
        data={"path": "samples.jsonl", "train": "train.jsonl", "id": "id", "target": "target"},
    )
    with pytest.raises(ConfigError) as caught:
        load_suite(folder)
    assert caught.value.problems == (
        f"{folder}/train.jsonl:2: this training row is also scored; "
        "remove it from one of the files",
    )


def test_training_rows_can_be_a_part_of_the_same_file(make) -> None:
    """`train_where` names them; what is scored is left out of them."""
    rows = [{"id": i, "text": f"t{i}", "target": "x", "split": s} for i, s in enumerate("aabb")]
    keys = {"path": "samples.jsonl", "id": "id", "target": "target"}
    suite = load_suite(
        make(rows=rows, data={**keys, "where": {"split": "a"}, "train_where": {"split": ["b"]}})
    )
    assert [sample.id for sample in suite.samples] == ["0", "1"]
    assert [row.id for row in suite.train] == ["2", "3"]
    both = load_suite(
        make(rows=rows, data={**keys, "where": {"split": "a"}, "train_where": {"target": "x"}})
    )
    assert [row.id for row in both.train] == ["2", "3"]


# ------------------------------------------------------------------- size


def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    """Some bytes of each row are kept, whatever its length."""
    path = tmp_path / "big.jsonl"
    with path.open("w") as out:
        out.writelines(f'{{"id": {n}, "text": "{"x" * 1980}"}}\n' for n in range(20_000))
    tracemalloc.start()
    try:
        samples = samples_of(path, id="id")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert samples[19_999].id == "19999"
    assert peak < 3e6  # the texts alone are 40 MB


def test_a_hundred_thousand_rows_take_seconds(tmp_path: Path) -> None:
    """About 10 µs a row; the bound leaves room for a busy machine."""
    path = tmp_path / "big.jsonl"
    with path.open("w") as out:
        out.writelines(f'{{"id": {n}, "text": "some text"}}\n' for n in range(100_000))
    began = time.monotonic()
    assert len(samples_of(path, id="id")) == 100_000
    assert time.monotonic() - began < 20


def test_the_hash_is_of_the_bytes(table) -> None:
    """It stands in run.json and decides whether two runs asked the same."""
    import hashlib

    content = b'{"id": 1}\n{"id": 2}\n'
    samples = samples_of(table("s.jsonl", content), id="id")
    assert samples.sha256 == hashlib.sha256(content).hexdigest()
