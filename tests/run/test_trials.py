"""What becomes of a trial: answered, malformed, refused, failed or not asked; never mixed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from clocks import SkippingClock
from project import PRICES, SCHEMA, Project, lines, rows, score, trials
from server import Call, CountingServer, Reply, Script, failing

from evalkit.core.records import Trial
from evalkit.run.folder import Run

JSON = {"format": "json", "schema": SCHEMA, "structured": "json_object"}
GOOD, BAD = '{"total": 1}', "I think the total is 1"


def by_turn(*replies: Reply) -> Script:
    """Each sample gets these replies in turn, the last one for ever."""
    return lambda call: replies[min(call.nth, len(replies)) - 1]


def json_suite(project: Project, count: int = 1, **output: Any) -> None:
    samples = [{**row, "target": {"total": 1}} for row in rows(count)]
    project.suite(samples, output={**JSON, **output}, graders={"json_schema": {}, "fields": {}},
                  primary="fields")  # fmt: skip


def only(folder: Path) -> Trial:
    (found,) = trials(folder).values()
    return found


# ------------------------------------------------------------------ outcomes stay apart


def test_every_outcome_has_a_status_of_its_own(project: Project, server: CountingServer) -> None:
    """Right, wrong, malformed, refused and failed answers never become one another."""
    replies = {
        "s0": Reply(GOOD),
        "s1": Reply('{"total": 2}'),
        "s2": Reply(BAD),
        "s3": Reply("", finish_reason="content_filter"),
        "s4": failing(400, "no such parameter"),
    }
    server.script = lambda call: replies[call.sample_id]
    json_suite(project, 5)
    closed = project.start()
    found = trials(closed.folder)
    statuses = {name: trial.status for name, trial in found.items()}
    assert statuses == {"s0": "ok", "s1": "ok", "s2": "malformed", "s3": "refused", "s4": "error"}
    quality = {n: [s.value for s in t.scores if s.grader == "fields"] for n, t in found.items()}
    assert quality == {"s0": [1.0], "s1": [0.0], "s2": [], "s3": [], "s4": []}
    assert found["s3"].refused_by == "signal"
    assert found["s4"].text is None
    assert found["s4"].scores == ()
    assert "no such parameter" in (found["s4"].reason or "")
    assert closed.outlook.counts == {"ok": 2, "malformed": 1, "refused": 1, "error": 1}


def test_a_grader_that_cannot_grade_gives_no_score(
    project: Project, server: CountingServer
) -> None:
    """A failed grader is a failure with its reason beside the others' scores."""
    folder = project.suite(
        rows(1), graders={"exact": {}, "python": {"file": "graders.py", "function": "grade"}}
    )
    (folder / "graders.py").write_text("def grade(sample, output, parsed):\n    return 7\n")
    found = only(project.start().folder)
    exact, own = found.scores
    assert (exact.value, exact.failure) == (1.0, None)
    assert own.value is None
    assert "7" in (own.failure or "")
    assert found.status == "ok"


# ------------------------------------------------------------------ asking again


def test_malformed_output_is_asked_again_as_often_as_the_suite_says(
    project: Project, server: CountingServer
) -> None:
    """Both answers are in the journal; the first decides `first_rung`, the last all else."""
    server.script = by_turn(Reply(BAD), Reply(GOOD))
    json_suite(project, max_attempts=3)
    found = only(project.start().folder)
    assert server.asked["s0"] == 2
    assert [(a.number, a.cause) for a in found.attempts] == [(1, "first"), (2, "malformed")]
    assert [a.text for a in found.attempts] == [BAD, GOOD]
    assert (found.first_rung, found.output_rung, found.status) == ("not_json", "valid", "ok")


def test_output_that_stays_malformed_is_malformed_and_no_error(
    project: Project, server: CountingServer
) -> None:
    """After the last allowed answer the trial ends with what came."""
    server.script = by_turn(Reply(BAD))
    json_suite(project, max_attempts=3)
    found = only(project.start().folder)
    assert server.asked["s0"] == 3
    assert (found.status, found.output_rung) == ("malformed", "not_json")


def test_a_refusal_is_not_asked_again(project: Project, server: CountingServer) -> None:
    """A model that declines has answered."""
    server.script = by_turn(Reply("", finish_reason="content_filter"), Reply(GOOD))
    json_suite(project, max_attempts=3)
    found = only(project.start().folder)
    assert server.asked["s0"] == 1
    assert found.status == "refused"


