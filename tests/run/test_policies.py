"""A policy as an arm: who is asked, in which order, what is paid and kept, and what is refused."""

from __future__ import annotations

import json
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from project import PRICES, SCHEMA, Project, lines, rows, trials
from server import Call, CountingServer, Reply, Script, failing

from evalkit.analysis.cost import bill, timing
from evalkit.analysis.runs import pricing
from evalkit.core.errors import ConfigError
from evalkit.core.records import Trial
from evalkit.run.execute import Closed
from evalkit.run.folder import Run
from evalkit.run.policies import read_policy
from evalkit.run.regrade import regrade

JSON = {"format": "json", "schema": SCHEMA, "structured": "json_object"}
GOOD, BAD = '{"total": 1}', "I think the total is 1"
CHEAP = {"mode": "per_token", "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 10.0}


def write(route: tuple[str, ...], *fallbacks: str, accept: str | None = "usable",
          name: str = "own.json", **constraint: Any) -> str:  # fmt: skip
    """Write a policy of the suite `toy`."""
    always = 2 if accept == "agree" else 1
    steps = [{"when": "always" if n < always else "not accepted", "arm": a}
             for n, a in enumerate(route)]  # fmt: skip
    task = {"route": steps, "fallbacks": list(fallbacks), "accept": accept}
    document = {"schema_version": 1, "tasks": {"toy": task}, "constraints": {"toy": constraint},
                "evidence": {"runs": [], "journal_sha256": [], "intervals": {}}}  # fmt: skip
    Path(name).write_text(json.dumps(document, indent=1))
    return name


def small_and_large(project: Project, count: int = 2, **output: Any) -> None:
    """A JSON suite, and three models at the server: two with a price, and a spare one."""
    samples = [{**row, "target": {"total": 1}} for row in rows(count)]
    project.suite(samples, output={**JSON, **output}, graders={"json_schema": {}, "fields": {}},
                  primary="fields")  # fmt: skip
    models = {"small": {"pricing": CHEAP}, "large": {"pricing": PRICES}, "spare": {}}
    project.providers(models={name: {"structured": "json_object", **own}
                              for name, own in models.items()})  # fmt: skip


def by_model(**said: Any) -> Script:
    """Each model answers with its text or reply, or with what it says to a call."""

    def script(call: Call) -> Reply:
        own = said[call.model]
        own = own(call) if callable(own) else own
        return own if isinstance(own, Reply) else Reply(own)

    return script


def start(project: Project, policy: str, **changes: Any) -> Closed:
    return project.start(**{"models": None, "policy": policy, **changes})


def only(closed: Closed) -> Trial:
    (found,) = trials(closed.folder).values()
    return found


def who(trial: Trial) -> list[str]:
    return [attempt.model for attempt in trial.attempts if attempt.role == "model"]


# ------------------------------------------------------------------ who is asked


def test_what_cannot_be_used_goes_on_and_both_are_paid(
    project: Project, server: CountingServer
) -> None:
    """Cost and time are those of both calls; each attempt names the arm that made it."""
    small_and_large(project)
    server.script = by_model(small=lambda c: GOOD if c.sample_id == "s0" else BAD, large=GOOD)
    closed = start(project, write(("toy:small", "toy:large")))
    found = trials(closed.folder)
    assert {t.arm for t in found.values()} == {"policy:own"}
    assert {name: who(t) for name, t in found.items()} == {
        "s0": ["toy:small"],
        "s1": ["toy:small", "toy:large"],
    }
    assert [t.status for t in found.values()] == ["ok", "ok"]
    price = pricing(Run(closed.folder))
    cheap, dear = Decimal("0.00006"), Decimal("0.0006")  # 10 tokens in, 5 out
    assert bill(found["s0"], price).cost_usd == cheap
    assert bill(found["s1"], price).cost_usd == cheap + dear
    assert closed.manifest["spent_usd"] == pytest.approx(float(2 * cheap + dear))
    first, second = found["s1"].attempts
    assert (first.number, first.cause, second.number, second.cause) == (1, "first", 2, "malformed")
    service = [a.completion.service_ms for a in found["s1"].attempts if a.completion is not None]
    assert timing(found["s1"]).latency_ms == pytest.approx(sum(s or 0.0 for s in service))
    assert (found["s1"].first_rung, found["s1"].output_rung) == ("not_json", "valid")


def test_a_refusal_goes_on_too(project: Project, server: CountingServer) -> None:
    """It is not accepted, as the figures of a cascade have it."""
    small_and_large(project, 1)
    server.script = by_model(small=Reply("", finish_reason="content_filter"), large=GOOD)
    found = only(start(project, write(("toy:small", "toy:large"))))
    assert (found.status, who(found)) == ("ok", ["toy:small", "toy:large"])


def test_the_last_arm_of_the_route_is_taken_as_it_is(
    project: Project, server: CountingServer
) -> None:
    """Its malformed answer is the policy's: fallbacks are for failures, not for form."""
    small_and_large(project, 1)
    server.script = by_model(small=BAD, large=BAD, spare=GOOD)
    found = only(start(project, write(("toy:small", "toy:large"), "toy:spare")))
    assert (found.status, who(found)) == ("malformed", ["toy:small", "toy:large"])


def test_a_fallback_steps_in_where_the_last_arm_fails(
    project: Project, server: CountingServer
) -> None:
    """A failure of the first is the second's turn, one of the last the fallback's."""
    small_and_large(project, 1)
    server.script = by_model(small=failing(400), large=failing(400), spare=GOOD)
    found = only(start(project, write(("toy:small", "toy:large"), "toy:spare")))
    assert (found.status, who(found)) == ("ok", ["toy:small", "toy:large", "toy:spare"])
    assert [a.outcome for a in found.attempts] == ["rejected", "rejected", "answered"]


def test_where_all_who_follow_fail_the_answer_that_came_stands(
    project: Project, server: CountingServer
) -> None:
    """It cannot be used, and that is the model's doing: no error. Without any answer it is one."""
    small_and_large(project, 2)
    server.script = by_model(
        small=lambda c: BAD if c.sample_id == "s0" else failing(400),
        large=failing(400), spare=failing(400, "no such spare"),
    )  # fmt: skip
    found = trials(start(project, write(("toy:small", "toy:large"), "toy:spare")).folder)
    assert (found["s0"].status, found["s0"].text) == ("malformed", BAD)
    assert found["s1"].status == "error"
    assert "no such spare" in (found["s1"].reason or "")


def test_without_a_check_every_answer_is_taken(project: Project, server: CountingServer) -> None:
    """`accept: null`: the second arm is for failures alone."""
    small_and_large(project, 1)
    server.script = by_model(small=BAD, large=GOOD)
    found = only(start(project, write(("toy:small", "toy:large"), accept=None)))
    assert (found.status, who(found)) == ("malformed", ["toy:small"])


def test_an_arm_is_asked_again_as_often_as_the_suite_allows_before_the_next(
    project: Project, server: CountingServer
) -> None:
    """`max_attempts: 2` holds for each arm of the route."""
    small_and_large(project, 1, max_attempts=2)
    server.script = by_model(small=BAD, large=lambda c: GOOD if c.nth == 4 else BAD)
    found = only(start(project, write(("toy:small", "toy:large"))))
    assert who(found) == ["toy:small"] * 2 + ["toy:large"] * 2
    assert (found.status, [a.number for a in found.attempts]) == ("ok", [1, 2, 3, 4])


def test_an_arm_that_only_fails_is_not_asked_any_more(
    project: Project, server: CountingServer
) -> None:
    """After three failures that asking again cannot mend, samples go to the next at once."""
    small_and_large(project, 20)
    server.script = by_model(small=failing(401), large=GOOD)
    project.providers(
        models={name: {"structured": "json_object"} for name in ("small", "large")},
        limits={"concurrency": 1},
    )
    closed = start(project, write(("toy:small", "toy:large")))
    assert {t.status for t in trials(closed.folder).values()} == {"ok"}
    assert sum(call.model == "small" for call in server.calls) == 3


def test_beside_a_policy_models_run_as_ever(project: Project, server: CountingServer) -> None:
    """Their trials, prices and names are their own."""
    small_and_large(project, 1)
    server.script = by_model(small=BAD, large=GOOD)
    closed = start(project, write(("toy:small", "toy:large")), models=("toy:large",))
    found = {t.arm: t for t in Run(closed.folder).trials()}
    assert set(found) == {"policy:own", "toy:large"}
    price = pricing(Run(closed.folder))
    assert bill(found["toy:large"], price).cost_usd == Decimal("0.0006")
    assert bill(found["policy:own"], price).cost_usd == Decimal("0.00066")


SAME = '{ "total":  1.0 }'
OTHER = '{"total": 2}'


@pytest.mark.parametrize(
    ("small", "large", "asked", "text"),
    [
        (GOOD, '{"total":1}', ["toy:small", "toy:large"], '{"total":1}'),
        (GOOD, OTHER, ["toy:small", "toy:large", "toy:spare"], SAME),
        (GOOD, BAD, ["toy:small", "toy:large", "toy:spare"], SAME),
        (BAD, GOOD, ["toy:small", "toy:spare"], SAME),
        (BAD, BAD, ["toy:small", "toy:spare"], SAME),
        (failing(400), GOOD, ["toy:small", "toy:spare"], SAME),
        (GOOD, failing(400), ["toy:small", "toy:large", "toy:spare"], SAME),
    ],
)
def test_two_that_agree_are_believed(
    project: Project, server: CountingServer, small: Any, large: Any, asked: list[str], text: str
) -> None:
    """By what they say, not how it is written; without a first answer the second is not asked."""
    small_and_large(project, 1)
    server.script = by_model(small=small, large=large, spare=SAME)
    found = only(start(project, write(("toy:small", "toy:large", "toy:spare"), accept="agree")))
    assert (found.status, who(found), found.text) == ("ok", asked, text)


def test_where_nobody_decides_between_two_the_last_answer_stands(
    project: Project, server: CountingServer
) -> None:
    """The third fails, and nobody else may be asked."""
    small_and_large(project, 1)
    server.script = by_model(small=GOOD, large=OTHER, spare=failing(400))
    found = only(start(project, write(("toy:small", "toy:large", "toy:spare"), accept="agree")))
    assert (found.status, found.text) == ("ok", OTHER)


CHECK = """
def grade(sample, output, parsed):
    if "target" in sample:
        raise ValueError("a target in use")
    return 1.0 if parsed["total"] < 10 else 0.5
"""


def test_a_grader_of_the_suite_takes_answers_without_the_target(
    project: Project, server: CountingServer
) -> None:
    """Full marks end it; half do not; the scores that are kept still know the target."""
    small_and_large(project, 3)
    suite = project.root / "suites" / "toy"
    (suite / "graders.py").write_text(CHECK)
    document = json.loads((suite / "suite.yaml").read_text())
    document["graders"]["python"] = {}
    (suite / "suite.yaml").write_text(json.dumps(document))
    said = {"s0": GOOD, "s1": '{"total": 99}', "s2": BAD}
    server.script = by_model(small=lambda c: said[c.sample_id], large=GOOD)
    policy = write(("toy:small", "toy:large"), accept="usable and python")
    found = trials(start(project, policy).folder)
    assert {name: len(who(t)) for name, t in found.items()} == {"s0": 1, "s1": 2, "s2": 2}
    (score,) = [s for s in found["s0"].scores if s.grader == "python"]
    assert "a target in use" in (score.failure or "")


@pytest.mark.parametrize(
    ("grader", "said"),
    [
        ("fields", "it compares with the target, which nobody has in use"),
        ("json_schema", "it is the form"),
        ("pyhton", "the suite has no such grader; it has: json_schema, fields"),
    ],
)
def test_a_grader_that_cannot_take_answers_is_refused(
    project: Project, server: CountingServer, grader: str, said: str
) -> None:
    """Before anybody is asked."""
    small_and_large(project, 1)
    with pytest.raises(ConfigError, match=said):
        start(project, write(("toy:small", "toy:large"), accept=f"usable and {grader}"))
    assert server.calls == []


def test_how_often_a_policy_goes_on_is_counted_beyond_the_first_answer(
    project: Project, server: CountingServer
) -> None:
    """Two that must agree are one answer: of three samples one goes on, though two are asked."""
    from evalkit.analysis.runs import summarise_run

    small_and_large(project, 3)
    server.script = by_model(
        small=GOOD, large=lambda c: OTHER if c.sample_id == "s1" else GOOD, spare=GOOD
    )
    closed = start(project, write(("toy:small", "toy:large", "toy:spare"), accept="agree"))
    (row,) = summarise_run(Run(closed.folder))["rows"]
    assert row["policy"]["escalation_rate"]["value"] == pytest.approx(1 / 3)
    assert row["policy"]["answered_by"] == {"toy:small": 0, "toy:large": 2, "toy:spare": 1}


# ------------------------------------------------------------------ what is kept


def test_run_json_tells_who_was_asked(project: Project, server: CountingServer) -> None:
    """Route, fallbacks and each arm as declared; the policy's terms are the weakest of them."""
    small_and_large(project, 1)
    server.script = by_model(small=GOOD)
    closed = start(project, write(("toy:small",), "toy:spare"))
    (arm,) = closed.manifest["arms"]
    assert arm["kind"] == "policy"
    assert (arm["policy"]["route"], arm["policy"]["fallbacks"]) == (["toy:small"], ["toy:spare"])
    assert [own["pricing"] for own in arm["policy"]["arms"]] == [CHEAP, None]
    assert arm["governance"]["allowed_sensitivity"] == "internal"
    assert arm["governance"]["retention_days"] is None


def test_prices_are_found_when_the_providers_file_is_gone(
    project: Project, server: CountingServer
) -> None:
    """run.json keeps those of every arm that a policy asks."""
    small_and_large(project, 1)
    server.script = by_model(small=BAD, large=GOOD)
    closed = start(project, write(("toy:small", "toy:large")))
    (project.root / "providers.yaml").unlink()
    (found,) = Run(closed.folder).trials()
    assert bill(found, pricing(Run(closed.folder))).cost_usd == Decimal("0.00066")


def test_a_cache_keeps_the_arms_answers_apart(project: Project, server: CountingServer) -> None:
    """The same samples again: nobody is asked, and each arm says what it said."""
    small_and_large(project, 2)
    server.script = by_model(small=lambda c: GOOD if c.sample_id == "s0" else BAD, large=GOOD)
    policy = write(("toy:small", "toy:large"))
    first = start(project, policy, cache=True)
    heard = len(server.calls)
    again = start(project, policy, cache=True)
    assert len(server.calls) == heard == 3
    assert {n: (who(t), t.text) for n, t in trials(again.folder).items()} == {
        n: (who(t), t.text) for n, t in trials(first.folder).items()
    }
    swapped = start(project, write(("toy:large", "toy:small")), cache=True)
    assert {t.text for t in trials(swapped.folder).values()} == {GOOD}
    assert len(server.calls) == 4  # of s0 the large one had never been asked


# ------------------------------------------------------------------ going on


def test_a_paid_answer_of_the_first_arm_is_not_asked_for_again(
    project: Project, server: CountingServer
) -> None:
    """The run ends between two arms: what the first said stands, the second is asked."""
    small_and_large(project, 1)
    let_go = threading.Event()
    heard = threading.Event()

    def large(call: Call) -> Reply:
        heard.set()
        return Reply(GOOD, wait_for=let_go)

    server.script = by_model(small=BAD, large=large)
    policy = write(("toy:small", "toy:large"))
    process = project.beside(models=None, policy=policy)
    try:
        assert heard.wait(20)
    finally:
        process.kill()
        process.communicate()
        let_go.set()
    folder = project.only_run()
    assert [line["model"] for line in lines(folder) if line["event"] == "attempt"] == ["toy:small"]
    server.forget()
    server.script = by_model(small=BAD, large=GOOD)
    project.go_on(folder)
    assert [call.model for call in server.calls] == ["large"]
    (found,) = trials(folder).values()
    assert (found.status, who(found)) == ("ok", ["toy:small", "toy:large"])
    assert [a.number for a in found.attempts] == [1, 2]


def test_a_finished_policy_is_not_asked_again(project: Project, server: CountingServer) -> None:
    """`resume` of a complete run sends nothing."""
    small_and_large(project)
    server.script = by_model(small=BAD, large=GOOD)
    closed = start(project, write(("toy:small", "toy:large")))
    server.forget()
    project.go_on(closed.folder)
    assert server.calls == []


def test_nobody_goes_on_by_another_policy(project: Project, server: CountingServer) -> None:
    """Half of its trials would be another arm's; the file that changed is named."""
    small_and_large(project)
    server.script = by_model(small=GOOD, large=GOOD)
    closed = start(project, write(("toy:small", "toy:large")))
    write(("toy:large", "toy:small"))
    with pytest.raises(ConfigError, match=r"own\.json: the policy, or who answers by it, changed"):
        project.go_on(closed.folder)


def test_grading_anew_leaves_who_answered(project: Project, server: CountingServer) -> None:
    """By `regrade`, and by `resume` after the graders changed: the last answer is graded."""
    small_and_large(project, 1)
    server.script = by_model(small=Reply("", finish_reason="content_filter"), large=GOOD)
    closed = start(project, write(("toy:small", "toy:large")))
    suite = project.root / "suites" / "toy" / "suite.yaml"
    document = json.loads(suite.read_text())
    document["graders"]["fields"] = {"match": {"total": {"type": "number", "abs": 0.5}}}
    suite.write_text(json.dumps(document))
    server.forget()
    regrade(closed.folder)
    (found,) = trials(closed.folder).values()
    assert (found.status, found.text, len(found.attempts)) == ("ok", GOOD, 2)
    document["graders"]["fields"] = {"match": {"total": {"type": "number", "abs": 0.25}}}
    suite.write_text(json.dumps(document))
    project.go_on(closed.folder)
    (found,) = trials(closed.folder).values()
    assert (found.status, found.text, len(found.attempts)) == ("ok", GOOD, 2)
    assert server.calls == []


def test_another_form_is_held_against_what_was_said_and_asks_nobody(
    project: Project, server: CountingServer
) -> None:
    """`accept` narrowed: the first arm's fenced answer no longer holds, and it stays the last."""
    small_and_large(project, 1)
    server.script = by_model(small=f"```json\n{GOOD}\n```", large=GOOD)
    closed = start(project, write(("toy:small", "toy:large", "toy:spare")))
    assert only(closed).status == "ok"
    suite = project.root / "suites" / "toy" / "suite.yaml"
    document = json.loads(suite.read_text())
    document["output"]["accept"] = ["valid"]
    suite.write_text(json.dumps(document))
    server.forget()
    project.go_on(closed.folder)
    (found,) = trials(closed.folder).values()
    assert (found.status, who(found), server.calls) == ("malformed", ["toy:small"], [])


def test_a_spent_budget_ends_between_two_arms(project: Project, server: CountingServer) -> None:
    """What the first cost is known, the trial is open, and goes on with more money."""
    small_and_large(project, 1)
    server.script = by_model(small=BAD, large=GOOD)
    closed = start(project, write(("toy:small", "toy:large")), budget_usd=0.00006)
    assert closed.outlook.state == "incomplete"
    assert closed.manifest["spent_usd"] == pytest.approx(0.00006)
    assert trials(closed.folder) == {}
    server.forget()
    project.go_on(closed.folder, budget_usd=1.0)
    assert [call.model for call in server.calls] == ["large"]
    assert [t.status for t in trials(closed.folder).values()] == ["ok"]
    assert Run(closed.folder).manifest["spent_usd"] == pytest.approx(0.00066)


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("place", ["route", "fallback"])
@pytest.mark.parametrize("by", ["suite", "policy"])
def test_nobody_is_asked_who_must_not_see_the_data(
    project: Project, server: CountingServer, place: str, by: str
) -> None:
    """On every hop, by what the suite or the business demands; nothing is sent to anybody."""
    project.suite(rows(1), sensitivity="confidential" if by == "suite" else "public")
    project.providers(
        governance={"allowed_sensitivity": "special"},
        others={"far": {"wire": "openai_chat", "base_url": server.url, "models": {"m": {}},
                        "governance": {"allowed_sensitivity": "internal"}}},
    )  # fmt: skip
    route, spare = (
        (("toy:small", "far:m"), ()) if place == "route" else (("toy:small",), ("far:m",))
    )
    policy = write(route, *spare, sensitivity="confidential" if by == "policy" else "public")
    with pytest.raises(ConfigError, match=r"arm 'far:m' must not see its samples: sensitivity"):
        start(project, policy)
    assert server.calls == []


def test_no_region_in_common_is_not_no_demand(project: Project, server: CountingServer) -> None:
    """`regions: []` is what two demands leave that exclude each other."""
    project.providers(governance={"allowed_sensitivity": "special", "regions": ["eu"]})
    policy = write(("toy:small",), regions=[])
    with pytest.raises(ConfigError, match=r"it may process in \['eu'\]"):
        start(project, policy)
    assert server.calls == []


def test_a_sample_that_one_hop_must_not_see_is_not_asked(
    project: Project, server: CountingServer
) -> None:
    """Its own demand counts for every arm of the policy, the fallbacks too."""
    samples = rows(2)
    samples[1]["sensitivity"] = "personal"
    project.suite(samples)
    project.providers(
        governance={"allowed_sensitivity": "special"},
        others={"far": {"wire": "openai_chat", "base_url": server.url, "models": {"m": {}},
                        "governance": {"allowed_sensitivity": "internal"}}},
    )  # fmt: skip
    found = trials(start(project, write(("toy:small",), "far:m")).folder)
    assert {name: t.status for name, t in found.items()} == {"s0": "ok", "s1": "skipped"}
    assert dict(server.asked) == {"s0": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "must be a mapping"),
        ("{}", "`tasks` names no task"),
        ('{"tasks": {"toy": {}}}', "`route` must be a list of at least one"),
        ('{"tasks": {"toy": {"route": []}}}', "`route` must be a list of at least one"),
        ('{"tasks": {"toy": {"route": [{"when": "always"}]}}}', "`arm` is missing"),
        (
            '{"tasks": {"toy": {"route": [{"when": "not accepted", "arm": "toy:small"}]}}}',
            "`when` got 'not accepted'; allowed: 'always'",
        ),
        (
            '{"tasks": {"toy": {"route": [{"when": "always", "arm": "toy:small"}], '
            '"fallbacks": ["toy:small"]}}}',
            "the arm 'toy:small' stands twice",
        ),
        (
            '{"tasks": {"toy": {"route": [{"when": "always", "arm": "toy:small"}], '
            '"accept": "agreement"}}}',
            "`accept` got 'agreement'; allowed: 'usable', 'agree', 'usable and GRADER', null",
        ),
        (
            '{"tasks": {"toy": {"route": [{"when": "always", "arm": "toy:small"}, '
            '{"when": "always", "arm": "toy:large"}], "accept": "agree"}}}',
            "`route` must be a list of at least three",
        ),
        (
            '{"tasks": {"toy": {"route": [{"when": "always", "arm": "toy:small"}, '
            '{"when": "not accepted", "arm": "toy:large"}, '
            '{"when": "not accepted", "arm": "toy:spare"}], "accept": "agree"}}}',
            "`when` got 'not accepted'; allowed: 'always'",
        ),
        ('{"schema_version": 2, "tasks": {}}', "`schema_version` got 2"),
        (
            '{"tasks": {"other": {"route": [{"when": "always", "arm": "toy:small"}]}}}',
            "no task 'toy' in this policy; it has: other",
        ),
        (
            '{"tasks": {"toy": {"route": [{"when": "always", "arm": "toy:gone"}]}}}',
            "arm 'toy:gone': --models 'toy:gone'",
        ),
        (
            '{"tasks": {"toy": {"route": [{"when": "always", "arm": "toy:small"}]}}, '
            '"constraints": {"toy": {"sensitivity": "secret"}}}',
            "`sensitivity` got 'secret'",
        ),
    ],
)
def test_what_is_no_policy_is_refused_by_name(
    project: Project, server: CountingServer, text: str, said: str
) -> None:
    """The file is named, and nothing is sent."""
    Path("own.json").write_text(text)
    with pytest.raises(ConfigError) as refused:
        start(project, "own.json")
    assert said in str(refused.value)
    assert "own.json" in str(refused.value)
    assert server.calls == []


def test_a_policy_is_named_by_its_file(project: Project) -> None:
    """What a name of an arm cannot hold becomes a hyphen."""
    assert read_policy(Path(write(("toy:small",), name="my first@policy.json"))).arm == (
        "policy:my-first-policy"
    )


def test_a_provider_of_that_name_is_refused(project: Project, server: CountingServer) -> None:
    """`policy:NAME` would be two things."""
    project.providers(others={"policy": {"wire": "openai_chat", "base_url": server.url,
                                         "models": {"m": {}}}})  # fmt: skip
    with pytest.raises(ConfigError, match="'policy' names the arms of --policy"):
        start(project, write(("toy:small",)))
