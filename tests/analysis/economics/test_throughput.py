"""What is assumed of a replica nobody has measured, against the published estimates."""

from __future__ import annotations

import pytest

from evalkit.analysis.economics.assumptions import inputs_of
from evalkit.analysis.economics.profile import Operations, SelfHosting
from evalkit.analysis.economics.throughput import LARGE, MEDIUM, NAMED, SMALL, estimate_of
from evalkit.analysis.economics.triangle import certain


@pytest.mark.parametrize(
    ("name", "estimate"),
    [
        ("llama-3.1-8b-instruct", SMALL),
        ("Qwen3-8B", SMALL),
        ("qwen3_8b_invoices", SMALL),
        ("smollm2-1.7b", SMALL),
        ("mistral-small-24b", MEDIUM),
        ("qwen3-32b-fp8", MEDIUM),
        ("llama-3.3-70b", LARGE),
        ("openai/gpt-oss-120b", NAMED["gpt-oss-120b"]),
        ("qwen3-30b-a3b", NAMED["30b-a3b"]),
    ],
)
def test_a_models_name_says_its_size(name: str, estimate: object) -> None:
    """And its size which estimate is taken."""
    assert estimate == estimate_of(name)
    assert estimate_of(name).is_known


@pytest.mark.parametrize("name", ["llama-4-scout", "mixtral-8x7b", "m", "a405b", "llama-3.1-405b"])
def test_a_size_without_an_estimate_is_said(name: str) -> None:
    """A figure is taken all the same, and it is said that it is of another model."""
    assert not estimate_of(name).is_known


@pytest.mark.parametrize(("name", "tokens"), [("20b", 1967), ("120b", 1807), ("30b-a3b", 2142)])
def test_estimates_are_those_published(name: str, tokens: float) -> None:
    """Output tokens a second of one concurrency by 300 are the high end."""
    own = next(estimate for known, estimate in NAMED.items() if known.endswith(name))
    assert own.requests_per_s.value.high == pytest.approx(tokens / 300, abs=0.01)


def test_large_models_take_the_gpus_of_their_estimate() -> None:
    """Four of a 70B model; on one GPU the estimate does not fit, and a measured one needs none."""
    plain = inputs_of(SelfHosting(), Operations(), "llama-3.3-70b")
    assert plain.ranges["gpus_per_replica"] == certain(4)
    assert plain.is_sized
    one = inputs_of(SelfHosting(gpus_per_replica=certain(1)), Operations(), "llama-3.3-70b")
    assert not one.is_sized
    measured = SelfHosting(gpus_per_replica=certain(1), requests_per_s_per_replica=certain(3))
    assert inputs_of(measured, Operations(), "llama-3.3-70b").is_sized