def test_failures_and_malformed_answers_are_numbered_together(
    project: Project, server: CountingServer
) -> None:
    """429, malformed, 500, good: four attempts of one trial, each with its cause."""
    server.script = by_turn(failing(429), Reply(BAD), failing(500), Reply(GOOD))
    json_suite(project, max_attempts=2)
    found = only(project.start().folder)
    assert [(a.number, a.cause, a.outcome) for a in found.attempts] == [
        (1, "first", "rate_limited"),
        (2, "rate_limited", "answered"),
        (3, "malformed", "server_error"),
        (4, "server_error", "answered"),
    ]


def test_the_mode_that_was_requested_and_the_one_that_was_honoured_are_told_apart(
    project: Project, server: CountingServer
) -> None:
    """A server that ignores the schema is seen through by what it answers."""
    json_suite(project, 2, structured="json_schema")
    server.script = lambda call: Reply(GOOD if call.sample_id == "s0" else f"It is\n{GOOD}")
    found = trials(project.start().folder)
    assert server.calls[0].body["response_format"]["type"] == "json_schema"
    modes = {n: (t.structured_requested, t.structured_honoured) for n, t in found.items()}
    assert modes == {"s0": ("json_schema", "json_schema"), "s1": ("json_schema", "prompt")}


# ------------------------------------------------------------------ failures at the server


@pytest.mark.parametrize(
    ("reply", "outcome", "tries"),
    [
        (failing(429, retry_after="1"), "rate_limited", 3),
        (failing(429, retry_after_ms="20"), "rate_limited", 3),
        (failing(500), "server_error", 3),
        (failing(503), "server_error", 3),
        (Reply(cut=True), "connection", 3),
        (Reply(drop=True), "connection", 3),
        (Reply(raw=b'{"choices": [{"mess'), "bad_body", 3),
        (failing(400, "bad parameter"), "rejected", 1),
        (failing(401), "auth", 1),
        (failing(404), "not_found", 1),
        (failing(400, "maximum context length is 8 tokens"), "context_length", 1),
        (failing(400, "invalid schema for response_format"), "schema_rejected", 1),
        (failing(429, retry_after="7200"), "rate_limited", 1),
    ],
)
def test_a_failure_is_tried_as_often_as_its_kind_allows(
    project: Project, server: CountingServer, reply: Reply, outcome: str, tries: int
) -> None:
    """The server counts: max_attempts for what may pass, one for what cannot."""
    server.script = by_turn(reply)
    project.suite(rows(1))
    closed = project.start()
    found = only(closed.folder)
    assert tries == server.asked["s0"]
    assert [outcome] * tries == [a.outcome for a in found.attempts]
    assert found.status == "error"
    assert closed.outlook.state == "incomplete"


@pytest.mark.parametrize(
    ("reply", "least_ms"),
    [(failing(429, retry_after="4"), 4000), (failing(429, retry_after_ms="1500"), 1500)],
)
def test_the_time_that_the_server_asks_for_is_waited_and_recorded(
    project: Project, server: CountingServer, reply: Reply, least_ms: float
) -> None:
    """backoff_ms of the next attempt holds it; the answer then counts as any other."""
    server.script = by_turn(reply, Reply("yes"))
    project.suite(rows(1))
    clock = SkippingClock()
    found = only(project.start(clock=clock).folder)
    assert least_ms <= found.attempts[1].backoff_ms <= least_ms + 3000
    assert max(clock.slept) * 1000 >= least_ms
    assert (score(found), found.status) == (1.0, "ok")


def test_a_slow_server_is_a_timeout_censored_at_its_limit(
    project: Project, server: CountingServer
) -> None:
    """service_ms of a timeout is the limit, which analysis calls a lower bound."""
    import threading

    release = threading.Event()
    server.script = by_turn(Reply(wait_for=release))
    project.providers(limits={"timeout_s": 0.1, "max_attempts": 1})
    project.suite(rows(1))
    found = only(project.start().folder)
    release.set()
    (attempt,) = found.attempts
    assert (attempt.outcome, attempt.service_ms) == ("timeout", 100.0)


