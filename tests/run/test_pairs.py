"""Two arms' outputs compared by a judge: both orders, ties, flips, what is not read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from judging import judge_calls, judged_suite, judging, shown
from project import PRICES, Project, rows
from server import Call, CountingServer, Reply, failing

from evalkit import api
from evalkit.cli.main import main
from evalkit.core.errors import ConfigError
from evalkit.report.judge_table import preference_table
from evalkit.report.terminal import Style
from evalkit.run.folder import Run
from evalkit.run.pair_inputs import PairOptions
from evalkit.run.pair_plan import plan_pairs
from evalkit.run.pairs import panel_preference


def better(word: str) -> str:
    return json.dumps({"reason": "because", "better": word})


def answering(call: Call) -> str:
    """`small` answers briefly, `other` at length, `third` like `other`."""
    return {"small": "yes", "other": "yes, it is so"}.get(call.model, "yes, it is so")


def prefers_longer(call: Call) -> str:
    first, second = shown(call)["first"], shown(call)["second"]
    if len(first) == len(second):
        return better("tie")
    return better("first" if len(first) > len(second) else "second")


def run_of(project: Project, server: CountingServer, *models: str, count: int = 4) -> Path:
    """A run of a suite without judges, by several models."""
    project.suite(rows(count))
    project.providers(models={"small": {}, "other": {}, "third": {}, "judge": {}, "twin": {}})
    server.script = judging("", model=answering)
    closed = project.start(models=tuple(f"toy:{name}" for name in models or ("small", "other")))
    server.forget()
    return closed.folder


def compared(folder: Path, **options: Any) -> dict[str, Any]:
    figures, _ = api.compare_by_judge(
        [folder], PairOptions(**{"judges": ("toy:judge",), **options})
    )
    return figures


def test_a_judge_is_asked_in_both_orders_and_never_told_who_wrote_what(
    project: Project, server: CountingServer
) -> None:
    """Every pair twice, with the outputs changed over, behind fences."""
    folder = run_of(project, server, count=1)
    server.script = judging(prefers_longer)
    compared(folder)
    one, two = (shown(call) for call in judge_calls(server))
    assert one["first"] == two["second"] != two["first"]
    assert one["task"] == "s0|question 0"
    for call in judge_calls(server):
        assert "toy:" not in json.dumps(call.body["messages"])


def test_wins_count_from_the_first_arm_with_an_interval(
    project: Project, server: CountingServer
) -> None:
    """The longer output always wins here."""
    folder = run_of(project, server)
    server.script = judging(prefers_longer)
    (pair,) = compared(folder)["pairs"]
    assert (pair["first"], pair["second"]) == ("toy:small", "toy:other")
    assert (pair["wins"], pair["losses"], pair["ties"], pair["flip_rate"]) == (0, 4, 0, 0.0)
    assert pair["win_rate"]["value"] == 0.0
    assert 0.3 < pair["win_rate"]["high"] < 0.6
    assert pair["mean_length"] == [3.0, 13.0]


def test_a_verdict_that_follows_the_place_is_a_tie_and_a_flip(
    project: Project, server: CountingServer
) -> None:
    """`first` in both orders names both outputs: neither is better, and the rate says it."""
    folder = run_of(project, server)
    server.script = judging(better("first"))
    figures = compared(folder)
    (pair,) = figures["pairs"]
    assert (pair["wins"], pair["losses"], pair["ties"]) == (0, 0, 4)
    assert (pair["flip_rate"], pair["first_place_rate"]) == (1.0, 1.0)
    assert any("this judge judges the place" in note for note in figures["notes"])


def test_a_verdict_that_is_not_read_is_left_out_and_counted(
    project: Project, server: CountingServer
) -> None:
    """Not a tie, not a loss; bounded tries in each order."""
    folder = run_of(project, server)
    server.script = judging(
        lambda call: "hm" if "s0|" in shown(call)["task"] else prefers_longer(call)
    )
    (pair,) = compared(folder)["pairs"]
    assert (pair["n"], pair["n_unparsed"], pair["losses"], pair["ties"]) == (3, 1, 3, 0)
    assert len([c for c in judge_calls(server) if "s0|" in shown(c)["task"]]) == 6


def test_what_needs_no_judge_is_not_asked(project: Project, server: CountingServer) -> None:
    """Equal texts are a tie, an unusable output loses to a usable one."""
    project.suite(rows(2))
    project.providers(models={"small": {}, "other": {}, "judge": {}})
    server.script = judging(
        "", model=lambda call: "" if call.sample_id == "s1" and call.model == "other" else "yes"
    )
    folder = project.start(models=("toy:small", "toy:other")).folder
    server.forget()
    (pair,) = compared(folder)["pairs"]
    assert (pair["wins"], pair["ties"], pair["by_form"], pair["equal_texts"]) == (1, 1, 1, 1)
    assert server.calls == []


def test_an_outage_of_one_arm_leaves_the_sample_out(
    project: Project, server: CountingServer
) -> None:
    """No answer is no loss."""
    project.suite(rows(3))
    project.providers(models={"small": {}, "other": {}, "judge": {}}, limits={"max_attempts": 1})
    server.script = judging(
        prefers_longer,
        model=lambda call: Reply(status=500, raw=b"{}")
        if (call.sample_id, call.model) == ("s0", "other") else answering(call),
    )  # fmt: skip
    folder = project.start(models=("toy:small", "toy:other")).folder
    (pair,) = compared(folder)["pairs"]
    assert (pair["n"], pair["n_left_out"]) == (2, 1)


def test_a_judge_that_was_asked_before_is_not_asked_again(
    project: Project, server: CountingServer
) -> None:
    """Comparisons have a journal of their own in the run's folder; the run's is untouched."""
    folder = run_of(project, server)
    before = (folder / "journal.jsonl").read_bytes()
    server.script = judging(prefers_longer)
    first = compared(folder)
    assert first["judge_calls"] == 8
    server.forget()
    assert compared(folder) == {**first, "judge_calls": 0}
    assert server.calls == []
    assert (folder / "journal.jsonl").read_bytes() == before


def test_a_spent_budget_stops_and_the_same_command_goes_on(
    project: Project, server: CountingServer
) -> None:
    """What was paid for is kept."""
    folder = run_of(project, server, count=6)
    project.providers(models={"small": {}, "other": {}, "judge": {"pricing": PRICES}},
                      limits={"concurrency": 1})  # fmt: skip
    server.script = judging(lambda call: Reply(prefers_longer(call), usage=(1000, 100)))
    figures = compared(folder, budget_usd=0.07)
    assert "budget" in figures["stopped"]
    asked = len(judge_calls(server))
    assert 0 < asked < 12
    again = compared(folder)
    assert again["stopped"] is None
    assert len(judge_calls(server)) <= 12 + 1  # one may have been under way
    assert again["pairs"][0]["losses"] == 6


def test_three_arms_are_ranked_with_intervals(project: Project, server: CountingServer) -> None:
    """Bradley-Terry; the arm that never wins is last, and the ridge is said."""
    folder = run_of(project, server, "small", "other", "third")
    server.script = judging(prefers_longer)
    figures = compared(folder)
    assert len(figures["pairs"]) == 3
    ranking = figures["ranking"]
    assert [row["arm"] for row in ranking["arms"]][-1] == "toy:small"
    assert ranking["method"] == "bradley-terry-ridge"
    assert sum(row["strength"] for row in ranking["arms"]) == pytest.approx(0, abs=1e-9)
    assert all(row["low"] <= row["strength"] <= row["high"] for row in ranking["arms"])


def test_a_rubric_of_the_suite_says_what_counts(project: Project, server: CountingServer) -> None:
    """Its questions stand in the judge's instructions, the musts first."""
    folder = run_of(project, server, count=1)
    judged_suite(project, 1)
    suite = project.root / "suites" / "toy"
    document = json.loads((suite / "suite.yaml").read_text())
    (suite / "suite.yaml").write_text(json.dumps({**document, "graders": {"exact": {}}}))
    server.script = judging(prefers_longer)
    compared(folder)
    system = judge_calls(server)[0].body["messages"][0]["content"]
    assert system.index("Is it right?") < system.index("Is it polite?")


