"""Control-C: what is under way may end, nothing new is sent, and the run can go on."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from project import Project, lines, rows, score, trials
from server import Call, CountingServer, Reply, always

from evalkit.run.folder import Run


class Gatekeeper:
    """Holds every call from a number on until it is let go; tells when so many are held."""

    def __init__(self, first: int, held: int) -> None:
        self.first, self.wanted = first, held
        self.full = threading.Event()
        self.let_go = threading.Event()
        self._held = 0

    def __call__(self, call: Call) -> Reply:
        if call.number <= self.first:
            return Reply("yes")
        self._held += 1
        if self._held >= self.wanted:
            self.full.set()
        return Reply("yes", wait_for=self.let_go)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupted_run_is_closed_and_can_go_on(
    project: Project, server: CountingServer, number: signal.Signals
) -> None:
    """Calls under way are answered and graded; the journal is closed with its hash."""
    project.suite(rows(30))
    server.script = keeper = Gatekeeper(8, held=4)
    process = project.beside()
    try:
        assert keeper.full.wait(20)
        process.send_signal(number)
        keeper.let_go.set()
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out, err) == (0, "interrupted\n", "")
    folder = project.only_run()
    run = Run(folder)
    assert (run.manifest["state"], run.is_open) == ("interrupted", False)
    done = trials(folder)
    assert 12 <= len(done) < 30
    assert {1.0} == {score(t) for t in done.values()}
    assert len(server.calls) == len(done)
    server.script = always("yes")
    assert project.go_on(folder).outlook.state == "complete"
    assert {1} == set(server.asked.values())
    assert len(trials(folder)) == 30


def test_a_second_interruption_ends_the_run_at_once(
    project: Project, server: CountingServer
) -> None:
    """A server that never answers cannot hold a user; the journal is closed all the same."""
    project.suite(rows(30))
    server.script = keeper = Gatekeeper(8, held=4)
    process = project.beside()
    try:
        assert keeper.full.wait(20)
        os.kill(process.pid, signal.SIGINT)
        with pytest.raises(Exception, match="timed out"):
            process.wait(0.2)  # the first one waits for what is under way
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=5)
    finally:
        process.kill()
        process.communicate()
        keeper.let_go.set()
    assert (process.returncode, out, err) == (0, "interrupted\n", "")
    folder = project.only_run()
    run = Run(folder)
    assert (run.manifest["state"], run.is_open) == ("interrupted", False)
    assert run.check().lines == 16
    assert {
        name: sum(line["event"] == name for line in lines(folder)) for name in ("attempt", "trial")
    } == {"attempt": 8, "trial": 8}
    server.script = always("yes")
    project.go_on(folder)
    assert len(trials(folder)) == 30
    assert sum(server.asked.values()) - 30 <= 4


def test_an_interruption_before_anything_is_sent_leaves_no_run(
    project: Project, server: CountingServer
) -> None:
    """A plan that its user declines sends nothing and writes nothing."""
    from evalkit.core.errors import ConfigError
    from evalkit.run.execute import start

    with pytest.raises(ConfigError, match="declined"):
        start(project.options(), confirm=lambda plan: False)
    assert len(server.calls) == 0
    assert not (project.root / "results").exists()