def test_three_refused_keys_in_a_row_end_an_arm(project: Project, server: CountingServer) -> None:
    """Nobody is asked a thousand times with a wrong key; the rest is recorded as error."""
    server.script = by_turn(failing(401))
    project.providers(limits={"concurrency": 1})
    project.suite(rows(30))
    closed = project.start()
    found = trials(closed.folder)
    assert len(server.calls) == 3
    assert {"error"} == {t.status for t in found.values()}
    assert len(found) == 30
    unsent = [t for t in found.values() if not t.attempts]
    assert len(unsent) == 27
    assert all("3 failures in a row" in (t.reason or "") for t in unsent)
    assert closed.outlook.state == "incomplete"
    assert "30 of 30" in (closed.outlook.reason or "")


def test_two_other_failures_and_one_refused_key_do_not_end_an_arm(
    project: Project, server: CountingServer
) -> None:
    """Only refused keys count towards three; what may pass counts towards twenty."""
    replies = iter([failing(500), failing(500), failing(401)] + [Reply("yes")] * 9)
    server.script = lambda call: next(replies)
    project.providers(limits={"concurrency": 1, "max_attempts": 1})
    project.suite(rows(12))
    closed = project.start()
    assert len(server.calls) == 12
    assert closed.outlook.counts == {"error": 3, "ok": 9}


def test_twenty_failures_in_a_row_are_an_outage(project: Project, server: CountingServer) -> None:
    """An arm whose provider is gone is not asked to the end of the suite."""
    server.script = by_turn(failing(500))
    project.providers(limits={"concurrency": 1, "max_attempts": 1})
    project.suite(rows(40))
    closed = project.start()
    assert len(server.calls) == 20
    assert closed.outlook.counts == {"error": 40}


def test_an_outage_of_one_arm_leaves_the_others_alone(
    project: Project, server: CountingServer
) -> None:
    """Failures are counted for each arm by itself."""
    server.script = lambda call: failing(404) if call.model == "gone" else Reply("yes")
    project.providers(models={"small": {}, "gone": {}}, limits={"concurrency": 1})
    project.suite(rows(10))
    closed = project.start(models=("toy:small", "toy:gone"))
    assert closed.outlook.counts == {"ok": 10, "error": 10}
    assert sum(call.model == "gone" for call in server.calls) == 3


def test_a_few_errors_within_the_error_budget_leave_a_run_complete(
    project: Project, server: CountingServer
) -> None:
    """One of 50 is 2 %: shown, resumable, but no reason to call the run incomplete."""
    server.script = lambda call: failing(400) if call.sample_id == "s0" else Reply("yes")
    project.suite(rows(50))
    closed = project.start()
    assert closed.outlook.counts == {"error": 1, "ok": 49}
    assert (closed.outlook.state, closed.outlook.reason) == ("complete", None)
    assert Run(closed.folder).manifest["state"] == "complete"


# ------------------------------------------------------------------ who may see what


def test_a_suite_above_what_the_provider_may_see_is_never_sent(
    project: Project, server: CountingServer
) -> None:
    """Not one byte reaches the server; each trial says why."""
    project.suite(rows(3), sensitivity="confidential")
    closed = project.start()
    assert server.bytes_heard == 0
    found = trials(closed.folder)
    assert {"skipped"} == {t.status for t in found.values()}
    assert all("'confidential' is above the allowed 'internal'" in t.reason for t in found.values())
    assert closed.outlook.state == "complete"


def test_one_sample_may_be_more_sensitive_than_its_suite(
    project: Project, server: CountingServer
) -> None:
    """The strictest of suite and sample wins, sample by sample."""
    samples = rows(3)
    samples[1]["sensitivity"] = "personal"
    project.suite(samples)
    found = trials(project.start().folder)
    assert dict(server.asked) == {"s0": 1, "s2": 1}
    assert found["s1"].status == "skipped"
    assert "personal" not in json.dumps([call.body for call in server.calls])


@pytest.mark.parametrize(
    ("require", "said"),
    [
        ({"regions": ["eu"]}, "declares none"),
        ({"trains_on_data": "no"}, "declared 'unknown'"),
        ({"max_retention_days": 0}, "none is declared"),
    ],
)
def test_what_a_suite_requires_and_nobody_declares_is_not_met(
    project: Project, server: CountingServer, require: dict[str, Any], said: str
) -> None:
    """Unknown is not allowed."""
    project.suite(rows(1), require=require)
    found = only(project.start().folder)
    assert server.bytes_heard == 0
    assert said in (found.reason or "")


