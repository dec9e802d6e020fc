"""A suite written again with some of its samples: the same in all else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.core.errors import ConfigError
from evalkit.suite.loader import load_suite
from evalkit.suite.subset import write_subset

ROWS = [
    {"id": f"r{n}", "text": f"text {n}", "target": str(n), "fold": n % 3, "big": 2**60 + n}
    for n in range(9)
]
PARTS = ("prompts", "schema", "graders", "rubric", "code")


def written(source: Path, numbers: list[int], **files: str) -> Path:
    folder = source.parent / "few"
    write_subset(load_suite(source), numbers, folder, "few-ones", files)
    return folder


def test_the_chosen_samples_are_the_same_ones(make) -> None:
    """To the last digit, in the order that is wanted; all else has the same hash."""
    source = make(ROWS)
    few, all_ = load_suite(written(source, [1, 4, 8])), load_suite(source)
    assert few.name == "few-ones"
    assert list(few.samples) == [
        type(s)(**{**{f: getattr(all_.samples[n], f) for f in s.__struct_fields__}, "line": i})
        for i, (n, s) in enumerate(zip([1, 4, 8], few.samples, strict=True), 1)
    ]
    assert {p: few.hashes[p] for p in PARTS} == {p: all_.hashes[p] for p in PARTS}


def test_comments_and_layout_stay(make) -> None:
    """Only the name and the data are written anew."""
    text = (
        "# mine\nschema_version: 1\nname: s  # its name\ndata: {path: 'rows.jsonl', id: id}\n"
        'prompt:\n  user: "Say {{ text }}"   # how\noutput: {format: text}\ngraders: {exact: {}}\n'
    )
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    folder = written(make(files={"suite.yaml": text, "rows.jsonl": lines}), [0])
    assert (folder / "suite.yaml").read_text() == text.replace(
        "name: s ", "name: few-ones "
    ).replace("'rows.jsonl'", '"samples.jsonl"')
    assert not (folder / "rows.jsonl").exists()


def test_a_suite_without_a_name_gets_one(make) -> None:
    """In block style and in JSON."""
    assert load_suite(written(make(ROWS, name=None), [0])).name == "few-ones"


def test_a_suite_that_is_json_stays_json(make) -> None:
    """With and without a name."""
    document = {
        "schema_version": 1, "data": {"path": "samples.jsonl", "id": "id"},
        "prompt": {"user": "{{ text }}"}, "output": {"format": "text"}, "graders": {"exact": {}},
    }  # fmt: skip
    document["data"]["target"] = "target"
    source = make(ROWS, files={"suite.yaml": json.dumps(document, indent=1)})
    text = (written(source, [0]) / "suite.yaml").read_text()
    assert json.loads(text)["name"] == "few-ones"


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_data_of_another_kind_becomes_lines(make, ending: str) -> None:
    """With the same values."""
    rows = "id,text,target\na,one,1\nb,two,2\n"
    if ending == "json":
        rows = json.dumps([{"id": "a", "text": "one", "target": "1"}] * 1)
    source = make(
        files={f"rows.{ending}": rows},
        data={"path": f"rows.{ending}", "id": "id", "target": "target"},
    )
    folder = written(source, [0])
    assert [(s.id, s.target) for s in load_suite(folder).samples] == [("a", "1")]
    assert not (folder / f"rows.{ending}").exists()


def test_training_rows_of_the_same_file_come_along(make) -> None:
    """Told apart by their columns as before, and never scored."""
    data = {"path": "samples.jsonl", "id": "id", "target": "target", "where": {"fold": [0]},
            "train_where": {"fold": [1, 2]}}  # fmt: skip
    source = make(ROWS, data=data)
    few = load_suite(written(source, [1]))
    assert [sample.id for sample in few.samples] == ["r3"]
    assert [row.id for row in few.train] == [row.id for row in load_suite(source).train]


def test_what_lies_outside_the_folder_is_named_from_the_new_one(make) -> None:
    """Wherever that is."""
    source = make(ROWS)
    shared = source.parent / "shared"
    shared.mkdir()
    (shared / "prompt.md").write_text("Say {{ text }}")
    text = (source / "suite.yaml").read_text().replace("Say {{ text }}", "../shared/prompt.md")
    (source / "suite.yaml").write_text(text)
    folder = source.parent / "deep" / "er" / "few"
    write_subset(load_suite(source), [0], folder, "few-ones", {})
    assert load_suite(folder).hashes["prompts"] == load_suite(source).hashes["prompts"]
    assert "../../../shared/prompt.md" in (folder / "suite.yaml").read_text()


def test_what_the_suite_needs_is_copied_and_the_rest_is_not(make) -> None:
    """Code, schema and few-shot rows; no labels of people, no caches; the sheet is the origin's."""
    source = make(ROWS, files={"graders.py": "x", "README.md": "old", ".hidden": "", "s.txt": "s"})
    (source / "judge").mkdir()
    (source / "judge" / "labels.jsonl").write_text("")
    folder = written(source, [0], **{"README.md": "new"})
    assert sorted(path.name for path in folder.iterdir()) == [
        "ORIGIN.md", "README.md", "graders.py", "s.txt", "samples.jsonl", "suite.yaml",
    ]  # fmt: skip
    assert ((folder / "ORIGIN.md").read_text(), (folder / "README.md").read_text()) == (
        "old", "new",
    )  # fmt: skip


def test_a_folder_that_is_there_is_not_touched(make) -> None:
    """Nor one that cannot be made."""
    source = make(ROWS)
    (source.parent / "few").mkdir()
    with pytest.raises(ConfigError, match="few: it exists already; allowed: a folder that is not"):
        written(source, [0])
    (source.parent / "file").write_text("")
    with pytest.raises(ConfigError, match="it cannot be written: Not a directory"):
        write_subset(load_suite(source), [0], source.parent / "file" / "few", "few-ones", {})


def test_a_suite_that_cannot_be_changed_in_place_leaves_nothing_behind(make) -> None:
    """Its data come from a setting alone: suite.yaml has no place for them."""
    text = (
        "schema_version: 1\nname: s\nprompt: {user: '{{ text }}'}\noutput: {format: text}\n"
        "graders: {exact: {}}\n"
    )
    source = make(ROWS, files={"suite.yaml": text})
    settings = [f"data.path={source / 'samples.jsonl'}", "data.id=id", "data.target=target"]
    suite = load_suite(source, settings=settings)
    folder = source.parent / "few"
    with pytest.raises(ConfigError, match=r"its copy cannot be read: .*; nothing was written"):
        write_subset(suite, [0], folder, "few-ones", {})
    assert not folder.exists()
