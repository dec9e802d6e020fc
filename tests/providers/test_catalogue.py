"""providers.yaml: every key checked with its line, keys only named, nothing sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError
from evalkit.core.ports import ADAPTERS
from evalkit.providers import catalogue
from evalkit.providers.catalogue import (
    Limits,
    find_file,
    load_catalogue,
    missing,
    model_spec,
    names,
)

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk-live-abcdefghij0123456789"


@pytest.fixture
def load(tmp_path: Path):
    def load_text(text: str | bytes):
        file = tmp_path / "providers.yaml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_catalogue(file)

    return load_text


@pytest.fixture
def load_one(load):
    """Load one provider `p` with these keys."""

    def load_keys(**keys: Any):
        said = {"wire": "openai_chat", "models": {"m": {}}, **keys}
        kept = {key: value for key, value in said.items() if value is not None}
        return load(yaml.safe_dump({"providers": {"p": kept}}, sort_keys=False)).providers["p"]

    return load_keys


def problems_of(work: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        work()
    assert all("\n" not in problem for problem in caught.value.problems)
    return [problem.rpartition("/providers.yaml:")[2] for problem in caught.value.problems]


def test_a_provider_of_the_contract_is_read_whole(load) -> None:
    """The documented example, dates and `no` unquoted."""
    loaded = load("""
schema_version: 1
providers:
  openai:
    wire: openai_chat
    base_url: https://api.openai.com/v1/
    api_key_env: OPENAI_API_KEY
    client: http
    limits: {concurrency: 64, rpm: 5000, tpm: 2000000, timeout_s: 120, max_attempts: 5}
    governance: {processor: OpenAI, jurisdiction: us, regions: [us], subprocessors: null,
      retention_days: 30, trains_on_data: no, allowed_sensitivity: internal,
      evidence_url: "https://example.org", as_of: 2026-11-01}
    models:
      gpt-5-mini: {weights: closed, structured: json_schema}
      scout: {model: org/Scout, weights: open_restricted, licence: X, base: null,
        same_weights: scout, quantisation: null, retires_on: 2027-01-31, params: {temperature: 0},
        pricing: {mode: self_hosted, usd_per_gpu_hour: {low: 1, mode: 2, high: 3}, gpus: 1}}
