"""providers.yaml as records: who serves what, with which limits, under which declared terms.

Keys are only ever named. The catalogue says which contestants are usable here and now (key set,
weights there, recording there) without sending anything. It does not know suites.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from evalkit.core.documents import Node, read_yaml, show
from evalkit.core.errors import ConfigError
from evalkit.core.policy import SENSITIVITIES, Governance
from evalkit.core.ports import ADAPTERS, ModelSpec
from evalkit.core.records import MODES, Record
from evalkit.providers.openness import WEIGHTS, licence_problems, misfits

LOCAL_WIRES = ("llama_cpp", "sklearn", "python", "replay")
CLASSICAL_WIRES = ("sklearn", "python")
DEFAULT_FILE = "providers.yaml"
_PACKAGE = Path(__file__).resolve().parent.parent
_SHIPPED = (_PACKAGE / "shipped_providers.yaml", _PACKAGE.parent / DEFAULT_FILE)


class Limits(Record, frozen=True, kw_only=True):
    """How fast and how often one provider may be asked.

    `rpm` and `tpm` are requests and tokens per minute, None for no limit of our own.
    """

    concurrency: int = 16
    rpm: float | None = None
    tpm: float | None = None
    timeout_s: float = 120.0
    max_attempts: int = 8


class Model(Record, frozen=True, kw_only=True):
    """One model entry. `structured` is the strongest mode it declares, None where undeclared."""

    name: str
    wire_name: str
    where: str
    weights: str | None = None
    licence: str | None = None
    licence_where: str | None = None
    base: str | None = None
    same_weights: str | None = None
    quantisation: str | None = None
    retires_on: str | None = None
    structured: str | None = None
    params: dict[str, Any] = {}
    pricing: Any = None
    unsupported_params: tuple[str, ...] = ()
    options: dict[str, Any] = {}


class Provider(Record, frozen=True, kw_only=True):
    """One provider entry with its models."""

    name: str
    wire: str
    where: str
    base_url: str | None = None
    api_key_env: str | None = None
    client: str = "http"
    path: Path | None = None
    limits: Limits = Limits()
    governance: Governance = Governance()
    models: dict[str, Model] = {}
    options: dict[str, Any] = {}

    @property
    def is_local(self) -> bool:
        """True where nothing leaves this process."""
        return self.wire in LOCAL_WIRES

    @property
    def kind(self) -> str:
        """`classical` for contestants that are no language model, `recorded`, else `model`."""
        if self.wire in CLASSICAL_WIRES:
            return "classical"
        return "recorded" if self.wire == "replay" else "model"


class Catalogue(Record, frozen=True, kw_only=True):
    """All providers of one file, in its order."""

    file: str
    providers: dict[str, Provider]

    def find(self, name: str) -> tuple[Provider, Model]:
        """Return the provider and model of `provider:name`.

        Raises:
            ConfigError: If either is unknown; names what is there.
        """
        provider_name, colon, model_name = name.partition(":")
        if not colon or not model_name:
            raise ConfigError(
                f"--models {name!r}: it must be provider:name; `evalkit models` lists them"
            )
        provider = self.providers.get(provider_name)
        if provider is None:
            known = ", ".join(self.providers) or "none"
            raise ConfigError(
                f"--models {name!r}: unknown provider {provider_name!r}; {self.file} has: {known}"
            )
        model = provider.models.get(model_name)
        if model is None:
            known = ", ".join(provider.models) or "none"
            raise ConfigError(
                f"--models {name!r}: provider {provider_name!r} in {provider.where} has no model "
                f"{model_name!r}; it has: {known} (with @{' or @'.join(MODES)})"
            )
        return provider, model


def find_file(given: Path | None) -> Path:
    """Return the providers file to use: the named one, ./providers.yaml, or the shipped list.

    Raises:
        ConfigError: If the named one is missing.
    """
    path = given or Path(DEFAULT_FILE)
    if path.is_file():
        return path
    shipped = [place for place in _SHIPPED if place.is_file()]
    if given is None and shipped:
        return shipped[0]
    hint = "" if given else "; name one with --providers FILE"
    raise ConfigError(f"{path}: no such providers file{hint}")


def load_catalogue(path: Path) -> Catalogue:
    """Read a providers file.

    Raises:
        ConfigError: With every problem found, each with file and line.
    """
    root = read_yaml(path, expand_env=True)
    root.take("schema_version", int, 1, allowed=(1,))
    providers = {}
    for name, node in root.mapping("providers").items():
        if not isinstance(node.value, dict):
            node.refuse(f"provider {name!r} must be a mapping, got {show(node.value)}")
            continue
        if not str(name).strip() or any(c in str(name) for c in ":@/ \n"):
            node.refuse(f"a provider's name must be free of ':', '@', '/' and blanks, got {name!r}")
            continue
        providers[str(name)] = _provider(str(name), node, path.parent)
    if not providers:
        root.refuse("`providers` is missing or empty")
    root.refuse_unknown()
    root.stop_on_problems()
    return Catalogue(file=str(path), providers=providers)


def model_spec(provider: Provider, model: Model) -> ModelSpec:
    """Return what an adapter needs to know of one model."""
    options = dict(provider.options)
    if provider.path is not None:
        options["path"] = str(provider.path)
    return ModelSpec(
        provider=provider.name,
        name=model.name,
        wire=provider.wire,
        wire_name=model.wire_name,
        base_url=provider.base_url,
        api_key_env=provider.api_key_env,
        client=provider.client,
        timeout_s=provider.limits.timeout_s,
        concurrency=provider.limits.concurrency,
        unsupported_params=model.unsupported_params,
        options=model.options,
        provider_options=options,
    )


def missing(provider: Provider) -> str | None:
    """Return what a provider lacks to be asked here, or None; nothing is sent."""
    if provider.api_key_env and not os.environ.get(provider.api_key_env):
        return f"{provider.api_key_env} is not set; {_needs(provider)}"
    sdk = provider.options.get("sdk")
    if isinstance(sdk, dict):
        for key, name in sdk.items():
            if str(key).endswith("_env") and not os.environ.get(str(name)):
                return f"{name} is not set; {_needs(provider)}"
    if provider.path is not None and not provider.path.is_file():
        return f"{provider.path} does not exist; {_needs(provider)}"
    return None


def licence_warnings(provider: Provider) -> list[str]:
    """Return what is wrong with the licences of a provider's models, a line each with its place.

    Never a reason to refuse a model: a licence is for readers, nothing is sent by it.
    """
    found = []
    for name, model in provider.models.items():
        place = f"{model.licence_where or model.where}: model '{provider.name}:{name}'"
        found += [f"{place}: `licence` {own}" for own in licence_problems(model.licence)]
        found += [f"{place}: {own}" for own in misfits(model.weights, model.licence)]
    return found


def _needs(provider: Provider) -> str:
    return f"provider {provider.name!r} in {provider.where} needs it"


def _provider(name: str, node: Node, folder: Path) -> Provider:
    wire = node.take("wire", str, what="one of " + ", ".join(ADAPTERS))
    if wire is not None and wire not in ADAPTERS:
        _refuse_unknown_wire(node, wire)
    path = node.take("path", str, None)
    base_url = node.take(
        "base_url", str, None, valid=_is_url, what="an http or https address without a password"
    )
    limits = _limits(node.mapping("limits"), wire or "")
    governance = _governance(node.mapping("governance"))
    client = node.take("client", str, "http", allowed=("http", "sdk"))
    key = node.take("api_key_env", str, None)
    models = node.mapping("models")
    if wire == "replay" and path is None:
        node.refuse("a replay provider needs `path`: the file of recordings")
    if not models.value and wire != "replay":
        node.refuse(f"provider {name!r} has no `models`")
    options = _known_options(node)
    node.refuse_unknown()
    return Provider(
        name=name,
        wire=wire or "",
        where=node.where,
        base_url=base_url.rstrip("/") if base_url else None,
        api_key_env=key,
        client=client,
        path=None if path is None else (folder / path).resolve(),
        limits=limits,
        governance=governance,
        models={str(key): _model(str(key), child) for key, child in models.items()},
        options=options,
    )


def _refuse_unknown_wire(node: Node, wire: str) -> None:
    from importlib.metadata import entry_points

    if wire not in entry_points(group="evalkit.adapters").names:
        node.children["wire"].refuse(f"unknown wire {wire!r}; known: {', '.join(ADAPTERS)}")


def _known_options(node: Node) -> dict[str, Any]:
    """Keys that one wire or another reads itself."""
    options = {}
    for key, kind in (
        ("sdk", dict), ("headers", dict), ("anthropic_version", str), ("include_usage", bool),
        ("max_tokens_param", str), ("extra_body", dict), ("organization", str),
    ):  # fmt: skip
        value = node.take(key, kind, None)
        if value is not None:
            options[key] = value
    return options


def _is_url(value: str) -> bool:
    """Return whether this is an address; one with a password in it is none, it would be shown."""
    try:
        parts = urlsplit(value)
        at_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return at_host and parts.scheme in ("http", "https") and "@" not in parts.netloc


def _positive(value: float) -> bool:
    return value > 0


def _limits(node: Node, wire: str) -> Limits:
    one = 1 if wire in ("llama_cpp", "sklearn", "python") else 16
    default = Limits(concurrency=one, max_attempts=1 if wire in LOCAL_WIRES else 8)
    limits = Limits(
        concurrency=_count(node, "concurrency", default.concurrency),
        rpm=node.take("rpm", (int, float), None, valid=_positive, what="a number above 0"),
        tpm=node.take("tpm", (int, float), None, valid=_positive, what="a number above 0"),
        timeout_s=node.take(
            "timeout_s", (int, float), default.timeout_s, valid=_positive, what="seconds above 0"
        ),
        max_attempts=_count(node, "max_attempts", default.max_attempts),
    )
    node.refuse_unknown()
    return limits


def _count(node: Node, key: str, default: int) -> int:
    count: int = node.take(key, int, default, valid=_positive, what="a whole number above 0")
    return count


def _governance(node: Node) -> Governance:
    training = node.take(
        "trains_on_data",
        (str, bool),
        None,
        allowed=("yes", "no", "opt_out", "unknown", True, False),
    )
    words = {True: "yes", False: "no", "unknown": None}
    regions = node.node("regions")
    declared = Governance(
        processor=node.take("processor", str, None),
        jurisdiction=node.take("jurisdiction", str, None),
        regions=node.strings("regions") if regions and regions.value is not None else None,
        subprocessors=node.take("subprocessors", (str, list, dict), None),
        retention_days=node.take(
            "retention_days", (int, float), None, valid=lambda d: d >= 0, what="a number >= 0"
        ),
        trains_on_data=words.get(training, training),
        allowed_sensitivity=node.take("allowed_sensitivity", str, None, allowed=SENSITIVITIES),
        evidence_url=node.take("evidence_url", str, None),
        as_of=node.take("as_of", str, None, valid=_is_date, what="a date like 2026-12-31"),
        legal_entity_country=node.take("legal_entity_country", str, None),
        notes=node.take("notes", str, None),
    )
    node.refuse_unknown()
    return declared


def _model(name: str, node: Node) -> Model:
    if node.value is not None and not isinstance(node.value, dict):
        node.refuse(f"model {name!r} must be a mapping, got {show(node.value)}")
    model = Model(
        name=name,
        wire_name=node.take("model", str, name),
        where=node.where,
        weights=node.take("weights", str, None, allowed=WEIGHTS),
        licence=node.take("licence", str, None),
        licence_where=node.children["licence"].where if "licence" in node.children else None,
        base=node.take("base", str, None),
        same_weights=node.take("same_weights", str, None),
        quantisation=node.take("quantisation", str, None),
        retires_on=node.take(
            "retires_on", str, None, valid=_is_date, what="a date like 2026-12-31"
        ),
        structured=node.take("structured", str, None, allowed=MODES),
        params=node.mapping("params").rest(),
        pricing=node.take("pricing", (dict, list), None),
        unsupported_params=node.strings("unsupported_params"),
        options=_model_options(node),
    )
    if isinstance(node.value, dict):
        node.refuse_unknown()
    return model


def _model_options(node: Node) -> dict[str, Any]:
    options = dict(node.mapping("options").rest())
    for key in ("path", "extra_body", "max_tokens_param", "strict_schema", "include_usage"):
        value = node.take(key, (str, dict, bool), None)
        if value is not None:
            options[key] = value
    return options


def _is_date(value: str) -> bool:
    import datetime as dt

    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return False
    return True


def names(catalogue: Catalogue) -> Iterable[str]:
    """Iterate over all `provider:name` of a catalogue."""
    for provider in catalogue.providers.values():
        for model in provider.models:
            yield f"{provider.name}:{model}"
