"""Portkey's own gateway with an exported config: who is asked, who then, and who never.

Opt-in: `npm install @portkey-ai/gateway`, and EVALKIT_PORTKEY names its build/start-server.js.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.recorded import write_suite
from tests.cli.test_route import cheap_and_dear

SERVER = os.environ.get("EVALKIT_PORTKEY")
if SERVER is None:
    pytest.skip(
        "EVALKIT_PORTKEY names build/start-server.js of @portkey-ai/gateway",
        allow_module_level=True,
    )

if shutil.which("envsubst") is None:
    pytest.skip("envsubst (gettext) is not installed", allow_module_level=True)

EU = "{allowed_sensitivity: internal, regions: [eu]}"
US = "{allowed_sensitivity: internal, regions: [us]}"


class Vendor(BaseHTTPRequestHandler):
    """A server of OpenAI's chat completions that fails for the models named; 0 hangs."""

    failing: dict[str, int] = {}
    says: dict[str, str] = {}
    asked: list[tuple[str, str]] = []
    over = threading.Event()

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        model = request["model"]
        self.asked.append((model, self.headers["authorization"]))
        code = self.failing.get(model, 200)
        if code == 0:
            self.over.wait(30)
            return
        message = {"role": "assistant", "content": self.says.get(model, f"by {model}")}
        answer = {"error": {"message": "down"}} if code != 200 else {
            "id": "x", "object": "chat.completion", "created": 1, "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }  # fmt: skip
        body = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def vendor() -> Iterator[str]:
    """Its address."""
    Vendor.failing, Vendor.asked, Vendor.over = {}, [], threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    server.daemon_threads = False  # they are waited for at the end
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    Vendor.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    """Portkey's gateway, started as its package starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    child = subprocess.Popen(
        ["node", str(SERVER), f"--port={port}", "--headless"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert child.poll() is None, "the gateway has ended"
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/v1/chat/completions"
    child.terminate()
    child.wait()


@pytest.fixture
def config(evalkit: Any, vendor: str) -> dict[str, Any]:
    """The exported config of three equal arms, of which the third may not see the data."""
    write_suite(120)
    entries = []
    for place, (name, declared) in enumerate({"first": EU, "second": EU, "far": US}.items()):
        rows = [
            {"sample_id": f"s{n}", "model": "m", "text": "yes", "service_ms": 100.0,
             "cost_usd": 0.01 * (3 - place if name == "far" else place + 2),
             "recorded_at": "2026-10-01T00:00:00Z"}
            for n in range(120)
        ]  # fmt: skip
        Path(f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        entries.append(
            f"  {name}: {{wire: replay, path: {name}.jsonl, governance: {declared}, "
            f"limits: {{timeout_s: 1}}, models: {{m: {{model: {name}}}}}}}\n"
        )
    Path("log.yaml").write_text("providers:\n" + "".join(entries))
    said = evalkit("run", "suites/yesno", "--providers", "log.yaml", "--json")
    assert said.code == 0, said.err
    Path("business.yaml").write_text("schema_version: 1\nrequire: {yesno: {regions: [eu]}}\n")
    said = evalkit(
        "route", json.loads(said.out)["path"], "--profile", "business.yaml", "--export", "portkey",
        "-o", "portkey.json", "--margin", "0.1",
    )  # fmt: skip
    assert said.code == 0, said.err
    bases = {f"{name}_M_API_BASE": vendor for name in ("FIRST", "SECOND", "FAR")}
    keys = {f"{name}_M_API_KEY": f"key-{name}" for name in ("FIRST", "SECOND", "FAR")}
    page = (Path(__file__).parents[2] / "docs" / "routing.md").read_text()
    command = next(line for line in page.splitlines() if line.startswith("envsubst "))
    subprocess.run(["sh", "-c", command], check=True, env={**os.environ, **bases, **keys})
    filled: dict[str, Any] = json.loads(Path("filled.json").read_text())
    return filled


def ask(gateway: str, config: dict[str, Any], task: str | None = "yesno") -> tuple[int, str]:
    """Send a request; return the status, and what was answered."""
    headers = {"content-type": "application/json", "x-portkey-config": json.dumps(config)}
    if task is not None:
        headers["x-portkey-metadata"] = json.dumps({"task": task})
    body = json.dumps({"model": "any", "messages": [{"role": "user", "content": "hi"}]})
    request = urllib.request.Request(gateway, body.encode(), headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return answer.status, json.load(answer)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def models_asked() -> list[str]:
    return list(dict.fromkeys(model for model, _ in Vendor.asked))


def test_the_first_target_is_asked_alone(gateway: str, config: dict[str, Any]) -> None:
    """With its own key."""
    assert ask(gateway, config) == (200, "by first")
    assert Vendor.asked == [("first", "Bearer key-FIRST")]


@pytest.mark.parametrize("code", [400, 401, 404, 408, 410, 429, 500, 503, 529, 0])
def test_where_it_fails_the_fallback_answers(
    gateway: str, config: dict[str, Any], code: int
) -> None:
    """However: retired, refused, overloaded, down, or too slow (0)."""
    Vendor.failing = {"first": code}
    assert ask(gateway, config) == (200, "by second")
    assert models_asked() == ["first", "second"]


def test_a_server_that_is_gone_is_a_failure(gateway: str, config: dict[str, Any]) -> None:
    """Nothing listens there."""
    config["targets"][0]["targets"][0]["custom_host"] = "http://127.0.0.1:1/v1"
    assert ask(gateway, config) == (200, "by second")


def test_who_may_not_see_the_data_is_never_asked(gateway: str, config: dict[str, Any]) -> None:
    """Not even where all others fail: the request fails."""
    Vendor.failing = {"first": 500, "second": 500}
    status, _ = ask(gateway, config)
    assert (status, models_asked()) == (500, ["first", "second"])
    assert "FAR" not in json.dumps(config)


@pytest.mark.parametrize("task", [None, "YESNO", "other"])
def test_a_request_of_no_known_task_reaches_nobody(
    gateway: str, config: dict[str, Any], task: str | None
) -> None:
    """The gateway answers 400."""
    assert ask(gateway, config, task)[0] == 400
    assert Vendor.asked == []


def test_a_malformed_answer_goes_on_by_a_guardrail(gateway: str, config: dict[str, Any]) -> None:
    """As docs/routing.md shows it, put into the first target by hand."""
    guardrail = {"default.jsonSchema": {"schema": {"type": "object"}}, "deny": True}
    config["targets"][0]["targets"][0]["output_guardrails"] = [guardrail]
    assert ask(gateway, config) == (200, "by second")
    assert models_asked() == ["first", "second"]


@pytest.mark.parametrize(
    ("said", "answer", "asked"),
    [("yes", "yes", ["cheap"]), ("I think so", "by dear", ["cheap", "dear"])],
)
def test_a_cascade_brings_its_guardrail_with_it(
    evalkit: Any, gateway: str, vendor: str, said: str, answer: str, asked: list[str]
) -> None:
    """The labels of the suite as a pattern: what is none of them goes on, and the last is taken."""
    run = cheap_and_dear(evalkit)
    done = evalkit("route", run, "--export", "portkey", "-o", "portkey.json")
    assert done.code == 0, done.err
    text = Path("portkey.json").read_text()
    for name in ("CHEAP", "DEAR"):
        text = text.replace(f"${{LOG_{name}_API_BASE}}", vendor)
    Vendor.says = {"cheap": said}
    assert ask(gateway, json.loads(text)) == (200, answer)
    assert models_asked() == asked