def test_kin_is_flagged_and_refused_where_judges_must_be_independent(
    project: Project, server: CountingServer
) -> None:
    """A judge may be one of the compared models only where that is said."""
    folder = run_of(project, server)
    server.script = judging(prefers_longer, model=prefers_longer)
    figures = compared(folder, judges=("toy:small",))
    assert figures["kin"] == {"toy:small": {"toy:small": "it would judge itself"}}
    with pytest.raises(ConfigError, match="not independent of toy:small"):
        compared(folder, judges=("toy:small",), independent=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"arms": ("toy:small",)}, "1 arm to compare"),
        ({"arms": ("toy:small", "toy:nobody")}, "no arm 'toy:nobody'"),
        ({"suite": "other"}, "the runs share toy"),
        ({"judges": ("toy:nobody",)}, "judge 'toy:nobody'"),
    ],
)
def test_bad_wishes_get_one_clear_line(
    project: Project, server: CountingServer, options: dict[str, Any], said: str
) -> None:
    """Before anything is sent."""
    folder = run_of(project, server)
    with pytest.raises(ConfigError, match=said):
        compared(folder, **options)
    assert server.calls == []


def test_a_suite_that_was_edited_since_is_refused(project: Project, server: CountingServer) -> None:
    """The judge must see the task that the models saw."""
    folder = run_of(project, server)
    project.suite(rows(4), prompt={"user": "{{ id }}|Tell me: {{ question }}"})
    with pytest.raises(ConfigError, match=r"its prompts are not those that .* asked"):
        compared(folder)


