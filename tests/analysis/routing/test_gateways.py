"""A policy for a gateway: every hop at the address that was declared, keys by name, no default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.analysis.routing.gateways import FORMATS, gateway_document
from evalkit.core.errors import ConfigError
from evalkit.providers.catalogue import load_catalogue


def export(
    tmp_path: Path, form: str, *providers: str, fallbacks: tuple[str, ...] = ()
) -> tuple[dict[str, Any], list[str]]:
    """Export a policy that asks `a:m`, then `b:m` where there are two, of these providers."""
    file = tmp_path / "providers.yaml"
    names = "abc"[: len(providers)]
    file.write_text(
        "providers:\n"
        + "".join(
            f"  {n}: {{{own}, models: {{m: {{}}}}}}\n"
            for n, own in zip(names, providers, strict=True)
        )
    )
    route = [{"when": "always", "arm": "a:m"}, {"when": "not accepted", "arm": "b:m"}]
    steps = route[: 1 if fallbacks else len(providers)]
    policy = {"tasks": {"t": {"route": steps, "fallbacks": list(fallbacks), "accept": "usable"}}}
    models = {f"{name}:m": f"{name}:m" for name in names}
    return gateway_document(form, policy, load_catalogue(file), models, {})


def first_target(tmp_path: Path, provider: str) -> dict[str, Any]:
    target: dict[str, Any] = export(tmp_path, "portkey", provider)[0]["targets"][0]["targets"][0]
    return target


@pytest.mark.parametrize(
    ("provider", "host"),
    [
        ("wire: openai_chat", None),
        ("wire: openai_chat, base_url: https://api.openai.com/v1", None),
        ("wire: openai_chat, base_url: https://eu.api.openai.com/v1",
         "https://eu.api.openai.com/v1"),
        ("wire: openai_chat, base_url: https://api.openai.com.example.org/v1",
         "https://api.openai.com.example.org/v1"),
        ("wire: openai_chat, base_url: http://gpu:8000/v1/", "http://gpu:8000/v1"),
        ("wire: anthropic_messages, base_url: https://api.anthropic.com", None),
        ("wire: anthropic_messages, base_url: https://proxy.example.org",
         "https://proxy.example.org/v1"),
        ("wire: gemini, base_url: https://generativelanguage.googleapis.com", None),
        ("wire: gemini, base_url: https://proxy.example.org", "https://proxy.example.org"),
        ("wire: replay, path: log.jsonl", "${A_M_API_BASE}"),
    ],
)  # fmt: skip
def test_a_hop_goes_to_the_address_that_was_declared(
    tmp_path: Path, provider: str, host: str | None
) -> None:
    """A region's host is not the vendor's own: data that must stay there would leave it."""
    assert first_target(tmp_path, provider).get("custom_host") == host
    model = export(tmp_path, "litellm", provider)[0]["model_list"][0]["litellm_params"]
    assert ("api_base" in model) == (host is not None)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", ["azure", "bedrock", "vertex"])
def test_a_vendors_sdk_is_refused(tmp_path: Path, form: str, kind: str) -> None:
    """Else the hop would go to the model maker's own API, which nobody has declared."""
    with pytest.raises(ConfigError, match=rf"a:m is reached through .*\(kind: {kind}\)"):
        export(tmp_path, form, f"wire: anthropic_messages, client: sdk, sdk: {{kind: {kind}}}")


def test_the_plain_sdk_is_the_vendors_own_api(tmp_path: Path) -> None:
    """It is a client, no other place."""
    assert "custom_host" not in first_target(tmp_path, "wire: anthropic_messages, client: sdk")


def test_keys_are_variables_and_none_is_none(tmp_path: Path) -> None:
    """As `envsubst` fills them in."""
    assert first_target(tmp_path, "wire: openai_chat, api_key_env: MY_KEY")["api_key"] == (
        "${MY_KEY}"
    )
    assert first_target(tmp_path, "wire: openai_chat")["api_key"] == "none"


def test_a_request_of_no_known_task_has_no_target(tmp_path: Path) -> None:
    """No default: nobody said who may see it."""
    strategy = export(tmp_path, "portkey", "wire: openai_chat")[0]["strategy"]
    assert strategy == {
        "mode": "conditional",
        "conditions": [{"query": {"metadata.task": {"$eq": "t"}}, "then": "t"}],
    }


def test_every_failure_goes_on_and_a_slow_hop_is_cut(tmp_path: Path) -> None:
    """A list of codes would leave out 404 (retired) and 408 (cut)."""
    document, _ = export(
        tmp_path, "portkey", "wire: openai_chat, limits: {timeout_s: 2.5}", "wire: openai_chat"
    )
    assert document["targets"][0]["strategy"] == {"mode": "fallback"}
    assert [own["request_timeout"] for own in document["targets"][0]["targets"]] == [2500, 120_000]


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("10.0.0.5", True), ("192.168.1.7", True), ("gpu.internal", True), ("100.64.0.1", True),
        ("127.0.0.1", False), ("localhost", False), ("gpu", False), ("api.groq.com", False),
    ],
)  # fmt: skip
def test_hosts_that_portkey_takes_only_by_name_are_said(
    tmp_path: Path, host: str, private: bool
) -> None:
    """Its gateway refuses private networks, unless it is started with their names."""
    _, notes = export(tmp_path, "portkey", f"wire: openai_chat, base_url: http://{host}:8000/v1")
    assert [note.rpartition("=")[2] for note in notes] == ([host] if private else [])


def test_what_a_malformed_answer_needs_is_said_of_cascades_alone(tmp_path: Path) -> None:
    """A fallback is for failures."""
    two = ("wire: openai_chat", "wire: openai_chat")
    (note,) = export(tmp_path, "portkey", *two)[1]
    assert note.startswith("t: a malformed answer does not go on to b:m by itself")
    document, notes = export(tmp_path, "portkey", *two, fallbacks=("b:m",))
    assert notes == []
    assert len(json.dumps(document).split('"override_params"')) == 3
