"""Which trials come when and where: order, laziness, shards, merging, export and replay."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from project import PRICES, Project, lines, rows, score, trials
from server import Call, CountingServer, Reply, failing

from evalkit.core.errors import ConfigError
from evalkit.run.export import export_replay
from evalkit.run.folder import Run
from evalkit.run.merge import merge
from evalkit.run.plan import Selection, draw
from evalkit.suite.data import Samples
from evalkit.suite.loader import load_suite

TWO = {"small": {}, "large": {}}
BOTH = ("toy:small", "toy:large")


def heard(server: CountingServer) -> list[tuple[str, str]]:
    return [(call.model, call.sample_id) for call in server.calls]


# ------------------------------------------------------------------ order


def test_the_order_is_drawn_from_the_seed(project: Project, server: CountingServer) -> None:
    """The same seed asks in the same order, another one in another."""
    project.providers(limits={"concurrency": 1})
    project.suite(rows(20))
    orders = []
    for seed in (1, 1, 2):
        server.forget()
        project.start(seed=seed)
        orders.append(heard(server))
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])
    assert [f"s{n}" for n in range(20)] != [sample for _, sample in orders[0]]


def test_models_repeats_and_samples_are_mixed(project: Project, server: CountingServer) -> None:
    """No model has the first half of the hour to itself, no sample its repeats side by side."""
    project.providers(models=TWO, limits={"concurrency": 1})
    project.suite(rows(40))
    project.start(models=BOTH, repeats=2)
    order = heard(server)
    assert len(order) == 160
    assert {2} == set(Counter(order).values())
    first_half = Counter(model for model, _ in order[:80])
    assert 24 <= first_half["small"] <= 56
    changes = sum(one[0] != other[0] for one, other in pairwise(order))
    assert changes > 50


def test_samples_are_read_when_their_turn_comes(
    project: Project, server: CountingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 20,000 samples a run that stops after five has read a few dozen."""
    project.providers(models={"small": {"pricing": PRICES}}, limits={"concurrency": 1})
    project.suite(rows(20_000))
    read: list[int] = []
    real = Samples.__getitem__

    def counting(self: Samples, number: int) -> Any:
        read.append(number)
        return real(self, number)

    monkeypatch.setattr(Samples, "__getitem__", counting)
    closed = project.start(budget_usd=0.0031)
    assert len(server.calls) == 5
    assert closed.outlook.state == "incomplete"
    assert 5 <= len(read) < 100  # fifty of them for the estimate of the cost


def test_memory_does_not_grow_with_the_suite(project: Project) -> None:
    """600 samples of 20 KB (12 MB) pass through in a fraction of that."""
    folder = project.suite(rows(600, text="x" * 20_000), prompt={"user": "{{ text }}"})
    (folder / "rules.py").write_text("def answer(sample):\n    return 'yes'\n")
    project.providers(others={"rules": {"wire": "python", "models": {"mine": {}}}})
    project.start(models=("rules:mine",), limit=3)  # what is imported once is not counted
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    try:
        closed = project.start(models=("rules:mine",))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert closed.outlook.counts == {"ok": 600}
    assert peak - before < 3_000_000


# ------------------------------------------------------------------ limits and shards


def drawn(folder: Path, **selection: Any) -> list[str]:
    suite = load_suite(folder)
    return [suite.samples[number].id for number in draw(suite, Selection(**selection))]


def test_a_limit_takes_the_first_of_a_seeded_order(project: Project) -> None:
    """The same seed the same samples, a larger limit the smaller one's and more."""
    folder = project.suite(rows(50))
    ten = drawn(folder, limit=10, sample_seed=3)
    assert ten == drawn(folder, limit=10, sample_seed=3)
    assert ten == drawn(folder, limit=20, sample_seed=3)[:10]
    assert set(ten) != set(drawn(folder, limit=10, sample_seed=4))
    assert ten != [f"s{n}" for n in range(10)]
    assert len(drawn(folder, limit=70)) == 50


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("limit", [None, 30])
def test_shards_part_the_samples_without_gap_or_overlap(
    project: Project, count: int, limit: int | None
) -> None:
    """Every drawn sample is in exactly one shard, with a limit as well."""
    folder = project.suite(rows(60))
    parts = [drawn(folder, shard=(index, count), limit=limit) for index in range(count)]
    together = [sample for part in parts for sample in part]
    assert sorted(drawn(folder, limit=limit)) == sorted(together)
    assert all(parts)


