"""`evalkit new canaries`: a small suite chosen from runs that were made here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from evalkit.run.folder import read_manifest
from evalkit.suite.loader import load_suite

SUITE = """
schema_version: 1
name: tickets
description: Tickets of a shop
licence: CC0-1.0
task: classification
sensitivity: internal
data:
  path: samples.jsonl   # 60 rows
  id: id
  target: target
  cluster: customer
  slices: [language]
  critical: critical
prompt: {user: prompt.md.j2}
output: {format: label, labels: [billing, delivery]}
params: {max_tokens: 10}
graders: {label: {}}
"""
SAMPLES = 60
RULES = """
def answer(sample):
    number = int(sample["id"][1:])
    return "delivery" if number % 6 == 5 else "billing"
"""

History = Callable[[int], Path]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def suite(here: Path) -> Path:
    """Sixty tickets of thirty customers."""
    folder = Path("suites/tickets")
    folder.mkdir(parents=True)
    rows = [
        {
            "id": f"t{n}", "text": f"ticket {n}", "target": "billing", "customer": f"c{n // 2}",
            "language": "de" if n % 3 == 0 else "en", "critical": n in (4, 31),
        }
        for n in range(SAMPLES)
    ]  # fmt: skip
    write_rows(folder / "samples.jsonl", rows)
    (folder / "suite.yaml").write_text(SUITE)
    (folder / "prompt.md.j2").write_text("Sort: {{ text }}\n")
    (folder / "rules.py").write_text(RULES)
    (folder / "README.md").write_text("# tickets\n")
    return folder


@pytest.fixture
def history(evalkit: Any, suite: Path) -> History:
    """Run a model that is wrong on each sixth sample, and in odd runs on every sixth of others."""

    def run(number: int) -> Path:
        lines = [
            {
                "sample_id": f"t{n}", "model": "bot",
                "text": "delivery" if n % 6 == 5 or (n % 6 == 1 and number % 2) else "billing",
            }
            for n in range(SAMPLES)
        ]  # fmt: skip
        write_rows(Path(f"r{number}.jsonl"), lines)
        governance = "governance: {allowed_sensitivity: special}"
        Path(f"p{number}.yaml").write_text(
            "schema_version: 1\nproviders:\n"
            f"  logs: {{wire: replay, path: r{number}.jsonl, {governance}}}\n"
            f"  rules: {{wire: python, {governance}, models: {{rules: {{}}}}}}\n"
        )
        models = ("--models", "logs:bot,rules:rules", "--providers", f"p{number}.yaml")
        said = evalkit("run", suite, *models, "--json")
        assert said.code == 0, said.err
        return Path(json.loads(said.out)["path"])

    return run


def chosen(evalkit: Any, *arguments: object) -> dict[str, Any]:
    said = evalkit("new", "canaries", *arguments, "--json")
    assert said.code == 0, said.err
    return dict(json.loads(said.out))


# ------------------------------------------------------------------- what comes out


def test_canaries_are_a_suite_that_passes_check_and_runs(evalkit: Any, history: History) -> None:
    """With the same prompt and graders, and a data sheet that says how they were chosen."""
    runs = [history(1), history(2)]
    said = evalkit("new", "canaries", *runs, "-k", "20")
    assert (said.code, said.out) == (0, "suites/tickets-canaries\n")
    assert "20 of 60 samples: 10 borderline, 10 stable pass" in said.err
    assert evalkit("check", "suites/tickets-canaries").code == 0
    few, all_ = load_suite(Path("suites/tickets-canaries")), load_suite(Path("suites/tickets"))
    assert few.name == "tickets-canaries"
    assert {name: few.hashes[name] for name in ("prompts", "graders")} == {
        name: all_.hashes[name] for name in ("prompts", "graders")
    }
    sheet = Path("suites/tickets-canaries/README.md").read_text()
    for said_there in (*(run.name for run in runs), "Not representative", "logs:bot, rules:rules"):
        assert said_there in sheet
    ran = evalkit("run", "suites/tickets-canaries", "--models", "rules:rules", "--json")
    assert json.loads(ran.out)["rows"][0]["n_asked"] == 20


def test_they_are_what_hung_in_the_balance_and_what_never_failed(
    evalkit: Any, history: History
) -> None:
    """With pass share and trials of each; critical samples and many customers among them."""
    document = chosen(evalkit, history(1), history(2), "-k", 20, "--arm", "logs:bot")
    by_role: dict[str, list[dict[str, Any]]] = {}
    for sample in document["samples"]:
        by_role.setdefault(sample["role"], []).append(sample)
    borderline = {int(s["sample_id"][1:]) % 6 for s in by_role["borderline"]}
    assert borderline == {1}
    assert {s["pass_share"] for s in by_role["borderline"]} == {0.5}
    assert {s["trials"] for s in by_role["stable pass"]} == {2}
    assert "t4" in {s["sample_id"] for s in by_role["stable pass"]}
    few = load_suite(Path(document["path"]))
    assert len({sample.cluster for sample in few.samples}) == 20
    stored = json.loads((Path(document["path"]) / "canaries.json").read_text())
    assert stored["samples"] == document["samples"]


def test_canaries_are_watched_by_drift(evalkit: Any, history: History) -> None:
    """What they are for."""
    folder = chosen(evalkit, history(1), history(2), "-k", 20)["path"]
    runs = []
    for _ in range(2):
        ran = evalkit("run", folder, "--models", "rules:rules", "--json")
        runs.append(json.loads(ran.out)["path"])
    said = evalkit("drift", *runs, "--fail-on", "drift")
    assert said.code == 0
    assert "tickets-canaries: rules:rules: 2 runs" in said.out


def test_a_seed_chooses_between_equals(evalkit: Any, history: History) -> None:
    """The same seed gives the same file."""
    run = history(2)
    ids = []
    for place, seed in (("a", 1), ("b", 1), ("c", 2)):
        document = chosen(evalkit, run, "-k", 10, "-o", f"suites/{place}", "--seed", seed)
        ids.append([sample["sample_id"] for sample in document["samples"]])
    assert ids[0] == ids[1] != ids[2]


def test_a_history_without_doubt_is_said(evalkit: Any, history: History) -> None:
    """One run of one arm has no borderline."""
    said = evalkit("new", "canaries", history(2), "-k", "20", "--arm", "logs:bot")
    assert said.code == 0
    assert (
        "warning: no sample hung in the balance: more repeats or runs would show such" in said.err
    )


def test_a_hub_data_set_becomes_a_file(evalkit: Any, here: Path, monkeypatch: Any) -> None:
    """Scored rows and training rows: the canaries need no hub."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(here / "cache"))
    datasets.disable_progress_bars()
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    (here / "set" / "data").mkdir(parents=True)
    for split, start in (("test", 0), ("train", 30)):
        rows = {
            "text": [f"text {start + n}" for n in range(30)],
            "label": [n % 2 for n in range(30)],
        }
        made = datasets.Dataset.from_dict(rows, features=features)
        made.to_parquet(here / "set" / "data" / f"{split}-00000-of-00001.parquet")
    folder = Path("suites/hub")
    folder.mkdir(parents=True)
    name = str(here / "set")
    (folder / "suite.yaml").write_text(
        "schema_version: 1\nname: hub\ndata:\n"
        f"  hub:\n    name: {name}\n    split: test\n  # the rest\n"
        f"  train: {{hub: {{name: {name}, split: train}}}}\n  target: label\n"
        "prompt: {user: '{{ text }}'}\noutput: {format: label, labels: ['no', 'yes']}\n"
        "graders: {label: {}}\n"
    )
    (folder / "rules.py").write_text("def answer(sample):\n    return 'yes'\n")
    ran = evalkit("run", folder, "--models", "rules:rules", "--json")
    document = chosen(evalkit, json.loads(ran.out)["path"], "-k", 8)
    text = (Path(document["path"]) / "suite.yaml").read_text()
    assert "hub:" not in text
    few = load_suite(Path(document["path"]))
    assert (len(few.samples), len(few.train)) == (8, 30)
    assert {sample.target for sample in few.train} == {"no", "yes"}


