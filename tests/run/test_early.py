"""Runs that end when they are decided: the order, the pace of the arms, what is not asked."""

from __future__ import annotations

import json

import numpy as np
import pytest
from clocks import SkippingClock
from project import PRICES, rows
from server import always, failing

from evalkit import api
from evalkit.analysis.gates.early_stop import GateStop
from evalkit.analysis.gates.files import GateRequest
from evalkit.analysis.gates.policy import GatePolicy, Rule
from evalkit.core.errors import ConfigError
from evalkit.core.ordering import place_of
from evalkit.core.records import hash64
from evalkit.run.execute import go_on, start
from evalkit.run.folder import Run

N = 400
GATE = "rules: [{metric: quality, max_drop: 0.1}]\n"


def recorded(project, wrong, *, count=N, repeats=1, **line):
    """Arms of a recording that answer `yes`, but `no` to the samples given."""
    lines = [
        {"sample_id": f"s{n}", "model": arm, "repeat": repeat,
         "text": "no" if n in own else "yes", "recorded_at": "2026-10-01T00:00:00Z", **line}
        for arm, own in wrong.items()
        for n in range(count)
        for repeat in range(1, repeats + 1)
    ]  # fmt: skip
    path = project.root / "log.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    project.providers(others={"log": {"wire": "replay", "path": "log.jsonl"}})
    (project.root / "gate.yaml").write_text(GATE)


def policy(*rules, **changes):
    found = rules or (Rule(metric="quality", kind="max_drop", limit=0.1),)
    return GatePolicy(rules=found, file="gate.yaml", **changes)


def run(project, named=("log:old", "log:new"), *, rule=None, **changes):
    options = project.options(models=named, **changes)

    def stop(plan):
        return GateStop(rule or policy(), plan, (None, None))

    return start(options, stop=stop, clock=SkippingClock())


@pytest.fixture
def equal(project):
    """Two arms that err on the same tenth of 400 samples."""
    project.suite(rows(N))
    recorded(project, {"old": range(0, N, 10), "new": range(0, N, 10)})
    return project


def asked(folder):
    """Samples of each arm that have a trial."""
    found = {}
    for trial in Run(folder).trials():
        found.setdefault(trial.arm, set()).add(trial.sample_id)
    return found


def test_equal_arms_are_decided_early(equal):
    """Against "worse by the margin", not only against "no difference"."""
    closed = run(equal)
    stopping = closed.manifest["stopping"]
    assert (closed.outlook.state, stopping["verdicts"]) == ("complete", {"toy": "pass"})
    assert stopping["cap"] == {"toy": N}
    assert stopping["asked"]["toy"] < N / 3
    assert all(len(ids) < N / 2 for ids in asked(closed.folder).values())


def test_a_much_worse_arm_is_decided_sooner(equal):
    """It fails."""
    recorded(equal, {"old": (), "new": range(0, N, 2)})
    stopping = run(equal).manifest["stopping"]
    assert stopping["verdicts"] == {"toy": "fail"}
    assert stopping["asked"]["toy"] < 60


def test_what_cannot_be_decided_is_asked_to_the_end(equal):
    """The cap is the suite, or --limit."""
    tight = Rule(metric="quality", kind="max_drop", limit=0.001)
    closed = run(equal, rule=policy(tight), limit=100)
    stopping = closed.manifest["stopping"]
    assert stopping["verdicts"] == {"toy": None}
    assert (stopping["cap"], stopping["asked"]) == ({"toy": 100}, {"toy": 100})
    assert {len(ids) for ids in asked(closed.folder).values()} == {100}


def test_samples_come_in_the_order_of_their_places(equal):
    """Fixed by the seed: whoever reads the run finds it again."""
    closed = run(equal, seed=5)
    stopping = closed.manifest["stopping"]
    placed = sorted(place_of(hash64(f"s{n}"), 5) for n in range(N))
    count = stopping["asked"]["toy"]
    assert int(stopping["last_place"]["toy"], 16) == placed[count - 1]
    early = {f"s{n}" for n in range(N) if place_of(hash64(f"s{n}"), 5) <= placed[count - 1]}
    assert all(early <= ids for ids in asked(closed.folder).values())


@pytest.mark.parametrize("worse", [(), range(0, N, 3)])
def test_the_gate_says_what_the_run_was_stopped_by(equal, worse):
    """It uses the same bound, which holds at the moment of the decision."""
    recorded(equal, {"old": (), "new": worse})
    closed = run(equal)
    found = api.gate(GateRequest(run=closed.folder, policy=equal.root / "gate.yaml",
                                 baseline="log:old", candidate="log:new"))  # fmt: skip
    assert found["verdict"] == closed.manifest["stopping"]["verdicts"]["toy"]
    (rule,) = found["rules"]
    assert rule["method"] == "betting"
    assert rule["n"] == closed.manifest["stopping"]["asked"]["toy"]
    assert all(row["within"] for row in found["evidence"])