def test_shards_may_be_counted_from_zero_or_from_one(project: Project) -> None:
    """1/2 and 2/2 are together what 0/2 and 1/2 are."""
    folder = project.suite(rows(30))
    from_one = [set(drawn(folder, shard=(index, 2))) for index in (1, 2)]
    from_zero = [set(drawn(folder, shard=(index, 2))) for index in (0, 1)]
    assert from_zero == from_one[::-1]


def test_a_shard_is_decided_by_the_sample_alone(project: Project) -> None:
    """More samples or another order move no sample to another shard."""
    few = set(drawn(project.suite(rows(20)), shard=(0, 2)))
    many = set(drawn(project.suite(list(reversed(rows(40)))), shard=(0, 2)))
    assert few == many & {f"s{n}" for n in range(20)}


# ------------------------------------------------------------------ merge


def shards(project: Project, count: int = 2, **changes: Any) -> list[Path]:
    given = {"models": BOTH, **changes}
    return [project.start(shard=(index, count), **given).folder for index in range(count)]


@pytest.fixture
def sharded(project: Project, server: CountingServer) -> Project:
    project.providers(models={name: {"pricing": PRICES} for name in TWO})
    project.suite(rows(12))
    server.script = lambda call: Reply("yes" if call.model == "large" else "no")
    return project


def test_merged_shards_are_the_run_that_one_machine_would_have_made(
    sharded: Project, server: CountingServer
) -> None:
    """The same trials with the same scores under one id; nothing is sent."""
    folders = shards(sharded)
    asked = len(server.calls)
    output = merge(folders, sharded.root / "results" / "whole")
    whole = sharded.start(models=BOTH)
    assert asked + 24 == len(server.calls)

    def table(folder: Path) -> dict[tuple[str, str], tuple[str, float | None]]:
        found = Run(folder).trials()
        return {(t.sample_id, t.arm): (t.status, score(t)) for t in found}

    assert table(whole.folder) == table(output)
    manifest = Run(output).manifest
    assert (manifest["run_id"], manifest["state"]) == ("whole", "complete")
    assert {"whole"} == {line["run_id"] for line in lines(output)}
    assert {12} == {arm["samples"] for arm in manifest["arms"]}
    assert pytest.approx(whole.manifest["spent_usd"]) == manifest["spent_usd"]
    assert [Run(f).run_id for f in folders] == [m["run_id"] for m in manifest["merged_from"]]


def test_attempts_are_merged_as_they_were_measured(sharded: Project) -> None:
    """Times, usage and raw answers are copied, not made anew."""
    folders = shards(sharded)
    output = merge(folders, sharded.root / "whole")

    def measured(folder: Path) -> list[str]:
        kept = [dict(line) for line in lines(folder) if line["event"] == "attempt"]
        for line in kept:
            del line["run_id"], line["chain"]
        return sorted(json.dumps(line, sort_keys=True) for line in kept)

    assert sorted(measured(folders[0]) + measured(folders[1])) == measured(output)


def test_a_merged_run_goes_on_without_asking_anything_again(
    sharded: Project, server: CountingServer
) -> None:
    """It holds all that its options ask for."""
    output = merge(shards(sharded), sharded.root / "whole")
    server.forget()
    assert sharded.go_on(output).outlook.state == "complete"
    assert len(server.calls) == 0


def test_a_missing_shard_is_asked_when_the_merged_run_goes_on(
    sharded: Project, server: CountingServer
) -> None:
    """Two of three shards: the third is what is missing."""
    folders = shards(sharded, count=3)
    output = merge(folders[:2], sharded.root / "whole")
    third = {t.sample_id for t in Run(folders[2]).trials()}
    server.forget()
    sharded.go_on(output)
    assert third == set(server.asked)
    assert len(list(Run(output).trials())) == 24