# ------------------------------------------------------------------- what is refused


def one_line(said: Any, *expected: str) -> None:
    assert (said.code, said.out) == (2, "")
    (line,) = said.err.splitlines()
    for part in expected:
        assert part in line


def test_data_that_changed_since_a_run_are_refused(evalkit: Any, history: History) -> None:
    """Its history is of other samples."""
    run = history(2)
    samples = Path("suites/tickets/samples.jsonl")
    samples.write_text(samples.read_text().replace("ticket 7", "ticket seven"))
    now = load_suite(Path("suites/tickets")).hashes["data"]
    before = read_manifest(run)["suites"][0]["hashes"]["data"]
    one_line(
        evalkit("new", "canaries", run, "-k", "5"),
        f"suites/tickets: its data changed since {run}, got {now[:12]}; allowed: ", before[:12],
    )  # fmt: skip
    assert not Path("suites/tickets-canaries").exists()


def test_a_prompt_that_changed_since_is_a_warning(evalkit: Any, history: History) -> None:
    """The samples are the same; what they did was done otherwise."""
    run = history(2)
    Path("suites/tickets/prompt.md.j2").write_text("Sort this: {{ text }}\n")
    said = evalkit("new", "canaries", run, "-k", "5")
    assert said.code == 0
    assert "warning: prompts changed since the newest run: its history may not hold" in said.err


