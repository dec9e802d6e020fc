"""Which arms run on which suite, in which modes, on which samples.

An arm is a model in one structured mode. The plan resolves modes, names arms, sets aside what
cannot run here (with the reason) and draws the samples. It sends nothing.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from evalkit.core.errors import ConfigError
from evalkit.core.policy import refusal_reason
from evalkit.core.ports import Adapter, adapter_factory
from evalkit.core.records import MODES, OutputSpec, Record, Request, Sample, fingerprint, hash64
from evalkit.providers.catalogue import Catalogue, Model, Provider, missing, model_spec
from evalkit.suite.loader import Suite

AVAILABLE_WITHOUT_KEY = ("llama_cpp", "sklearn", "python", "replay")


class Choice(Record, frozen=True, kw_only=True):
    """A model that the user named, perhaps with a mode."""

    model: str
    mode: str | None = None


class Arm(Record, frozen=True, kw_only=True):
    """One contestant of one suite.

    Attributes:
        name: `provider:name`, with `@mode` only where the suite has several.
        model: `provider:name`.
        mode: The mode to request; None for contestants that know no modes.
        params: Sampling parameters: the suite's, then the model entry's own.
        settings: Hash of what else the entry puts on the wire (`extra_body`, versions, ...).
        blocked: Why no sample without demands of its own may be sent there, or None.
    """

    name: str
    model: str
    mode: str | None
    provider: Provider
    entry: Model
    params: dict[str, Any]
    settings: str = ""
    blocked: str | None = None

    @property
    def entry_name(self) -> str:
        """`provider:name` of its entry; a recorded arm keeps its mode in it."""
        return f"{self.provider.name}:{self.entry.name}"


class NotRun(Record, frozen=True, kw_only=True):
    """A model that does not take part, and what it lacks."""

    suite: str
    model: str
    reason: str


class Selection(Record, frozen=True, kw_only=True):
    """Which samples are asked, and how often.

    Attributes:
        limit: So many samples, those whose ids hash lowest with `sample_seed`; None for all.
        shard: (i, n): only samples whose id hashes to i of n.
        samples: Only samples with these ids; None for all.
    """

    repeats: int = 1
    limit: int | None = None
    sample_seed: int = 0
    shard: tuple[int, int] | None = None
    samples: tuple[str, ...] | None = None


def parse_choice(text: str) -> Choice:
    """Split `provider:name@mode` at the first colon and the last @.

    A part behind @ that is no mode belongs to the model's name (`claude-x@20260101`).
    """
    model, at, mode = text.rpartition("@")
    if at and mode in MODES:
        return Choice(model=model, mode=mode)
    return Choice(model=text)


def choose_models(
    catalogue: Catalogue,
    named: Sequence[str] | None,
    *,
    present: Callable[[Provider], dict[str, str | None]],
    recorded: Callable[[Provider], Sequence[str]],
) -> tuple[list[tuple[Provider, Model, Choice]], list[tuple[str, str]]]:
    """Return the models that run and those that do not, with the reason.

    Args:
        catalogue: All providers.
        named: `--models`, or None for every model whose key or server is there.
        present: For a provider without a key: each model's reason not to be there, or None.
        recorded: The models that a recording holds.

    Raises:
        ConfigError: If a named model is unknown or lacks its key.
    """
    if named is None:
        return _every_model(catalogue, present, recorded)
    chosen = []
    for text in named:
        choice = parse_choice(text)
        for provider, model, picked in _named(catalogue, choice, text, recorded):
            lack = missing(provider)
            if lack:
                raise ConfigError(lack)
            chosen.append((provider, model, picked))
    return chosen, []


def plan_arms(
    suite: Suite, chosen: Sequence[tuple[Provider, Model, Choice]]
) -> tuple[list[tuple[Arm, Adapter]], list[NotRun]]:
    """Resolve the structured modes of each model for one suite and build its adapters."""
    arms: dict[str, tuple[Arm, Adapter]] = {}
    not_run: list[NotRun] = []
    named = Counter(model_name for model_name, _ in {(c.model, c.mode) for _, _, c in chosen})
    for provider, model, choice in chosen:
        full = f"{provider.name}:{model.name}"
        bare = parse_choice(full).model if provider.wire == "replay" else full
        adapter = adapter_factory(provider.wire, provider.where)(model_spec(provider, model))
        modes, reason = resolve_modes(suite, model, adapter.modes, choice.mode)
        if reason:
            not_run.append(NotRun(suite=suite.name, model=full, reason=reason))
        by_mode = _is_named_by_mode(suite, choice, several=named[choice.model] > 1)
        for mode in modes:
            has_mode = bool(adapter.modes) and _asks_modes(suite.spec.output) and by_mode
            name = f"{full}@{mode}" if has_mode else full
            params = {**suite.spec.params, **model.params}
            arm = Arm(
                name=name,
                model=bare,
                mode=mode,
                provider=provider,
                entry=model,
                params=params,
                settings=entry_settings(provider, model),
                blocked=refusal_reason(suite.own_demand, provider.governance),
            )
            arms.setdefault(name, (arm, adapter))
    return list(arms.values()), not_run


def entry_settings(provider: Provider, model: Model) -> str:
    """Return the hash of what decides an answer beside parameters and messages."""
    return fingerprint([provider.options, model.options, model.unsupported_params, provider.client])


def _is_named_by_mode(suite: Suite, choice: Choice, *, several: bool) -> bool:
    """True where a model may run in more than one mode, or in one that the suite does not name."""
    structured = suite.spec.structured
    foreign = choice.mode is not None and structured not in ((choice.mode,), ("auto",))
    return several or foreign or len(structured) > 1


def resolve_modes(
    suite: Suite, model: Model, modes: Sequence[str], named: str | None
) -> tuple[list[str | None], str | None]:
    """Return the modes to run, and why others do not.

    `auto` is the strongest mode that the model declares, `prompt` where it declares none. Labels
    are asked for as text under `auto`; only a mode that is named constrains them.
    """
    if not modes:
        return [None], None
    output = suite.spec.output
    if not _asks_modes(output):
        return ["prompt"], None
    strongest = "prompt" if output.format == "label" else model.structured or "prompt"
    wanted = [named] if named else list(suite.spec.structured)
    resolved = [strongest if mode == "auto" else mode for mode in wanted]
    if model.structured is None:
        return list(dict.fromkeys(resolved)), None
    limit = MODES.index(model.structured)
    kept = [m for m in resolved if MODES.index(m) <= limit]
    dropped = [m for m in resolved if m not in kept]
    reason = None
    if dropped:
        reason = f"mode {', '.join(map(str, dropped))}: it declares structured: {model.structured}"
    return list(dict.fromkeys(kept)), reason


def draw(suite: Suite, selection: Selection) -> array[int]:
    """Return the numbers of the samples to ask.

    A limit takes those whose ids hash lowest with the seed: a sample that is added or removed
    changes the draw by one, not the whole of it.
    """
    numbers = array("L", range(len(suite.samples)))
    if selection.samples is not None:
        wanted = {hash64(sample_id) for sample_id in selection.samples}
        known = suite.samples.id_hashes
        numbers = array("L", [n for n in numbers if known[n] in wanted])
    if selection.limit is not None and selection.limit < len(numbers):
        seed = selection.sample_seed
        ranked = ((hash64(f"{seed}\0{suite.samples[n].id}"), n) for n in numbers)
        numbers = array("L", [n for _, n in heapq.nsmallest(selection.limit, ranked)])
    if selection.shard is not None:
        index, count = selection.shard
        numbers = array(
            "L", [n for n in numbers if hash64(suite.samples[n].id) % count == index % count]
        )
    return numbers


def make_request(
    suite: Suite, sample: Sample, arm: Arm, repeat: int, *, identity: str, stream: bool
) -> Request:
    """Return what is asked of one arm for one sample.

    Raises:
        ConfigError: If the prompt cannot be rendered.
    """
    return Request(
        suite=suite.name,
        sample_id=sample.id,
        arm=arm.name,
        repeat=repeat,
        provider=arm.provider.name,
        model=arm.entry.wire_name,
        messages=suite.messages(sample),
        output=asked_form(suite.spec.output, arm.mode),
        mode=arm.mode,  # type: ignore[arg-type]
        params=arm.params,
        inputs=sample.columns,
        identity=identity,
        settings=arm.settings,
        stream=stream,
    )


def skip_reason(suite: Suite, sample: Sample, arm: Arm) -> str | None:
    """Return why this sample must not be sent to this arm, or None where it may."""
    if sample.sensitivity is None and sample.require is None:
        return arm.blocked
    return refusal_reason(suite.demand(sample), arm.provider.governance)


def _asks_modes(output: OutputSpec) -> bool:
    return output.format in ("json", "label")


def asked_form(output: OutputSpec, mode: str | None) -> OutputSpec:
    """Return the form to ask for: a label by schema is an object with the label in it."""
    if output.format != "label" or mode in (None, "prompt"):
        return output
    schema = {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": list(output.labels)}},
        "required": ["label"],
        "additionalProperties": False,
    }
    return msgspec.structs.replace(output, format="json", schema=schema)


def _named(
    catalogue: Catalogue, choice: Choice, text: str, recorded: Callable[[Provider], Sequence[str]]
) -> list[tuple[Provider, Model, Choice]]:
    """Return what one `--models` entry stands for; a recording's arms go by their own names."""
    provider_name = text.partition(":")[0]
    provider = catalogue.providers.get(provider_name)
    if provider is None or provider.wire != "replay":
        provider, model = catalogue.find(choice.model)
        return [(provider, model, choice)]
    lack = missing(provider)
    if lack:
        raise ConfigError(lack)
    names = recorded(provider)
    wanted = text.partition(":")[2]
    found = [n for n in names if n == wanted] or [
        n for n in names if parse_choice(n).mode and parse_choice(n).model == wanted
    ]
    if not found:
        known = ", ".join(names[:20]) or "none"
        raise ConfigError(
            f"--models {text!r}: the recording {provider.path} has no model {wanted!r}; "
            f"it has: {known}"
        )
    return [
        (provider, recorded_model(provider, n), Choice(model=f"{provider_name}:{n}")) for n in found
    ]


