"""Who is kin to whom, by declaration and by name."""

from __future__ import annotations

import pytest

from evalkit.providers.catalogue import Model, Provider
from evalkit.providers.families import families, kinship


def entry(name: str, provider: str = "p", wire: str = "openai_chat", **model: str) -> tuple:
    wire_name = model.pop("wire_name", name)
    return (
        Provider(name=provider, wire=wire, where="f:1"),
        Model(name=name, wire_name=wire_name, where="f:2", **model),
    )


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("gpt-5-mini", {"gpt"}), ("o3-mini", {"gpt"}), ("chatgpt-4o-latest", {"gpt"}),
        ("openai/gpt-oss-120b", {"gpt"}), ("claude-opus-4-1", {"claude"}),
        ("anthropic.claude-3-haiku", {"claude"}), ("gemini-2.5-flash", {"gemini"}),
        ("gemma-3-270m", {"gemma"}), ("meta-llama/Llama-4-Scout-17B-16E-Instruct", {"llama"}),
        ("mixtral-8x7b", {"mistral"}), ("Qwen/Qwen3-8B", {"qwen"}), ("qwq-32b", {"qwen"}),
        ("deepseek-chat", {"deepseek"}),
        ("DeepSeek-R1-Distill-Llama-70B", {"deepseek", "llama"}),
        ("smollm2", {"smollm"}), ("phi-4", {"phi"}), ("microsoft/Phi-3.5-mini", {"phi"}),
        ("philosopher", set()), ("our-model", set()), ("small", set()), ("judge", set()),
        ("opus-codec", {"claude"}), ("yi-34b", {"yi"}), ("yield", set()),
    ],
)  # fmt: skip
def test_a_name_speaks_of_its_family(name: str, found: set[str]) -> None:
    """Unknown names have none; a distilled model may have two."""
    assert families(name) == found


@pytest.mark.parametrize(
    ("model", "judge", "said"),
    [
        (entry("a"), entry("a"), "it would judge itself"),
        (entry("a"), entry("b"), None),
        (entry("x", same_weights="w"), entry("y", "q", same_weights="w"), "both serve the weights"),
        (entry("x", wire_name="org/M"), entry("y", "q", wire_name="ORG/m"), "both are 'org/m'"),
        (entry("ours", base="org/m"), entry("y", "q", wire_name="org/m"), "come from it"),
        (entry("ours", base="llama-3-8b"), entry("llama-4"), "of the family 'llama'"),
        (entry("gpt-5", "openai"), entry("gpt-4.1", "azure"), "of the family 'gpt'"),
        (entry("gpt-5"), entry("claude-opus-4"), None),
        (entry("rules", wire="python"), entry("gpt-5"), None),
        (entry("llama", wire="sklearn"), entry("llama-4"), None),
        (entry("logs-of-gpt-4", wire="replay"), entry("gpt-5"), "of the family 'gpt'"),
    ],
)
def test_kinship_says_why(model: tuple, judge: tuple, said: str | None) -> None:
    """Declared first, then by name; rules and baselines have no kin among models."""
    found = kinship(*model, *judge)
    assert (found is None) is (said is None)
    assert (said or "") in (found or "")