@pytest.mark.parametrize(
    ("votes", "wanted"),
    [([1, 1, 0], 1.0), ([1, 0], 0.5), ([0.5, 0.5], 0.5), ([1, None], None), ([1, 1, None], 1.0),
     ([None], None), ([0.5, 1, 1, None], None), ([0.5, None], None), ([0, 0.5, 0.5], 0.5),
     ([1, 0.5, 0], 0.5), ([1, 0.5, 0.5], 0.5), ([0.5, 1, 1, 1, None], 1.0)],
)  # fmt: skip
def test_a_panel_prefers_what_most_of_it_prefers(
    votes: list[float | None], wanted: float | None
) -> None:
    """A lost vote leaves open what it could have changed."""
    assert panel_preference(votes) == wanted


def test_the_limit_draws_the_same_samples_each_time(
    project: Project, server: CountingServer
) -> None:
    """By the hash of the id."""
    folder = run_of(project, server, count=8)
    server.script = judging(prefers_longer)
    first = {c["sample_id"] for c in _lines(folder, compared(folder, limit=3))}
    again = {c["sample_id"] for c in _lines(folder, compared(folder, limit=3))}
    assert len(first) == 3
    assert first == again


def _lines(folder: Path, figures: dict[str, Any]) -> list[dict[str, Any]]:
    (place,) = folder.glob("pairs-*")
    return [json.loads(line) for line in (place / "preferences.jsonl").read_text().splitlines()]


