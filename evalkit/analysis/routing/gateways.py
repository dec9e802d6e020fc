"""A policy as the configuration of a gateway: litellm's proxy, Portkey.

Keys are named by their variable and never written; every hop is an arm that may see the data.
Facts of both formats: docs/routing.md. It does not load them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from evalkit.core.acceptance import USABLE
from evalkit.core.errors import ConfigError
from evalkit.core.records import OutputSpec, fingerprint
from evalkit.providers.catalogue import Catalogue, Model, Provider

FORMATS = ("litellm", "portkey")
_PREFIXES = {
    "anthropic_messages": "anthropic",
    "gemini": "gemini",
    "openai_chat": "openai",
    "openai_responses": "openai",
}
_FAILED = [429, 500, 502, 503, 504]
_NOT_TAKEN = 446  # Portkey's status where a guardrail denies an answer


def gateway_document(
    form: str,
    policy: Mapping[str, Any],
    catalogue: Catalogue,
    models: Mapping[str, str],
    outputs: Mapping[str, OutputSpec],
) -> tuple[dict[str, Any], list[str]]:
    """Return a gateway's configuration, and what must be known beside it.

    Args:
        form: One of `FORMATS`.
        policy: policy.json.
        catalogue: The providers file.
        models: `provider:name` of each arm.
        outputs: The form of each task's answers, as far as it is known.

    Raises:
        ConfigError: If an arm is served in this process, where no gateway reaches it, or a task
            takes answers by a rule that no gateway holds.
    """
    _refuse_rules(policy)
    arms = {
        step["arm"]: _Hop(step["arm"], models[step["arm"]], catalogue)
        for task in policy["tasks"].values()
        for step in [*task["route"], *({"arm": arm} for arm in task["fallbacks"])]
    }
    notes = [hop.note for hop in arms.values() if hop.note]
    if form == "litellm":
        return _litellm(policy, arms), notes
    checks = {name: _check(output) for name, output in outputs.items()}
    notes += [
        f"{name}: Portkey is given no check of the answers' form: malformed ones do not go on; "
        "add an output guardrail to its targets"
        for name, task in policy["tasks"].items()
        if task["accept"] == USABLE and checks.get(name) is None
    ]
    notes.append("replace each {{VARIABLE}} by its value: Portkey's gateway does not look them up")
    return _portkey(policy, arms, checks), notes


def _refuse_rules(policy: Mapping[str, Any]) -> None:
    for name, task in policy["tasks"].items():
        if task["accept"] not in (None, USABLE):
            raise ConfigError(
                f"route: {name} takes answers by {task['accept']!r}, which no gateway holds; "
                "--accept usable makes a policy for one"
            )


class _Hop:
    """One arm as a gateway reaches it."""

    def __init__(self, arm: str, model: str, catalogue: Catalogue) -> None:
        self.arm = arm
        self.provider, self.model = _entry(model, catalogue)
        self.wire_name = self.model.wire_name if self.model else model.partition(":")[2]
        self.note = ""
        wire = self.provider.wire
        if self.provider.is_local and wire != "replay":
            raise ConfigError(
                f"route: {arm} is served inside evalkit's process (wire: {wire}), where no gateway "
                "reaches it; leave it out by --models"
            )
        if wire == "replay":
            self.note = (
                f"{arm} is a recording: set {self.variable('API_BASE')} and "
                f"{self.variable('API_KEY')} to where the model is served"
            )

    def variable(self, what: str) -> str:
        """Return the name of an environment variable for this arm."""
        plain = re.sub(r"[^A-Za-z0-9]+", "_", self.arm).strip("_").upper()
        if not re.fullmatch(r"[A-Za-z0-9:@-]+", self.arm):  # others would share their variable
            plain += f"_{fingerprint(self.arm)[:6].upper()}"
        return f"{plain}_{what}"

    @property
    def prefix(self) -> str:
        return _PREFIXES.get(self.provider.wire, "openai")

    @property
    def base(self) -> str | None:
        """The address, None where it is the vendor's own."""
        if self.provider.wire == "replay":
            return f"os.environ/{self.variable('API_BASE')}"
        own = self.provider.base_url
        return None if own is None or "api.openai.com" in own else own

    @property
    def key(self) -> str:
        named = self.provider.api_key_env
        if self.provider.wire == "replay":
            named = self.variable("API_KEY")
        return "none" if named is None else f"os.environ/{named}"