def test_a_provider_that_declares_nothing_sees_public_samples_only(
    project: Project, server: CountingServer
) -> None:
    """No governance at all: `public` goes, `internal` does not."""
    samples = rows(2)
    samples[0]["sensitivity"] = "internal"
    project.suite(samples)
    project.providers(governance={})
    found = trials(project.start().folder)
    assert {n: t.status for n, t in found.items()} == {"s0": "skipped", "s1": "ok"}


# ------------------------------------------------------------------ recordings


def test_a_recording_without_the_sample_skips_it(project: Project) -> None:
    """A missing answer is not a wrong one, and its latency is the recording's own."""
    line = {"sample_id": "s0", "model": "old", "text": "yes", "service_ms": 1234.5}
    (project.root / "old.jsonl").write_text(json.dumps(line) + "\n")
    project.providers(
        others={
            "log": {
                "wire": "replay",
                "path": "old.jsonl",
                "governance": {"allowed_sensitivity": "special"},
            }
        }
    )
    project.suite(rows(2))
    closed = project.start(models=("log:old",))
    found = trials(closed.folder)
    assert {n: t.status for n, t in found.items()} == {"s0": "ok", "s1": "skipped"}
    (attempt,) = found["s0"].attempts
    assert (found["s0"].recorded, attempt.service_ms) == (True, 1234.5)
    assert closed.outlook.state == "complete"


def test_a_recorded_failure_is_an_error_asked_once_and_stops_nobody(project: Project) -> None:
    """Thirty recorded outages are thirty errors of then, not an outage of now."""
    recorded = [{"sample_id": f"s{n}", "model": "old", "error": "timeout: late"} for n in range(30)]
    recorded.append({"sample_id": "s30", "model": "old", "text": "yes"})
    text = "".join(json.dumps(line) + "\n" for line in recorded)
    (project.root / "old.jsonl").write_text(text)
    project.providers(others={"log": {"wire": "replay", "path": "old.jsonl"}})
    project.suite(rows(31))
    closed = project.start(models=("log:old",))
    assert closed.outlook.counts == {"error": 30, "ok": 1}
    assert {1} == {len(t.attempts) for t in trials(closed.folder).values()}


# ------------------------------------------------------------------ money and the cache


def test_a_spent_budget_leaves_a_run_that_can_go_on(
    project: Project, server: CountingServer
) -> None:
    """$0.0006 a call and $0.002 to spend: three calls, then the rest with more money."""
    project.providers(models={"small": {"pricing": PRICES}})
    project.suite(rows(10))
    closed = project.start(budget_usd=0.002)
    assert len(server.calls) == 3
    assert (closed.outlook.state, closed.manifest["spent_usd"]) == ("incomplete", 0.0018)
    assert "budget" in closed.manifest["state_reason"]
    assert len(trials(closed.folder)) == 3
    more = project.go_on(closed.folder, budget_usd=1.0)
    assert {1} == set(server.asked.values())
    assert (more.outlook.state, more.manifest["spent_usd"]) == ("complete", 0.006)


def test_what_was_spent_before_counts_when_a_run_goes_on(
    project: Project, server: CountingServer
) -> None:
    """The same budget buys nothing more."""
    project.providers(models={"small": {"pricing": PRICES}})
    project.suite(rows(10))
    closed = project.start(budget_usd=0.002)
    project.go_on(closed.folder)
    assert len(server.calls) == 3


def test_answers_without_a_price_are_counted_in_the_manifest(
    project: Project, server: CountingServer
) -> None:
    """The budget does not see them, and the manifest says how many."""
    project.suite(rows(4))
    server.script = lambda call: failing(500) if call.nth == 1 else Reply("yes")
    closed = project.start(budget_usd=0.000001)
    assert (closed.manifest["unpriced_attempts"], closed.manifest["spent_usd"]) == (4, 0.0)
    assert closed.outlook.state == "complete"


def test_a_second_run_with_the_cache_sends_nothing(
    project: Project, server: CountingServer
) -> None:
    """Stored answers stand in for requests; they are marked and keep their own latency."""
    first = trials(project.start(cache=True).folder)
    server.forget()
    second = trials(project.start(cache=True).folder)
    assert len(server.calls) == 0
    for name, found in second.items():
        (attempt,) = found.attempts
        assert (True, first[name].attempts[0].service_ms) == (attempt.cached, attempt.service_ms)
    assert {1.0} == {score(found) for found in second.values()}