""")
    provider, model = loaded.find("openai:scout")
    assert provider.base_url == "https://api.openai.com/v1"
    assert provider.limits == Limits(
        concurrency=64, rpm=5000, tpm=2000000, timeout_s=120, max_attempts=5
    )
    assert provider.governance.trains_on_data == "no"
    assert provider.governance.regions == ("us",)
    assert provider.governance.as_of == "2026-11-01"
    assert (model.wire_name, model.retires_on) == ("org/Scout", "2027-01-31")
    assert list(names(loaded)) == ["openai:gpt-5-mini", "openai:scout"]
    assert model.where.endswith("providers.yaml:15")
    assert model_spec(provider, model).wire_name == "org/Scout"


def test_the_projects_own_file_is_sound() -> None:
    """What a newcomer copies; it names no key."""
    loaded = load_catalogue(ROOT / "providers.yaml")
    assert {"local", "classical", "rules"} <= set(loaded.providers)
    for provider in loaded.providers.values():
        assert provider.governance.allowed_sensitivity is not None


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"wire": None}, "`wire` is missing; it is one of openai_chat, "),
        ({"wire": "openai"}, "unknown wire 'openai'; known: openai_chat, "),
        ({"wrie": "x"}, "unknown key 'wrie'; did you mean 'wire'?"),
        ({"base_url": "api.openai.com"}, "`base_url` must be an http or https address"),
        ({"base_url": "http://"}, "`base_url` must be an http or https address"),
        ({"base_url": "http://h:port/v1"}, "`base_url` must be an http or https address"),
        ({"base_url": "http://h:99999/v1"}, "`base_url` must be an http or https address"),
        ({"base_url": "http://[::1/v1"}, "`base_url` must be an http or https address"),
        ({"base_url": "${EVALKIT_UNSET}"}, "`base_url` must be an http or https address without "
         "a password, got '${EVALKIT_UNSET}' (not set)"),
        ({"client": "curl"}, "`client` got 'curl'; allowed: 'http', 'sdk'"),
        ({"limits": {"rpm": 0}}, "`rpm` must be a number above 0, got 0"),
        ({"limits": {"concurrency": 0.5}}, "`concurrency` must be a whole number above 0, got 0.5"),
        ({"limits": {"concurency": 1}}, "unknown key 'concurency'; did you mean 'concurrency'?"),
        ({"limits": 7}, "`limits` must be a mapping, got 7"),
        ({"governance": {"trains_on_data": "never"}}, "`trains_on_data` got 'never'; allowed: "
         "'yes', 'no', 'opt_out', 'unknown'"),
        ({"governance": {"allowed_sensitivity": "secret"}}, "`allowed_sensitivity` got 's"),
        ({"governance": {"regions": [False]}}, "`regions` must be a list of texts, got False; put"),
        ({"governance": {"retention_days": "30"}}, "`retention_days` must be a number >= 0, got '"),
        ({"governance": {"as_of": "November"}}, "`as_of` must be a date like 2026-12-31, got 'Nov"),
        ({"governance": {"region": []}}, "unknown key 'region'; did you mean 'regions'?"),
        ({"models": {}}, "provider 'p' has no `models`"),
        ({"models": ["m"]}, "`models` must be a mapping, got ['m']"),
        ({"models": {"m": "x"}}, "model 'm' must be a mapping, got 'x'"),
        ({"models": {"m": {"weights": "open"}}}, "`weights` got 'open'; allowed: 'closed', "),
        ({"models": {"m": {"structured": "yes"}}}, "`structured` got 'yes'; allowed: 'prompt'"),
        ({"models": {"m": {"retires_on": "2027-02-31"}}}, "`retires_on` must be a date like "),
        ({"models": {"m": {"wieghts": "closed"}}}, "unknown key 'wieghts'; did you mean 'weights'"),
        ({"wire": "replay", "models": None}, "a replay provider needs `path`: the file of recordi"),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_key_is_refused_with_its_line(load_one, keys: Any, expected: str) -> None:
    """`file:line: what is wrong, got ...; what is allowed`."""
    problem = problems_of(lambda: load_one(**keys))[0]
    line, _, said = problem.partition(": ")
    assert line.isdigit()
    assert said.startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: it must be a mapping, got nothing"),
        ("providers: {}", "1: `providers` is missing or empty"),
        ("providers: [a]", "1: `providers` must be a mapping, got ['a']"),
        ("provders: {}", "1: unknown key 'provders'; did you mean 'providers'?"),
        ("schema_version: 2\nproviders: {}", "1: `schema_version` got 2; allowed: 1"),
        ("providers: {p: 7}", "1: provider 'p' must be a mapping, got 7"),
        ("providers: {'a:b': {wire: x}}", "1: a provider's name must be free of ':', '@', '/' and"),
        ("providers:\n  p: {}\n  p: {}", "3: key 'p' stands twice"),
        ("\xff\xfe", "1: it must be a mapping, got 'ÿþ'"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(load, text: str, expected: str) -> None:
    """Problems of all providers at once."""
    assert any(problem.startswith(expected) for problem in problems_of(lambda: load(text)))


def test_problems_of_all_providers_come_at_once(load) -> None:
    """In their order."""
    text = "providers:\n  a: {wire: x, models: {m: {}}}\n  b: {wire: y, models: {m: {}}}\n"
    assert [problem[:2] for problem in problems_of(lambda: load(text))] == ["2:", "3:"]


def test_variables_are_put_in(load_one, monkeypatch) -> None:
    """`${NAME:-default}`, also for numbers."""
    monkeypatch.setenv("EVALKIT_LINES", "4")
    provider = load_one(
        base_url="${EVALKIT_URL:-http://127.0.0.1:8000/v1}",
        limits={"concurrency": "${EVALKIT_LINES}"},
    )
    assert provider.base_url == "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize(
    "keys",
    [
        {"api_key": KEY},
        {"api_key": "hunter2"},
        {"api_key_env": KEY},
        {"api_key_env": "hunter2 hunter2"},
        {"headers": {"Authorization": f"Bearer {KEY}"}},
        {"headers": {"X-Api-Key": "hunter2"}},
        {"sdk": {"kind": "azure", "token": "hunter2"}},
        {"models": {"m": {"options": {"api_key": "hunter2"}}}},
        {"models": {"m": {"extra_body": {"nested": [{"secret": "hunter2"}]}}}},
        {"base_url": "https://me:hunter2@h/v1"},
        {"base_url": f"https://h/v1?key={KEY}"},
        {KEY: "x"},
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_a_literal_key_is_refused_without_echo(load_one, keys: dict[str, Any]) -> None:
    """Wherever it stands."""
    message = "\n".join(problems_of(lambda: load_one(**keys)))
    assert "not shown" in message
    assert KEY not in message
    assert "hunter2" not in message


def test_a_key_from_the_environment_is_not_part_of_the_catalogue(load_one, monkeypatch) -> None:
    """It is named; the adapter reads it when it sends."""
    monkeypatch.setenv("SOME_API_KEY", KEY)
    provider = load_one(api_key_env="SOME_API_KEY")
    assert KEY not in repr(provider)
    assert KEY not in repr(model_spec(provider, provider.models["m"]))


# ------------------------------------------------------------------- what is missing


def test_a_missing_key_is_named_with_its_place(load_one, monkeypatch) -> None:
    """`OPENAI_API_KEY is not set; provider 'openai' in providers.yaml:3 needs it`."""
    monkeypatch.delenv("EVALKIT_NO_KEY", raising=False)
    lack = missing(load_one(api_key_env="EVALKIT_NO_KEY"))
    assert lack is not None
    assert lack.startswith("EVALKIT_NO_KEY is not set; provider 'p' in ")
    assert lack.endswith("providers.yaml:2 needs it")
    monkeypatch.setenv("EVALKIT_NO_KEY", "x")
    assert missing(load_one(api_key_env="EVALKIT_NO_KEY")) is None


def test_what_an_sdk_needs_is_missing_too(load_one, monkeypatch) -> None:
    """Each `*_env` below `sdk`."""
    monkeypatch.delenv("EVALKIT_REGION", raising=False)
    lack = missing(load_one(client="sdk", sdk={"kind": "bedrock", "region_env": "EVALKIT_REGION"}))
    assert lack is not None
    assert lack.startswith("EVALKIT_REGION is not set; ")


def test_a_recording_that_is_not_there_is_missing(load_one, tmp_path: Path) -> None:
    """Its path is relative to the file that names it."""
    (tmp_path / "there.jsonl").write_text("")
    there = load_one(wire="replay", path="there.jsonl", models=None)
    assert there.path == tmp_path / "there.jsonl"
    assert missing(there) is None
    lack = missing(load_one(wire="replay", path="gone.jsonl", models=None))
    assert lack is not None
    assert "gone.jsonl does not exist; provider 'p'" in lack


def test_a_provider_without_a_key_lacks_nothing(load_one) -> None:
    """A server of one's own."""
    assert missing(load_one(base_url="http://127.0.0.1:1/v1")) is None


