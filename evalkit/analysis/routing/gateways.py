"""A policy as the configuration of a gateway: litellm's proxy, Portkey.

Keys are named by their variable and never written; every hop is an arm that may see the data.
Facts of both formats: docs/routing.md. It does not load them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any
from urllib.parse import urlsplit

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
_OWN_HOSTS = {
    "anthropic": "api.anthropic.com",
    "gemini": "generativelanguage.googleapis.com",
    "openai": "api.openai.com",
}
_PLAIN_SDKS = (None, "openai", "anthropic", "gemini")
_AGAIN = [429, 500, 502, 503, 504]
_UNTRUSTED = (".corp", ".home", ".internal", ".intranet", ".lan", ".local", ".localdomain", ".test")


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
        ConfigError: If an arm is served in this process, where no gateway reaches it.
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
    checks = {name: own for name, output in outputs.items() if (own := _check(output)) is not None}
    return _portkey(policy, arms, checks), notes + _portkey_notes(policy, arms, checks)


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
        sdk = self.provider.options.get("sdk") or {}
        if self.provider.client == "sdk" and sdk.get("kind") not in _PLAIN_SDKS:
            raise ConfigError(
                f"route: {arm} is reached through a vendor's SDK (kind: {sdk['kind']}), whose "
                "account and region the export cannot say; leave it out by --models"
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
        is_vendors = own is not None and urlsplit(own).hostname == _OWN_HOSTS[self.prefix]
        return None if is_vendors else own

    @property
    def key(self) -> str | None:
        """The variable that holds the key, None where none is needed."""
        if self.provider.wire == "replay":
            return self.variable("API_KEY")
        return self.provider.api_key_env


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
            key = "none" if hop.key is None else f"os.environ/{hop.key}"
            params: dict[str, Any] = {"model": f"{hop.prefix}/{hop.wire_name}", "api_key": key}
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
    checks: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:
    """Return a Portkey config: a target for each task, chosen by `metadata.task`.

    Without a default: a request of no known task is refused, since nobody said who may see it.
    Every failure goes on to the next hop: a retired model answers 404, a slow one is cut by 408, a
    malformed answer is denied by a guardrail (446), which the last of a route does not carry.
    """
    targets = []
    for task, own in policy["tasks"].items():
        route = [_target(arms[step["arm"]]) for step in own["route"]]
        for target in route[:-1] if task in checks else ():
            target["output_guardrails"] = [{**checks[task], "deny": True}]
        spare = [_target(arms[arm]) for arm in own["fallbacks"]]
        targets.append(
            {"name": task, "strategy": {"mode": "fallback"}, "targets": [*route, *spare]}
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


def _target(hop: _Hop) -> dict[str, Any]:
    target: dict[str, Any] = {
        "provider": "google" if hop.prefix == "gemini" else hop.prefix,
        "api_key": "none" if hop.key is None else f"${{{hop.key}}}",
        "override_params": {"model": hop.wire_name},
        "retry": {"attempts": 1, "on_status_codes": _AGAIN},
        "request_timeout": round(1000 * hop.provider.limits.timeout_s),
    }
    if hop.base is not None:
        named = hop.base.removeprefix("os.environ/")
        target["custom_host"] = hop.base if named == hop.base else f"${{{named}}}"
        if hop.prefix == "anthropic" and named == hop.base:
            target["custom_host"] += "/v1"  # Portkey adds /messages alone
    return target


def _check(output: OutputSpec) -> dict[str, Any] | None:
    """Return Portkey's check of an answer's form, None where it has none for it."""
    if output.format == "json":
        return {"default.jsonSchema": {"schema": output.schema or {}}}
    if output.format == "label":
        labels = "|".join(re.escape(label) for label in output.labels)
        return {"default.regexMatch": {"rule": rf"^\s*(?:{labels})\s*$"}}
    return None


def _portkey_notes(
    policy: Mapping[str, Any], arms: Mapping[str, _Hop], checks: Mapping[str, Any]
) -> list[str]:
    """Return what Portkey needs beside its config."""
    notes = [
        f"{task}: a malformed answer does not go on to {own['route'][1]['arm']} by itself: give "
        "the first target an output guardrail (docs/routing.md)"
        for task, own in policy["tasks"].items()
        if len(own["route"]) > 1 and task not in checks
    ]
    hosts = {urlsplit(hop.base).hostname or "" for hop in arms.values() if hop.base is not None}
    private = sorted(host for host in hosts if _is_private(host))
    if private:
        notes.append(
            "Portkey's gateway refuses addresses in private networks: start it with "
            f"TRUSTED_CUSTOM_HOSTS={','.join(private)}"
        )
    return notes


def _is_private(host: str) -> bool:
    """Return whether the gateway takes a host only where its start names it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.endswith(_UNTRUSTED)
    return not address.is_global and host not in ("127.0.0.1", "::1")