def test_repeats_do_not_share_a_cached_answer(project: Project, server: CountingServer) -> None:
    """Three repeats are three draws, in the cache as well."""
    project.suite(rows(2))
    project.start(cache=True, repeats=3)
    assert dict(server.asked) == {"s0": 3, "s1": 3}
    project.start(cache=True, repeats=3)
    assert len(server.calls) == 6


def test_an_answer_that_was_malformed_is_replayed_with_the_one_after_it(
    project: Project, server: CountingServer
) -> None:
    """The cache keeps which answer of a trial it was: the story comes back whole."""
    server.script = by_turn(Reply(BAD), Reply(GOOD))
    json_suite(project, max_attempts=2)
    project.start(cache=True)
    found = only(project.start(cache=True).folder)
    assert len(server.calls) == 2
    assert (found.first_rung, found.output_rung) == ("not_json", "valid")
    assert [a.cached for a in found.attempts] == [True, True]


def test_errors_are_asked_again_by_a_second_run_with_the_cache(
    project: Project, server: CountingServer
) -> None:
    """A failure is never an answer that is kept."""
    project.suite(rows(1))
    server.script = by_turn(failing(400), Reply("yes"))
    assert only(project.start(cache=True).folder).status == "error"
    assert only(project.start(cache=True).folder).status == "ok"


# ------------------------------------------------------------------ what is recorded


def test_an_attempt_records_what_was_sent_and_what_came(
    project: Project, server: CountingServer
) -> None:
    """Parameters, usage, the model as returned and the request's id stand in the journal."""
    project.suite(rows(1))
    (line,) = [one for one in lines(project.start().folder) if one["event"] == "attempt"]
    assert line["params"] == {"temperature": 0, "max_tokens": 16}
    assert (line["usage"]["input"], line["usage"]["output"]) == (10, 5)
    assert line["model_returned"] == "small-2026-11-01"
    assert (
        line["finish_reason"], line["http_status"], line["request_id"]
    ) == ("stop", 200, "call-1")  # fmt: skip
    assert line["service_ms"] > 0
    assert line["ttft_ms"] is None


def test_no_more_requests_are_under_way_than_the_provider_allows(
    project: Project, server: CountingServer
) -> None:
    """Concurrency 3 is 3 at the server, however many samples there are."""
    project.providers(limits={"concurrency": 3})
    project.suite(rows(40))
    project.start()
    assert 1 <= server.most_at_once <= 3


def test_more_concurrency_on_the_command_line_reaches_the_server(
    project: Project, server: CountingServer
) -> None:
    """--concurrency opens as many connections as it says, past the provider's own number."""
    import threading

    together = threading.Barrier(6)

    def script(call: Call) -> Reply:
        together.wait(10)
        return Reply("yes")

    server.script = script
    project.providers(limits={"concurrency": 2})
    project.suite(rows(6))
    closed = project.start(concurrency=6)
    assert closed.outlook.counts == {"ok": 6}
    assert closed.manifest["gates"]["toy"]["concurrency"] == 6


@pytest.mark.parametrize("secret", ["sk-live-0123456789abcdef"])
def test_a_key_that_the_server_echoes_stands_nowhere(
    project: Project, server: CountingServer, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """In bodies, messages, answers and headers: no file of the run holds it."""
    monkeypatch.setenv("TOY_KEY", secret)

    def script(call: Call) -> Reply:
        assert f"Bearer {secret}" == call.headers["Authorization"]
        replies = {
            "s0": failing(401, f"Incorrect API key provided: {secret}"),
            "s1": Reply(f"your key is {secret}"),
            "s2": Reply(raw=f"<html>{secret}".encode()),
            "s3": failing(429, f"slow {secret}", x_request_id=secret, retry_after="1"),
        }
        return replies[call.sample_id]

    server.script = script
    project.providers(api_key_env="TOY_KEY")
    closed = project.start(cache=True)
    assert len(server.calls) >= 4
    files = [p for p in project.root.rglob("*") if p.is_file()]
    assert any(p.name == "journal.jsonl" for p in files)
    assert [p.name for p in files if secret.encode() in p.read_bytes()] == []
    assert "Incorrect API key" in (closed.folder / "journal.jsonl").read_text()