def test_the_arms_of_the_run_are_those_of_its_gate(equal):
    """Whom it was stopped by need not be said again; its figures are marked as stopped."""
    closed = run(equal)
    found = api.gate(GateRequest(run=closed.folder, policy=equal.root / "gate.yaml"))
    assert (found["baseline"], found["candidate"]) == ("log:old", "log:new")
    (warning,) = api.show(closed.folder).warnings
    assert "ended when it was decided (pass)" in warning


def test_a_rule_shows_the_values_that_its_estimate_is_of(equal):
    """Those up to the decision, and not of what came back after it."""
    recorded(equal, {"old": (), "new": range(0, N, 3)})
    closed = run(equal)
    found = api.gate(GateRequest(run=closed.folder, policy=equal.root / "gate.yaml"))
    (rule,) = found["rules"]
    assert rule["candidate"] - rule["baseline"] == pytest.approx(rule["estimate"])


def test_errors_after_the_decision_do_not_leave_the_gate_open(project, server):
    """What was asked in advance and failed decided nothing."""
    project.suite(rows(N))
    recorded(project, {"old": range(0, N, 10)})
    project.providers(
        limits={"concurrency": 8, "max_attempts": 1},
        others={"log": {"wire": "replay", "path": "log.jsonl"}},
    )
    closed = run(project, ("log:old", "toy:small"))
    asked = closed.manifest["stopping"]["asked"]["toy"]
    places = sorted((place_of(hash64(f"s{n}"), 0), n) for n in range(N))
    late = {f"s{n}" for _, n in places[asked:]}
    project.suite(rows(N))
    server.script = lambda call: failing(500) if call.sample_id in late else always("yes")(call)
    again = run(project, ("log:old", "toy:small"))
    assert again.manifest["stopping"]["asked"]["toy"] == asked
    found = api.gate(GateRequest(run=again.folder, policy=project.root / "gate.yaml"))
    assert found["verdict"] == "pass"
    assert {row["n_unanswered"] for row in found["evidence"]} == {0}


def test_when_an_arm_is_given_up_nobody_else_is_asked_on(project, server):
    """Nothing could be decided any more."""
    project.suite(rows(N))
    recorded(project, {"old": ()})
    project.providers(others={"log": {"wire": "replay", "path": "log.jsonl"}})
    server.script = lambda call: failing(401)
    closed = run(project, ("log:old", "toy:small"))
    assert closed.outlook.state == "incomplete"
    assert len(asked(closed.folder)["log:old"]) < N / 2


def test_stopped_runs_are_neither_sharded_nor_merged(equal):
    """No shard knows what the others found."""
    one, other = run(equal), run(equal, seed=1)
    with pytest.raises(ConfigError, match="each shard decides for itself"):
        api.merge([one.folder, other.folder], equal.root / "merged")
    options = equal.options(models=("log:old", "log:new"), shard=(1, 2),
                            stop_when_decided="gate.yaml")  # fmt: skip
    with pytest.raises(ConfigError, match="goes without --shard"):
        api.run(options)


def test_rules_on_what_the_suite_does_not_have_are_refused(equal):
    """They would ask everything and decide nothing."""
    slip = Rule(metric="quality", kind="max_drop", limit=0.1, slice={"langauge": "de"})
    with pytest.raises(ConfigError, match="no suite has such a column of slices, got 'langauge'"):
        run(equal, rule=policy(slip))


def test_a_run_that_was_stopped_is_no_baseline(equal):
    """Its samples are those that decided."""
    closed = run(equal)
    with pytest.raises(ConfigError, match="to end when it was decided"):
        api.accept_baseline(closed.folder, equal.root / "b.json", arm="log:old")


def test_repeats_of_a_sample_are_one_value(equal):
    """The average enters when all are there."""
    recorded(equal, {"old": range(0, N, 10), "new": range(0, N, 10)}, repeats=3)
    stopping = run(equal, repeats=3).manifest["stopping"]
    assert stopping["verdicts"] == {"toy": "pass"}
    assert stopping["asked"]["toy"] < N / 3


def test_resuming_a_decided_run_asks_nothing_more(equal):
    """The decision is found again in the journal."""
    closed = run(equal)
    before = (closed.folder / "journal.jsonl").read_bytes()
    again = go_on(closed.folder, stop=lambda plan: GateStop(policy(), plan, (None, None)))
    assert again.outlook.state == "complete"
    assert (closed.folder / "journal.jsonl").read_bytes() == before
    assert again.manifest["stopping"] == closed.manifest["stopping"]