def test_shards_that_overlap_are_refused(sharded: Project) -> None:
    """A sample in both would count twice."""
    first = shards(sharded)[0]
    again = sharded.start(models=BOTH, shard=(0, 2)).folder
    with pytest.raises(ConfigError, match="shards must not overlap"):
        merge([first, again], sharded.root / "whole")
    assert not (sharded.root / "whole").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p.suite(rows(13)), "suite toy: hash"),
        (lambda p: p.suite(prompt={"user": "{{ id }}|!"}), "suite toy: hash"),
        (lambda p: p.suite(graders={"exact": {"ignore_case": True}}), "suite toy: graders"),
        (lambda p: p.providers(models={"small": {"params": {"seed": 1}}, "large": {}}), "params"),
    ],
    ids=["data", "prompt", "grader", "parameters"],
)
def test_shards_of_different_suites_are_refused(sharded: Project, change: Any, said: str) -> None:
    """What differs is named, with both values."""
    first = sharded.start(models=BOTH, shard=(0, 2)).folder
    change(sharded)
    second = sharded.start(models=BOTH, shard=(1, 2)).folder
    with pytest.raises(ConfigError) as caught:
        merge([first, second], sharded.root / "whole")
    assert any(said in problem for problem in caught.value.problems)


@pytest.mark.parametrize("other", [{"models": ("toy:small",)}, {"repeats": 2}, {"limit": 8}])
def test_shards_that_asked_for_something_else_are_refused(
    sharded: Project, other: dict[str, Any]
) -> None:
    """Other arms, repeats or limits make another run."""
    first = sharded.start(models=BOTH, shard=(0, 2)).folder
    second = sharded.start(**{"models": BOTH, "shard": (1, 2), **other}).folder
    with pytest.raises(ConfigError):
        merge([first, second], sharded.root / "whole")


def test_one_run_alone_and_an_existing_folder_are_refused(sharded: Project) -> None:
    """Nothing is overwritten."""
    folders = shards(sharded)
    with pytest.raises(ConfigError, match="at least two"):
        merge(folders[:1], sharded.root / "whole")
    with pytest.raises(ConfigError, match="exists already"):
        merge(folders, folders[0])


# ------------------------------------------------------------------ export and replay


def replay(project: Project, recording: Path, *models: str) -> Any:
    declared = {"wire": "replay", "path": str(recording)}
    project.providers(models=TWO, others={"log": declared})
    return project.start(models=models)


def test_a_replayed_run_has_the_scores_and_latencies_of_the_first(
    project: Project, server: CountingServer
) -> None:
    """Text, usage and service time come from the recording; nothing is sent."""
    project.suite(rows(6))
    server.script = lambda call: Reply("yes" if call.sample_id < "s3" else "no")
    first = project.start(repeats=2)
    path, count = export_replay(first.folder)
    assert count == 12
    server.forget()
    project.providers(others={"log": {"wire": "replay", "path": str(path)}})
    second = project.start(models=("log:small",), repeats=2)
    assert len(server.calls) == 0

    def facts(folder: Path) -> dict[Any, Any]:
        return {
            (t.sample_id, t.repeat): (
                t.status, score(t), t.text, t.attempts[0].service_ms, t.attempts[0].usage,
                t.attempts[0].model_returned,
            )
            for t in Run(folder).trials()
        }  # fmt: skip

    assert facts(first.folder) == facts(second.folder)
    assert all(t.recorded for t in Run(second.folder).trials())


def test_failures_are_exported_and_replayed_by_their_kind(
    project: Project, server: CountingServer
) -> None:
    """A timeout stays a timeout, a rejection a rejection, a refusal a refusal."""
    replies = {
        "s0": failing(429, retry_after="7200"),
        "s1": failing(400, "nothing of the kind"),
        "s2": Reply(drop=True),
        "s3": Reply("", finish_reason="content_filter"),
        "s4": Reply(raw=b'{"choices": [{"mess'),
    }
    project.suite(rows(5))
    server.script = lambda call: replies[call.sample_id]
    first = project.start()
    path, _ = export_replay(first.folder)
    project.providers(others={"log": {"wire": "replay", "path": str(path)}})
    second = project.start(models=("log:small",))

    def facts(folder: Path) -> dict[str, Any]:
        return {n: (t.status, t.attempts[-1].outcome) for n, t in trials(folder).items()}

    assert facts(first.folder) == facts(second.folder)
    assert {1} == {len(t.attempts) for t in trials(second.folder).values()}


def test_what_was_not_recorded_is_skipped_in_the_replay(
    project: Project, server: CountingServer
) -> None:
    """A sample that came later has no answer, and that is not a wrong one."""
    path, _ = export_replay(project.start().folder)
    project.suite(rows(6))
    project.providers(others={"log": {"wire": "replay", "path": str(path)}})
    found = trials(project.start(models=("log:small",)).folder)
    assert {"s4", "s5"} == {n for n, t in found.items() if t.status == "skipped"}
    assert sum(t.status == "ok" for t in found.values()) == 4