def test_calls_are_compared_as_calls(project: Project, server: CountingServer) -> None:
    """Two arms that call functions say something, though their texts are empty."""
    tool = {"name": "book", "parameters": {"type": "object"}}
    project.suite(
        [{"id": "s0", "question": "q", "target": []}],
        output={"format": "tool_calls", "tools": [tool]}, graders={"tool_calls": {}},
    )  # fmt: skip
    said = [
        {"sample_id": "s0", "model": name, "tool_calls": [{"name": "book", "arguments": {"n": n}}]}
        for n, name in enumerate(("one", "two"))
    ]
    (project.root / "calls.jsonl").write_text("".join(json.dumps(line) + "\n" for line in said))
    project.providers(models={"judge": {}}, others={"logs": {
        "wire": "replay", "path": "calls.jsonl"}})  # fmt: skip
    folder = project.start(models=("logs:one", "logs:two")).folder
    server.script = judging(better("first"))
    (pair,) = compared(folder)["pairs"]
    assert (pair["equal_texts"], pair["ties"], pair["flip_rate"]) == (0, 1, 1.0)
    seen = shown(judge_calls(server)[0])
    assert '"book"' in seen["first"] + seen["tools"]


def test_only_compared_arms_make_a_judge_dependent(
    project: Project, server: CountingServer
) -> None:
    """A third arm of the run is nobody's business."""
    folder = run_of(project, server, "small", "other", "third")
    server.script = judging(prefers_longer, judges=("third",), model=prefers_longer)
    figures = compared(
        folder, judges=("toy:third",), arms=("toy:small", "toy:other"), independent=True
    )
    assert figures["kin"] == {}


def one_side_empty(project: Project, server: CountingServer, count: int, empty: int = 0) -> Path:
    """A run in which `small` said nothing to the first samples; the judge is tried once a call."""
    project.suite(rows(count))
    models: dict[str, Any] = {name: {} for name in ("small", "other", "judge", "third", "twin")}
    project.providers(models=models, limits={"max_attempts": 1})
    silent = {f"s{n}" for n in range(empty)}

    def said(call: Call) -> str:
        return "" if call.model == "small" and call.sample_id in silent else answering(call)

    server.script = judging("", model=said)
    folder = project.start(models=("toy:small", "toy:other")).folder
    server.forget()
    return folder


def test_a_refused_judge_is_given_up_at_once_and_told(
    project: Project, server: CountingServer
) -> None:
    """Three refusals and what is under way: form alone is then no win rate, no price no cost."""
    folder = one_side_empty(project, server, 20, empty=4)
    server.script = judging(failing(401))
    figures = compared(folder)
    assert len(server.calls) <= 3 + 4
    assert figures["stopped"].startswith("judge toy:judge: 3 failures in a row")
    assert "HTTP 401" in figures["stopped"]
    assert figures["judge_cost_usd"] is None
    (pair,) = figures["pairs"]
    assert (pair["by_form"], pair["losses"], pair["n_failed"], pair["n_unparsed"]) == (4, 4, 16, 0)
    assert pair["win_rate"] is pair["length_controlled_win_rate"] is None
    assert any("no win rate: no judge gave a verdict" in note for note in figures["notes"])
    server.script = judging(prefers_longer)
    mended = compared(folder)
    assert mended["stopped"] is None
    assert mended["pairs"][0]["win_rate"]["value"] == 0.0


def test_an_outage_of_the_judge_ends_after_so_many_failures(
    project: Project, server: CountingServer
) -> None:
    """Twenty in a row, as in a run; one that is shorter is told as well."""
    folder = one_side_empty(project, server, 30)
    server.script = judging(failing(500))
    assert "HTTP 500" in compared(folder)["stopped"]
    assert len(server.calls) <= 20 + 4
    figures = compared(folder, limit=2)
    assert figures["stopped"].startswith("2 without a verdict, the first: judge_error: toy:judge")
    assert "HTTP 500" in figures["stopped"]