def test_other_rules_than_it_began_with_are_refused(equal):
    """They were fixed beforehand."""
    closed = run(equal)
    other = policy(Rule(metric="quality", kind="max_drop", limit=0.2))
    with pytest.raises(ConfigError, match=r"gate\.yaml: the rules changed since the run began"):
        go_on(closed.folder, stop=lambda plan: GateStop(other, plan, (None, None)))


def test_a_slow_arm_holds_the_fast_one_back(project, server):
    """What the fast one was asked in advance would be paid for in vain."""
    project.suite(rows(N))
    recorded(project, {"old": range(0, N, 10)})
    project.providers(
        limits={"concurrency": 2},
        others={"log": {"wire": "replay", "path": "log.jsonl", "limits": {"concurrency": 64}}},
    )
    closed = run(project, ("log:old", "toy:small"))
    own = asked(closed.folder)
    count = closed.manifest["stopping"]["asked"]["toy"]
    assert closed.manifest["stopping"]["verdicts"]["toy"] == "pass"
    assert len(own["log:old"]) <= count + 24


def test_an_arm_that_is_down_ends_the_run_as_ever(project, server):
    """Its errors are no values, and nobody waits for it."""
    project.suite(rows(60))
    recorded(project, {"old": ()}, count=60)
    server.script = lambda call: failing(500)
    closed = run(project, ("log:old", "toy:small"))
    assert closed.outlook.state == "incomplete"
    assert closed.manifest["stopping"]["verdicts"] == {"toy": None}


def test_a_spent_budget_stops_nobody_who_costs_nothing(project, server):
    """Nor does anybody wait for those that it stops."""
    project.suite(rows(60))
    recorded(project, {"old": ()}, count=60)
    project.providers(
        models={"small": {"pricing": PRICES}},
        others={"log": {"wire": "replay", "path": "log.jsonl"}},
    )
    closed = run(project, ("log:old", "toy:small"), budget_usd=0.004)
    assert closed.outlook.state == "incomplete"
    assert len(asked(closed.folder)["log:old"]) == 60


def test_critical_samples_are_asked_after_the_decision(project):
    """A rule on them needs them all."""
    project.suite(rows(N))
    lines = [{**row, "critical": n % 20 == 0} for n, row in enumerate(rows(N))]
    project.suite(lines, data={"path": "samples.jsonl", "id": "id", "target": "target",
                               "critical": "critical"})  # fmt: skip
    recorded(project, {"old": (), "new": ()})
    rules = policy(
        Rule(metric="quality", kind="max_drop", limit=0.1),
        Rule(metric="pass_rate", kind="max_regressions", limit=0, critical=True),
    )
    closed = run(project, rule=rules)
    critical = {f"s{n}" for n in range(0, N, 20)}
    assert closed.manifest["stopping"]["asked"]["toy"] < N / 3
    assert all(critical <= ids for ids in asked(closed.folder).values())
    assert all(len(ids) < N / 2 for ids in asked(closed.folder).values())


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ((Rule(metric="latency_p95_ms", kind="max_ratio", limit=2.0),), "cannot be decided early"),
        ((Rule(metric="quality", kind="max_drop", limit=0.1, suite="other"),), "no rule for suite"),
    ],
)
def test_rules_that_cannot_be_decided_early_are_refused(equal, rules, said):
    """Before anything is asked."""
    with pytest.raises(ConfigError, match=said):
        run(equal, rule=policy(*rules))


def test_samples_that_are_not_independent_are_refused(project):
    """No test that looks after each of them would hold."""
    data = {"path": "samples.jsonl", "id": "id", "target": "target", "cluster": "doc"}
    project.suite([{**row, "doc": "d"} for row in rows(20)], data=data)
    recorded(project, {"old": (), "new": ()}, count=20)
    with pytest.raises(ConfigError, match="has clusters"):
        run(project)


def test_three_arms_need_names(equal):
    """Two of them are the first and the second of --models."""
    recorded(equal, {"old": (), "new": (), "third": ()})
    with pytest.raises(ConfigError, match="who is compared"):
        run(equal, ("log:old", "log:new", "log:third"))
    options = equal.options(models=("log:old", "log:new", "log:third"))
    closed = start(options, stop=lambda plan: GateStop(policy(), plan, ("log:third", "log:new")))
    assert closed.manifest["stopping"]["baseline"] == "log:third"


def test_errors_rates_hold_in_simulation():
    """At the margin a candidate passes in 5 of 100 at most, however often one looks."""
    from evalkit.stats import BettingTest

    rng = np.random.default_rng(0)
    passed = failed = 0
    for _ in range(200):
        test = BettingTest(-0.05)
        for value in rng.choice([-1.0, 0.0, 1.0], 400, p=[0.1, 0.85, 0.05]):
            test.add(value)
        passed += test.most_above >= np.log(20)
        failed += test.most_below >= np.log(20)
    assert passed <= 16
    assert failed <= 16