def _entry(model: str, catalogue: Catalogue) -> tuple[Provider, Model | None]:
    name, _, rest = model.partition(":")
    provider = catalogue.providers.get(name)
    if provider is None:
        raise ConfigError(
            f"route: {catalogue.file} does not name the provider {name!r} any more; --providers "
            "names the file that does"
        )
    return provider, provider.models.get(rest)


def _litellm(policy: Mapping[str, Any], arms: Mapping[str, _Hop]) -> dict[str, Any]:
    """Return config.yaml of litellm's proxy: a group for each hop of each task.

    Without `enable_json_schema_validation` a malformed answer would not go on to the next hop.
    """
    models: list[dict[str, Any]] = []
    fallbacks: list[dict[str, list[str]]] = []
    for task, own in policy["tasks"].items():
        hops = [*(step["arm"] for step in own["route"]), *own["fallbacks"]]
        names = [_group(task, place) for place in range(len(hops))]
        for name, arm in zip(names, hops, strict=True):
            hop = arms[arm]
            params: dict[str, Any] = {"model": f"{hop.prefix}/{hop.wire_name}", "api_key": hop.key}
            if hop.base is not None:
                params["api_base"] = hop.base
            models.append(
                {
                    "model_name": name,
                    "litellm_params": params,
                    "model_info": {"id": f"{name}#{arm}"},
                }
            )
        if len(names) > 1:
            fallbacks.append({names[0]: names[1:]})
    return {
        "model_list": models,
        "router_settings": {
            "routing_strategy": "simple-shuffle",
            "num_retries": 1,
            "max_fallbacks": max((len(own[next(iter(own))]) for own in fallbacks), default=0),
            "enable_pre_call_checks": True,
            "fallbacks": fallbacks,
            "context_window_fallbacks": deepcopy(fallbacks),
            "content_policy_fallbacks": deepcopy(fallbacks),
        },
        "litellm_settings": {"enable_json_schema_validation": True},
    }


def _group(task: str, place: int) -> str:
    return f"evalkit/{task}" if place == 0 else f"evalkit/{task}/{place + 1}"


def _portkey(
    policy: Mapping[str, Any],
    arms: Mapping[str, _Hop],
    checks: Mapping[str, dict[str, Any] | None],
) -> dict[str, Any]:
    """Return a Portkey config: a target for each task, chosen by `metadata.task`.

    A request of no known task is refused: whoever answers one task may not see another's data.
    """
    targets = []
    for task, own in policy["tasks"].items():
        checked = own["route"][:-1] if own["accept"] == USABLE else []
        check = checks.get(task)
        inner = [_target(arms[step["arm"]]) for step in own["route"]]
        if check is not None:
            for target in inner[: len(checked)]:
                target["output_guardrails"] = [{**check, "deny": True}]
        inner += [_target(arms[arm]) for arm in own["fallbacks"]]
        targets.append(
            {
                "name": task,
                "strategy": {"mode": "fallback", "on_status_codes": [*_FAILED, _NOT_TAKEN]},
                "targets": inner,
            }
        )
    return {
        "strategy": {
            "mode": "conditional",
            "conditions": [
                {"query": {"metadata.task": {"$eq": own["name"]}}, "then": own["name"]}
                for own in targets
            ],
        },
        "targets": targets,
    }


def _check(output: OutputSpec) -> dict[str, Any] | None:
    """Return Portkey's check of an answer's form, None where it has none for it."""
    if output.format == "json":
        return {"default.jsonSchema": {"schema": output.schema or {}}}
    if output.format == "label":
        labels = "|".join(re.escape(label) for label in output.labels or ())
        return {"default.regexMatch": {"rule": rf"^\s*(?:{labels})\s*$"}}
    return None


def _target(hop: _Hop) -> dict[str, Any]:
    target: dict[str, Any] = {
        "provider": "google" if hop.prefix == "gemini" else hop.prefix,
        "api_key": "{{" + hop.key.removeprefix("os.environ/") + "}}",
        "override_params": {"model": hop.wire_name},
        "retry": {"attempts": 1, "on_status_codes": _FAILED},
    }
    if hop.base is not None:
        target["custom_host"] = hop.base.replace("os.environ/", "{{") + (
            "}}" if hop.base.startswith("os.environ/") else ""
        )
    return target
