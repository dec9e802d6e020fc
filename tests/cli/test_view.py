"""`evalkit view`: the reports of a folder, on loopback, for those who ask for it by its name."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit import api
from tests.cli.recorded import record, run, write_suite


@pytest.fixture
def shelf(evalkit: Any) -> Path:
    """A folder of two runs of one suite."""
    write_suite(40)
    run(evalkit, record({"a": [1], "b": range(8)}, 40))
    run(evalkit, record({"a": range(20), "b": [0]}, 40, name="later"))
    return Path("results")


@pytest.fixture
def ask(shelf: Path) -> Iterator[Any]:
    """A served folder: `ask(path, method=, host=)` gives status, headers and text."""
    server = api.view(shelf)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    port = server.server_address[1]

    def asked(path: str, method: str = "GET", host: str | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", f"127.0.0.1:{port}" if host is None else host)
        connection.endheaders()
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.getheaders()), text

    yield asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_index_lists_the_runs_and_their_history(ask: Any, shelf: Path) -> None:
    """Newest first, each with a link to its page; the suite with its models over time."""
    status, _, page = ask("/")
    started = {
        json.loads((path / "run.json").read_text())["started_at"]: path.name
        for path in shelf.iterdir()
    }
    names = [started[moment] for moment in sorted(started)]
    assert status == 200
    assert page.index(f"/run/{names[1]}") < page.index(f"/run/{names[0]}")
    assert 'href="/suite/yesno"' in page
    assert "<svg" in page


def test_a_run_and_a_suite_have_pages(ask: Any, shelf: Path) -> None:
    """The report of the run, and of the suite over both runs; both lead back."""
    name = min(path.name for path in shelf.iterdir())
    status, _, page = ask(f"/run/{name}")
    assert (status, "Over time" in page, 'href="/"' in page) == (200, False, True)
    status, _, page = ask("/suite/yesno")
    assert (status, "Over time" in page, 'href="/"' in page) == (200, True, True)


def test_answers_may_not_be_framed_kept_or_guessed(ask: Any) -> None:
    """Headers of every answer, an error's too."""
    for path in ("/", "/nothing"):
        headers = ask(path)[1]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1:1", "", "0.0.0.0"])  # noqa: S104
def test_requests_meant_for_another_host_are_refused(ask: Any, host: str) -> None:
    """Another site's name that was made to point here reads nothing."""
    status, _, page = ask("/", host=host)
    assert status == 421
    assert "yesno" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/run/../../etc/passwd",
        "/run/..%2f..%2fetc%2fpasswd",
        "/run/%2e%2e",
        "/run/.",
        "/run/",
        "/run/\\..\\x",
        "/suite/../yesno",
        "/etc/passwd",
        "/run/%00",
        "/run/%ff%fe",
        "/favicon.ico",
    ],
)
def test_no_path_is_taken_from_an_address(ask: Any, path: str) -> None:
    """Only names in the listing are found."""
    status, _, page = ask(path)
    assert status == 404
    assert "root:x:" not in page


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed(ask: Any, method: str) -> None:
    """GET and HEAD alone are understood."""
    assert ask("/", method=method)[0] == 501


def test_head_tells_the_length_alone(ask: Any) -> None:
    """As GET, without the page."""
    status, headers, text = ask("/", method="HEAD")
    assert (status, text) == (200, "")
    assert int(headers["Content-Length"]) == len(ask("/")[2].encode())


def test_a_page_is_kept_until_its_run_changes(
    ask: Any, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made once for two readers, and anew when summary.json was written again."""
    made = []
    real = api.reporting.report_html
    monkeypatch.setattr(
        api.reporting, "report_html", lambda *a, **k: (made.append(1), real(*a, **k))[1]
    )
    folder = min(shelf.iterdir())
    for _ in range(2):
        ask(f"/run/{folder.name}")
    assert len(made) == 1
    os.utime(folder / "summary.json", ns=(1, 1))
    ask(f"/run/{folder.name}")
    assert len(made) == 2


def test_a_new_run_shows_on_reload(ask: Any, shelf: Path, evalkit: Any) -> None:
    """The folder is looked at whenever the index is asked for."""
    ask("/")
    new = run(evalkit, record({"a": [], "b": []}, 40, name="third"))
    assert f"/run/{new.name}" in ask("/")[2]
    shutil.rmtree(new)
    assert ask(f"/run/{new.name}")[0] == 404


def test_a_broken_run_says_why_and_the_others_are_served(ask: Any, shelf: Path) -> None:
    """One line on the index; its page is an error, and no traceback."""
    first, second = sorted(shelf.iterdir())
    (first / "run.json").write_text("{")
    (second / "journal.jsonl").write_text((second / "journal.jsonl").read_text() + "edited\n")
    assert "cannot be read" in ask("/")[2]
    for folder in (first, second):
        status, _, page = ask(f"/run/{folder.name}")
        assert status == 500
        assert "Traceback" not in page
    assert ask("/")[0] == 200


def test_an_edited_run_leaves_its_suites_page_to_the_others(ask: Any, shelf: Path) -> None:
    """The page names it, and from then on the index does."""
    edited, _ = sorted(shelf.iterdir())
    path = edited / "journal.jsonl"
    path.write_text(path.read_text().replace('"text":"yes"', '"text":"YES"', 1))
    status, _, page = ask("/suite/yesno")
    assert status == 200
    assert "left out" in page
    assert str(edited.name) in page
    assert "does not follow" in ask("/")[2] or "edited" in ask("/")[2]


def test_strange_names_stay_text(ask: Any, shelf: Path) -> None:
    """A folder's, a suite's and an arm's name are data."""
    folder = shelf / "<img src=x onerror=alert(1)>"
    shutil.copytree(min(shelf.iterdir()), folder)
    summary = json.loads((folder / "summary.json").read_text())
    summary["rows"][0]["arm"] = "</script><script>alert(2)</script>"
    (folder / "summary.json").write_text(json.dumps(summary))
    page = ask("/")[2]
    assert "<img" not in page
    assert "alert(2)</script>" not in page
    assert "/run/%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E" in page
    assert ask("/run/%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E")[0] == 200


def test_what_cannot_be_served_is_one_line(evalkit: Any, shelf: Path) -> None:
    """No folder, and a port that is taken or none."""
    server = api.view(shelf)
    taken = server.server_address[1]
    for arguments in (["gone"], ["results", "--port", taken], ["results", "--port", 99999]):
        said = evalkit("view", *arguments)
        assert said.code == 2
        assert len(said.err.strip().splitlines()) == 1
    server.server_close()


def test_the_real_process_serves_and_ends_by_interrupt(shelf: Path) -> None:
    """The address stands on stdout; Ctrl-C ends it as other commands."""
    command = [sys.executable, "-m", "evalkit", "view", str(shelf), "--port", "0", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as own:
        assert own.stdout is not None
        text = ""
        while not text.rstrip().endswith("}"):
            text += own.stdout.readline()
        address = json.loads(text)["url"]
        connection = http.client.HTTPConnection(address.split("/")[2], timeout=30)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
        own.send_signal(signal.SIGINT)
        _, said = own.communicate(timeout=30)
    assert own.returncode == 130
    assert "Traceback" not in said