def test_the_answer_that_was_graded_is_the_one_that_is_exported(
    project: Project, server: CountingServer
) -> None:
    """Of a malformed answer and the one after it, the latter."""
    output = {"format": "json", "max_attempts": 2}
    project.suite(rows(1), output=output, graders={"json_schema": {}})
    server.script = lambda call: Reply("hm" if call.nth == 1 else "{}")
    path, count = export_replay(project.start().folder)
    assert count == 1
    assert json.loads(path.read_text())["text"] == "{}"


def test_arms_that_a_recording_could_not_tell_apart_are_refused(
    project: Project, server: CountingServer
) -> None:
    """`toy:small` and `more:small` would both be `small`."""
    more = {"wire": "openai_chat", "base_url": project.url, "models": {"small": {}}}
    project.providers(others={"more": more})
    closed = project.start(models=("toy:small", "more:small"))
    with pytest.raises(ConfigError, match="'toy:small' and 'more:small'"):
        export_replay(closed.folder)


def test_a_replay_may_be_exported_again_without_a_change(project: Project) -> None:
    """Recorded times stay those of the first run through any number of hands."""
    first, _ = export_replay(project.start().folder)
    closed = replay(project, first, "log:small")
    second, _ = export_replay(closed.folder)

    def sorted_lines(path: Path) -> list[dict[str, Any]]:
        found = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
        return sorted(found, key=lambda line: line["sample_id"])

    assert sorted_lines(first) == sorted_lines(second)


def test_a_run_keeps_its_repeats_apart(project: Project, server: CountingServer) -> None:
    """Each repeat is a trial of its own, numbered from 1."""
    project.suite(rows(3))

    def script(call: Call) -> Reply:
        return Reply("yes" if call.nth == 1 else "no")

    server.script = script
    closed = project.start(repeats=3)
    found = list(Run(closed.folder).trials())
    assert {(f"s{n}", k) for n in range(3) for k in (1, 2, 3)} == {
        (t.sample_id, t.repeat) for t in found
    }
    assert sum(score(t) == 1.0 for t in found) == 3


def test_a_retried_trial_is_exported_with_all_that_it_cost(
    project: Project, server: CountingServer
) -> None:
    """Tokens and time of the malformed first answer are in the recording as well."""
    project.suite(rows(2), output={"format": "json", "max_attempts": 3})
    replies = iter(["no json", '"yes"', '"yes"', '"yes"'])
    server.script = lambda call: Reply(next(replies))
    first = project.start(concurrency=1)
    path, _ = export_replay(first.folder)
    project.providers(others={"log": {"wire": "replay", "path": str(path)}})
    second = project.start(models=("log:small",))

    def spent(folder: Path) -> list[tuple[float, int]]:
        return [
            (
                round(sum(a.service_ms or 0 for a in t.attempts), 6),
                sum((a.usage.input or 0) for a in t.attempts if a.usage),
            )
            for t in trials(folder).values()
        ]

    assert sorted(spent(first.folder)) == sorted(spent(second.folder))
    assert [1, 1] == [len(t.attempts) for t in trials(second.folder).values()]


def test_a_malformed_recording_is_not_asked_again(project: Project) -> None:
    """It would say the same each time, and its cost would count as often."""
    line = {"sample_id": "s0", "model": "bot", "text": "no json", "cost_usd": 0.1, "service_ms": 9}
    path = project.root / "rec.jsonl"
    path.write_text(json.dumps(line) + "\n")
    project.suite(rows(1), output={"format": "json", "max_attempts": 3})
    project.providers(others={"log": {"wire": "replay", "path": str(path)}})
    (trial,) = trials(project.start(models=("log:bot",)).folder).values()
    assert (1, "malformed") == (len(trial.attempts), trial.status)


def test_a_limit_draws_the_same_samples_when_one_is_gone(project: Project) -> None:
    """The draw goes by ids: a resumed run asks for one new sample, not for all anew."""
    project.suite(rows(40))
    asked = {n for n, _ in ((t.sample_id, t) for t in Run(project.start(limit=10).folder).trials())}
    gone = sorted(asked)[0]
    project.suite([row for row in rows(40) if row["id"] != gone])
    again = {t.sample_id for t in Run(project.start(limit=10).folder).trials()}
    assert asked - {gone} < again
    assert 10 == len(again)
