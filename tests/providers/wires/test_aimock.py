"""All wires against aimock, a second server that this project did not write (npm, one package).

It is installed once into `.evalkit/aimock` where node and npm are there; elsewhere these tests
are skipped and say why.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.core.errors import ProviderError
from evalkit.core.records import Message

pytestmark = pytest.mark.anyio

HERE = Path(__file__).resolve().parent.parent / "aimock"
CACHE = Path(__file__).resolve().parents[3] / ".evalkit" / "aimock"
KEY = "sk-test-0123456789"
WIRES = ("openai_chat", "openai_responses", "anthropic_messages", "gemini")
STREAMED = [False, True]


def installed() -> Path:
    """The program's file, installed now if it is not yet; skips where that cannot be."""
    package = json.loads((HERE / "package.json").read_text())
    ((name, version),) = package["dependencies"].items()
    folder = CACHE / "node_modules" / name
    manifest = folder / "package.json"
    if manifest.is_file() and json.loads(manifest.read_text())["version"] == version:
        return folder / "dist" / "cli.js"
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: aimock cannot be fetched")
    CACHE.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "package.json", CACHE / "package.json")
    flags = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    try:
        done = subprocess.run(
            [npm, "install", "--prefix", str(CACHE), *flags],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm did not install aimock within 120 s")
    if done.returncode != 0 or not manifest.is_file():
        pytest.skip(f"npm could not install aimock: {done.stderr.strip()[-300:]}")
    return folder / "dist" / "cli.js"


@pytest.fixture(scope="session")
def aimock_url() -> Iterator[str]:
    """The address of a running aimock with this project's fixtures."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: aimock cannot run")
    command = [node, str(installed()), "--port", "0", "--fixtures", str(HERE / "fixtures.json")]
    server = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"AIMOCK_API_KEYS": KEY, "PATH": str(Path(node).parent)},
    )
    try:
        yield address(server)
    finally:
        server.terminate()
        server.wait(timeout=10)
        if server.stdout is not None:
            server.stdout.close()


def address(server: subprocess.Popen[str]) -> str:
    said = []
    for line in server.stdout or ():
        said.append(line)
        if found := re.search(r"listening on (http://\S+)", line):
            return found.group(1)
    pytest.skip(f"aimock did not start: {''.join(said)[-300:]}")


@pytest.fixture
def ask_mock(kit: SimpleNamespace, aimock_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TEST_API_KEY", KEY)

    async def ask(wire: str, text: str, output: str = "text", **changes: Any) -> Any:
        url = f"{aimock_url}/v1" if wire.startswith("openai") else aimock_url
        given = {"messages": (Message(role="user", content=text),), **changes}
        spec = kit.spec(wire, url, api_key_env="TEST_API_KEY")
        return await kit.ask(spec, kit.request(output, **given))

    return ask


@pytest.mark.parametrize("stream", STREAMED)
@pytest.mark.parametrize("wire", WIRES)
async def test_text_reasoning_usage_and_names_are_understood(
    wire: str, stream: bool, ask_mock: Any
) -> None:
    """In each vendor's own shape, streamed in pieces of twenty characters or whole."""
    completion = await ask_mock(wire, "What is the total?", stream=stream)
    assert (
        completion.text,
        completion.reasoning,
        completion.finish_reason,
    ) == ("The total is 42 EUR, which is twice 21.", "21+21", "stop")
    assert (completion.usage.input, completion.usage.output) == (20, 9)
    assert (completion.model_returned or "served-1") == "served-1"
    assert completion.request_id
    assert (completion.ttft_ms is not None) == stream


@pytest.mark.parametrize("stream", STREAMED)
@pytest.mark.parametrize("wire", WIRES)
async def test_a_tool_call_is_understood(wire: str, stream: bool, ask_mock: Any) -> None:
    """Name and arguments, whatever their form on the wire."""
    completion = await ask_mock(wire, "How is the weather?", "tool_calls", stream=stream)
    (called,) = completion.tool_calls
    assert (called.name, json.loads(called.arguments)) == ("get_weather", {"city": "Ulm"})
    assert completion.finish_reason == "tool_calls"


@pytest.mark.parametrize("stream", STREAMED)
@pytest.mark.parametrize("wire", ["openai_chat", "anthropic_messages", "gemini"])
async def test_a_length_stop_is_understood(wire: str, stream: bool, ask_mock: Any) -> None:
    """Each vendor's own word for it."""
    completion = await ask_mock(wire, "cut it", stream=stream)
    assert completion.finish_reason == "length"


@pytest.mark.parametrize("stream", STREAMED)
async def test_a_content_filter_is_a_refusal(stream: bool, ask_mock: Any) -> None:
    """A signal of the provider's, not an answer."""
    completion = await ask_mock("openai_chat", "filtered", stream=stream)
    assert (completion.refusal, completion.finish_reason) == ("content_filter", "content_filter")


async def test_the_schema_form_is_recognised(ask_mock: Any) -> None:
    """This fixture answers only to a request whose `response_format` is a JSON schema."""
    completion = await ask_mock("openai_chat", "the invoice", "json", mode="json_schema")
    assert json.loads(completion.text) == {"total": 42, "vendor": "ACME"}


@pytest.mark.parametrize("stream", STREAMED)
@pytest.mark.parametrize("wire", WIRES)
async def test_a_rate_limit_tells_how_long_to_wait(wire: str, stream: bool, ask_mock: Any) -> None:
    """Retry-After in seconds."""
    with pytest.raises(ProviderError, match="Slow down") as caught:
        await ask_mock(wire, "busy?", stream=stream)
    assert (
        caught.value.kind,
        caught.value.http_status,
        caught.value.retry_after_s,
    ) == ("rate_limited", 429, 3.0)


@pytest.mark.parametrize("wire", WIRES)
async def test_a_wrong_key_is_refused_and_not_shown(
    wire: str, ask_mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server checks each vendor's header."""
    monkeypatch.setenv("TEST_API_KEY", "sk-wrong-0123456789")
    with pytest.raises(ProviderError) as caught:
        await ask_mock(wire, "What is the total?")
    assert (caught.value.kind, caught.value.http_status) == ("auth", 401)
    assert "sk-wrong" not in f"{caught.value} {caught.value.body}"


@pytest.mark.parametrize("wire", WIRES)
async def test_an_unknown_question_is_not_found(wire: str, ask_mock: Any) -> None:
    """404 of the server, in each vendor's error shape."""
    with pytest.raises(ProviderError) as caught:
        await ask_mock(wire, "nothing that a fixture knows")
    assert (caught.value.kind, caught.value.http_status) == ("not_found", 404)