# ------------------------------------------------------------------- finding


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("m", "--models 'm': it must be provider:name; `evalkit models` lists them"),
        ("p:", "--models 'p:': it must be provider:name; `evalkit models` lists them"),
        ("q:m", "--models 'q:m': unknown provider 'q'; "),
        ("p:x", "--models 'p:x': provider 'p' in "),
        (f"{KEY}:x", "--models '(not shown):x': unknown provider '(not shown)'"),
    ],
)
def test_an_unknown_model_is_answered_with_the_known_ones(load, name: str, expected: str) -> None:
    """A key pasted in the wrong place is not echoed."""
    loaded = load("providers: {p: {wire: openai_chat, models: {m: {}}}}")
    with pytest.raises(ConfigError) as caught:
        loaded.find(name)
    assert str(caught.value).startswith(expected)


def test_a_models_name_may_hold_colons_and_slashes(load) -> None:
    """Split at the first colon."""
    loaded = load("providers: {p: {wire: openai_chat, models: {'org/m:free': {}}}}")
    assert loaded.find("p:org/m:free")[1].wire_name == "org/m:free"


def test_a_missing_file_says_how_to_name_one(tmp_path: Path, monkeypatch) -> None:
    """Given or by default; by default the shipped list is taken where there is one."""
    monkeypatch.chdir(tmp_path)
    assert load_catalogue(find_file(None)).providers
    monkeypatch.setattr(catalogue, "_SHIPPED", ())
    with pytest.raises(ConfigError, match="no such providers file; name one with --providers"):
        find_file(None)
    with pytest.raises(ConfigError, match=r"no such providers file$"):
        find_file(tmp_path / "x.yaml")


def test_defaults_fit_the_wire(load_one) -> None:
    """In-process contestants do one thing at a time and fail once."""
    remote = load_one().limits
    local = load_one(wire="python").limits
    assert (remote.concurrency, remote.max_attempts) == (16, 8)
    assert (local.concurrency, local.max_attempts) == (1, 1)


@pytest.mark.parametrize(
    ("wire", "kind", "is_local"),
    [("openai_chat", "model", False), ("llama_cpp", "model", True), ("python", "classical", True),
     ("sklearn", "classical", True)],
)  # fmt: skip
def test_a_contestant_is_of_a_kind(load_one, wire: str, kind: str, is_local: bool) -> None:
    """Rules and baselines are never shown as models."""
    provider = load_one(wire=wire)
    assert (provider.kind, provider.is_local) == (kind, is_local)


def test_every_wire_can_be_named(load_one, tmp_path: Path) -> None:
    """The registry is the list."""
    for wire in ADAPTERS:
        path = "r.jsonl" if wire == "replay" else None
        assert load_one(wire=wire, path=path).wire == wire


# ------------------------------------------------------------------- any bytes

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)
KEYS = ("wire", "path", "base_url", "limits", "governance", "client", "api_key_env", "models",
        "sdk", "headers", "extra_body")  # fmt: skip
QUIET = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUIET
@given(st.binary(max_size=60) | st.text("[]{}:,-&*!|>'\"# \n\t$ab01", max_size=50).map(str.encode))
def test_any_bytes_as_a_providers_file_are_refused(load, data: bytes) -> None:
    """Nothing but a ConfigError comes out."""
    with pytest.raises(ConfigError):
        load(data)


@QUIET
@given(st.sampled_from(KEYS), VALUES, st.booleans())
def test_any_value_of_any_key_is_read_or_refused(load, key: str, value: Any, inner: bool) -> None:
    """Of a provider, and of a model."""
    model = {key: value} if inner else {}
    said = {"wire": "openai_chat", "models": {"m": model}, **({} if inner else {key: value})}
    try:
        loaded = load(json.dumps({"providers": {"p": said}}))
    except ConfigError as error:
        assert error.problems  # noqa: PT017 - either way is fine, a crash is not
    else:
        assert missing(loaded.providers["p"]) is None or True
