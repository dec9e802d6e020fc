"""Hub data sets: read through `datasets`, and one clear line where they cannot be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalkit.core.errors import ConfigError
from evalkit.suite import hub
from evalkit.suite.loader import load_suite

datasets = pytest.importorskip("datasets")


@pytest.fixture
def offline(monkeypatch) -> None:
    """Nothing is resolved, whatever this machine can reach; afterwards all is as before."""
    from huggingface_hub import constants

    monkeypatch.setattr(hub, "_reachable", lambda address: False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def keys(**name: Any) -> dict[str, Any]:
    return {"data": {"hub": name, "target": "label"}, "prompt": {"user": "{{ text }}"}}


def test_a_hub_that_cannot_be_reached_gives_one_line(make, offline, capfd) -> None:
    """At once: nothing is retried, nothing else is printed."""
    folder = make(**keys(name="no-such-org/no-such-set-of-evalkit"))
    with pytest.raises(ConfigError) as caught:
        load_suite(folder)
    (problem,) = caught.value.problems
    assert problem.startswith(
        f"{folder}/suite.yaml: hub data set no-such-org/no-such-set-of-evalkit[test] "
        "cannot be fetched: "
    )
    assert problem.endswith("; a local copy can be named with --set data.path=FILE")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "error",
    [ConnectionError("no route"), ValueError("Bad split: test"), FileNotFoundError("gone\nmore"),
     KeyError("config"), RuntimeError("scripts are no longer supported"), OSError()],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_whatever_the_library_says_is_one_line(make, monkeypatch, offline, error) -> None:
    """Its own errors are of many kinds and many lines."""

    def load(*args: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(ConfigError) as caught:
        load_suite(make(**keys(name="org/set")))
    (problem,) = caught.value.problems
    assert "\n" not in problem
    assert "hub data set org/set[test] cannot be fetched: " in problem


def test_what_is_asked_for_is_what_suite_yaml_says(make, monkeypatch, offline) -> None:
    """Configuration, split and revision; class numbers become names, -1 is no label."""
    asked = []

    def load(*args: Any, **options: Any) -> Any:
        asked.append((args, options))
        features = datasets.Features(
            {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
        )
        rows = {"text": ["x", "y", "z"], "label": [1, 0, -1]}
        return datasets.Dataset.from_dict(rows, features=features)

    monkeypatch.setattr(datasets, "load_dataset", load)
    folder = make(**keys(name="org/set", config="c", split="validation", revision="abc"))
    suite = load_suite(folder)
    assert asked == [(("org/set", "c"), {"split": "validation", "revision": "abc"})]
    assert [sample.target for sample in suite.samples] == ["good", "bad", None]
    assert [sample.line for sample in suite.samples] == [1, 2, 3]


def test_a_local_data_set_is_read_by_its_folder(make, tmp_path: Path, offline, monkeypatch) -> None:
    """Made with `datasets`, loaded by `datasets`, labels by name, without any network."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
    )
    place = tmp_path / "set"
    (place / "data").mkdir(parents=True)
    for split, texts in (("test", ["x", "y"]), ("train", ["z"])):
        rows = {"text": texts, "label": [1, 0][: len(texts)]}
        made = datasets.Dataset.from_dict(rows, features=features)
        made.to_parquet(place / "data" / f"{split}-00000-of-00001.parquet")
    datasets.disable_progress_bars()
    name = {"name": str(place)}
    suite = load_suite(
        make(
            data={"hub": name, "train": {"hub": {**name, "split": "train"}}, "target": "label"},
            prompt={"user": "{{ text }}"},
        )
    )
    assert [(s.columns["text"], s.target) for s in suite.samples] == [("x", "good"), ("y", "bad")]
    assert [(s.columns["text"], s.target) for s in suite.train] == [("z", "good")]


def test_no_code_of_a_data_set_is_run(make, tmp_path: Path, offline) -> None:
    """A loading script beside the data is not executed."""
    place = tmp_path / "set"
    place.mkdir()
    (place / "set.py").write_text("raise SystemExit('code was run')\n")
    with pytest.raises(ConfigError, match="cannot be fetched"):
        load_suite(make(**keys(name=str(place))))
