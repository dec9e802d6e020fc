"""Which models are kin: a judge favours its own family's answers, so kinship must be said.

Told from what providers.yaml declares (`same_weights`, `base`) and from the names; an unknown name
has no family. It does not know who judges whom.
"""

from __future__ import annotations

import re

from evalkit.providers.catalogue import Model, Provider

_FAMILIES: dict[str, str] = {
    "gpt": r"gpt|chatgpt|davinci|o[134](?=-|$)",
    "claude": r"claude|opus|sonnet|haiku",
    "gemini": r"gemini",
    "gemma": r"gemma\d?",
    "llama": r"(code)?llama|vicuna|alpaca",
    "mistral": r"mistral|mixtral|ministral|codestral|magistral|devstral|pixtral|zephyr",
    "qwen": r"qwen|qwq|qvq",
    "deepseek": r"deepseek",
    "smollm": r"smollm",
    "phi": r"phi(?=-?\d|-|$)",
    "cohere": r"command|aya",
    "grok": r"grok",
    "nova": r"nova|titan",
    "granite": r"granite",
    "nemotron": r"nemotron",
    "glm": r"glm|chatglm",
    "kimi": r"kimi|moonshot",
    "minimax": r"minimax",
    "olmo": r"olmo|tulu",
    "falcon": r"falcon",
    "jamba": r"jamba",
    "yi": r"yi(?=-|$)",
}
_PATTERNS = {name: re.compile(rf"(?<![a-z]){found}") for name, found in _FAMILIES.items()}


def families(*names: str | None) -> frozenset[str]:
    """Return the families that names speak of; a distilled model may be of two.

    >>> sorted(families("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B"))
    ['deepseek', 'qwen']
    >>> families("our-model")
    frozenset()
    """
    text = " ".join(name.casefold() for name in names if name)
    return frozenset(name for name, pattern in _PATTERNS.items() if pattern.search(text))


def kinship(provider: Provider, model: Model, judge_provider: Provider, judge: Model) -> str | None:
    """Return why a judge is kin to a model that it is to judge, or None where nothing says so."""
    if (provider.name, model.name) == (judge_provider.name, judge.name):
        return "it would judge itself"
    if provider.kind == "classical" or judge_provider.kind == "classical":
        return None
    if model.same_weights and model.same_weights == judge.same_weights:
        return f"both serve the weights {model.same_weights!r}"
    own = {n.casefold() for n in (model.wire_name, model.base) if n}
    other = {n.casefold() for n in (judge.wire_name, judge.base) if n}
    if own & other:
        return f"both are {sorted(own & other)[0]!r} or come from it"
    shared = families(model.name, model.wire_name, model.base) & families(
        judge.name, judge.wire_name, judge.base
    )
    return f"both are of the family {sorted(shared)[0]!r}" if shared else None