def recorded_model(provider: Provider, name: str) -> Model:
    """Return the entry of a recorded arm: declared under its name, or bare."""
    declared = provider.models.get(name) or provider.models.get(parse_choice(name).model)
    if declared is None:
        return Model(name=name, wire_name=name, where=provider.where)
    return Model(**{**{f: getattr(declared, f) for f in declared.__struct_fields__}, "name": name,
                    "wire_name": name})  # fmt: skip


def _every_model(
    catalogue: Catalogue,
    present: Callable[[Provider], dict[str, str | None]],
    recorded: Callable[[Provider], Sequence[str]],
) -> tuple[list[tuple[Provider, Model, Choice]], list[tuple[str, str]]]:
    chosen: list[tuple[Provider, Model, Choice]] = []
    lacking: list[tuple[str, str]] = []
    for provider in catalogue.providers.values():
        lack = missing(provider)
        if lack:
            lacking.append((f"{provider.name}:*", lack))
            continue
        if provider.wire == "replay":
            names = recorded(provider)
            models = [recorded_model(provider, name) for name in names]
        else:
            models = list(provider.models.values())
        reasons = present(provider)
        for model in models:
            full = f"{provider.name}:{model.name}"
            reason = reasons.get(model.name)
            if reason:
                lacking.append((full, reason))
            else:
                chosen.append((provider, model, Choice(model=full)))
    return chosen, lacking