def test_more_canaries_than_samples_are_refused(evalkit: Any, history: History) -> None:
    """With how many there are."""
    said = evalkit("new", "canaries", history(2), "-k", "61")
    one_line(said, "new canaries: -k: more than the samples with a past, got 61; allowed: 1 to 60")


def test_a_folder_that_is_there_is_refused(evalkit: Any, history: History) -> None:
    """Nothing in it is touched."""
    Path("suites/tickets-canaries").mkdir()
    said = evalkit("new", "canaries", history(2), "-k", "5")
    one_line(said, "suites/tickets-canaries: it exists already; allowed: a folder that is not")
    assert list(Path("suites/tickets-canaries").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-k", "0"], "argument -k: must be a whole number above 0, got '0'"),
        (["--arm", "logs:who"], "--arm: in none of these runs, got 'logs:who'; allowed: logs:bot"),
        (["--suite", "suites/other"], "suites/other: no suite.yaml in this folder"),
    ],
)
def test_wrong_options_are_one_line(
    evalkit: Any, history: History, arguments: list[str], expected: str
) -> None:
    """As everywhere."""
    one_line(evalkit("new", "canaries", history(2), *arguments), expected)


def test_a_run_given_twice_is_refused(evalkit: Any, history: History) -> None:
    """It would count double."""
    run = history(2)
    one_line(evalkit("new", "canaries", run, run), f"a run is given twice, got {run.name!r}")


def test_no_run_is_refused(evalkit: Any, suite: Path) -> None:
    """Nor is a folder that is none."""
    one_line(evalkit("new", "canaries", suite), f"{suite}: no run.json in this folder")


def test_a_suite_that_has_moved_is_named(evalkit: Any, history: History) -> None:
    """By --suite; without, the line says so."""
    run = history(2)
    Path("suites/tickets").rename("suites/moved")
    said = evalkit("new", "canaries", run, "-k", "5")
    one_line(said, "suites/tickets: the suite's folder is not there", "name it with --suite DIR")
    document = chosen(evalkit, run, "-k", "5", "--suite", "suites/moved")
    assert document["path"] == "suites/tickets-canaries"


def test_of_several_suites_one_is_named(evalkit: Any, history: History, suite: Path) -> None:
    """The line lists them."""
    history(2)
    other = Path("suites/other")
    other.mkdir()
    for file in suite.iterdir():
        (other / file.name).write_text(file.read_text().replace("name: tickets", "name: other"))
    said = evalkit("run", suite, other, "--models", "rules:rules", "--json")
    run = json.loads(said.out)["path"]
    one_line(
        evalkit("new", "canaries", run, "-k", "5"),
        "one suite is needed; name it with --suite DIR: suites/tickets, suites/other",
    )
    document = chosen(evalkit, run, "-k", "5", "--suite", "suites/other")
    assert document["suite"] == "other-canaries"