def test_a_judge_that_is_down_ends_with_exit_code_4(
    project: Project, server: CountingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cause stands on stderr and in the document."""
    folder = one_side_empty(project, server, 8)
    server.script = judging(failing(401))
    capsys.readouterr()
    assert main(["judge", "pairs", str(folder), "--judge", "toy:judge", "--json"]) == 4
    said = capsys.readouterr()
    assert "HTTP 401" in said.err
    assert "HTTP 401" in json.loads(said.out)["stopped"]


def test_one_judge_of_a_panel_is_given_up_alone(project: Project, server: CountingServer) -> None:
    """The others go on; two of three that agree outvote nobody's silence."""
    folder = one_side_empty(project, server, 8)
    server.script = judging(
        lambda call: failing(401) if call.model == "judge" else prefers_longer(call),
        judges=("judge", "third", "twin"),
    )
    figures = compared(folder, judges=("toy:judge", "toy:third", "toy:twin"))
    assert len(judge_calls(server)) <= 3 + 4
    assert len(judge_calls(server, "third")) == len(judge_calls(server, "twin")) == 16
    assert figures["stopped"].startswith("judge toy:judge: ")
    assert figures["pairs"][0]["losses"] == 8


def place_judge(call: Call) -> str:
    """`judge` prefers what is longer, `third` what stands first, `twin` neither."""
    said = {"third": better("first"), "twin": better("tie")}
    return said.get(call.model) or prefers_longer(call)


def test_each_judge_of_a_panel_has_one_vote(project: Project, server: CountingServer) -> None:
    """Two ties outvote a loss; flips are counted by judge, and the note names who flips."""
    folder = run_of(project, server)
    server.script = judging(place_judge, judges=("judge", "third", "twin"))
    figures = compared(folder, judges=("toy:judge", "toy:third", "toy:twin"))
    (pair,) = figures["pairs"]
    assert (pair["wins"], pair["losses"], pair["ties"]) == (0, 0, 4)
    assert pair["flip_rate"] == pytest.approx(1 / 3)
    assert {name: (j["n"], j["flip_rate"]) for name, j in pair["judges"].items()} == {
        "toy:judge": (4, 0.0), "toy:third": (4, 1.0), "toy:twin": (4, 0.0),
    }  # fmt: skip
    assert pair["judges"]["toy:third"]["first_place_rate"] == 1.0
    assert pair["judges"]["toy:twin"]["first_place_rate"] is None
    (note,) = (note for note in figures["notes"] if "judges the place" in note)
    assert "100 % of the verdicts of toy:third turned round" in note


def test_a_ranking_of_ties_has_intervals_with_a_width(
    project: Project, server: CountingServer
) -> None:
    """That all samples say the same does not make strengths certain."""
    folder = run_of(project, server, "small", "other", "third", count=20)
    server.script = judging(better("first"))
    for row in compared(folder)["ranking"]["arms"]:
        assert row["strength"] == pytest.approx(0, abs=1e-9)
        assert row["low"] < -0.05
        assert row["high"] > 0.05


def test_samples_and_comparisons_are_counted_apart(
    project: Project, server: CountingServer
) -> None:
    """With repeats, wins, losses and ties add up to comparisons, and the table names both."""
    project.suite(rows(3))
    project.providers(models={"small": {}, "other": {}, "judge": {}})
    server.script = judging(prefers_longer, model=answering)
    folder = project.start(models=("toy:small", "toy:other"), repeats=2).folder
    figures = compared(folder)
    (pair,) = figures["pairs"]
    assert (pair["n"], pair["n_comparisons"]) == (3, 6)
    assert pair["wins"] + pair["losses"] + pair["ties"] == pair["n_comparisons"]
    head = preference_table(figures, Style(width=200)).splitlines()[2].split()
    assert head[:6] == ["pair", "samples", "comparisons", "wins", "losses", "ties"]


def test_the_same_arm_of_two_runs_is_told_apart_by_number(
    project: Project, server: CountingServer
) -> None:
    """Names that can be read, and a legend; the bare name means that arm in both runs."""
    one = run_of(project, server)
    server.script = judging("", model=lambda call: "yes, it is so indeed")
    two = project.start(models=("toy:small",)).folder
    server.script = judging(prefers_longer)
    figures, _ = api.compare_by_judge(
        [one, two], PairOptions(judges=("toy:judge",), arms=("toy:small",))
    )
    assert figures["arms"] == ["toy:small (run 1)", "toy:small (run 2)"]
    table = preference_table(figures, Style(width=200))
    assert "toy:small (run 1) > toy:small (run 2)" in table
    assert f"run 1: {one.name}\nrun 2: {two.name}" in table


def test_long_names_of_arms_are_numbered_in_the_table(
    project: Project, server: CountingServer
) -> None:
    """Rather than cut in the middle."""
    long = {"toy:small": "toy:" + "s" * 30, "toy:other": "toy:" + "o" * 30}
    folder = run_of(project, server)
    server.script = judging(prefers_longer)
    figures = compared(folder)
    (pair,) = figures["pairs"]
    pair.update(first=long[pair["first"]], second=long[pair["second"]])
    table = preference_table(figures, Style(width=200))
    assert "arm 1 > arm 2" in table
    assert f"arm 2: {long['toy:other']}" in table


def test_runs_of_several_suites_ask_for_one(project: Project, server: CountingServer) -> None:
    """As a person would say it."""
    project.suite(rows(2), name="more")
    project.providers(models={"small": {}, "other": {}, "judge": {}})
    folder = project.start(
        suites=("suites/toy", "suites/more"), models=("toy:small", "toy:other")
    ).folder
    with pytest.raises(ConfigError) as error:
        compared(folder)
    assert str(error.value) == (
        "judge pairs: the runs share several suites; choose one with --suite: toy, more"
    )
    project.suite(rows(2), name="third")
    other = project.start(suites=("suites/third",)).folder
    with pytest.raises(ConfigError, match=r"^judge pairs: the runs share no suite; only answers"):
        api.compare_by_judge([folder, other], PairOptions(judges=("toy:judge",)))


def test_what_is_dear_is_not_sent_without_a_yes(
    project: Project, server: CountingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plan says calls and the most they cost; without a terminal --yes is needed."""
    folder = run_of(project, server, count=20)
    project.providers(models={"small": {}, "other": {}, "judge": {"pricing": PRICES}})
    server.script = judging(prefers_longer)
    command = ["judge", "pairs", str(folder), "--judge", "toy:judge", "--json"]
    capsys.readouterr()
    assert main(command) == 2
    said = capsys.readouterr()
    assert (said.out, server.calls) == ("", [])
    assert "20 comparisons, 20 by a judge: 40 calls of toy:judge" in said.err
    assert "above $1: say --yes to agree" in said.err
    assert main([*command, "--yes"]) == 0
    assert len(server.calls) == 40
    assert json.loads(capsys.readouterr().out)["judge_cost_usd"] > 0
    assert main(command) == 0  # nothing is left to be paid


def test_the_estimate_is_no_less_than_the_cost(project: Project, server: CountingServer) -> None:
    """Answers as long as they may be; what stands in the journal is not counted again."""
    folder = run_of(project, server)
    project.providers(models={"small": {}, "other": {}, "judge": {"pricing": PRICES}})
    server.script = judging(lambda call: Reply(prefers_longer(call), usage=(250, 300)))
    options = PairOptions(judges=("toy:judge",))
    planned = plan_pairs([Run(folder)], options)
    assert (planned.comparisons, planned.calls) == (4, {"toy:judge": 8})
    assert planned.plan.estimate_usd is not None
    assert planned.plan.estimate_usd >= compared(folder)["judge_cost_usd"] > 0
    assert plan_pairs([Run(folder)], options).calls == {"toy:judge": 0}


def test_a_run_or_a_judge_that_is_named_twice_is_refused(
    project: Project, server: CountingServer
) -> None:
    """It would count as two."""
    folder = run_of(project, server)
    with pytest.raises(ConfigError, match="names toy:judge twice"):
        api.compare_by_judge([folder], PairOptions(judges=("toy:judge", "toy:judge")))
    with pytest.raises(ConfigError, match="is named twice; name each run once"):
        api.compare_by_judge([folder, folder], PairOptions(judges=("toy:judge",)))
