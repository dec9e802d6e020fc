"""text: measures against hand-made figures and the reference implementations' own."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import build, grade, sample

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.graders.words import contains, token_f1

REFERENCE = "The quick brown fox jumps over the lazy dog"
ANSWER = "The quick brown dog jumps on the log."


@pytest.mark.parametrize(
    ("options", "target", "text", "value"),
    [
        ({}, "New York", "new york.", 1),
        ({}, "New York", "New York City", 0),
        ({"mode": "contains"}, "New York", "It is New York City", 1),
        ({"mode": "contains"}, "Paris", "The Parisian way", 0),
        ({"mode": "contains"}, "東京", "答えは東京です", 1),
        ({"mode": "token_f1"}, "the cat sat", "the cat", 0.8),
        ({"mode": "token_f1", "drop": ["the"]}, "the cat", "cat", 1),
        ({"mode": "token_f1"}, "cat", "dog", 0),
        ({"mode": "token_f1"}, "costs 1.5", "costs 15", 0.5),
        ({"mode": "token_f1"}, ["x y", "cat"], "cat", 1),
    ],
)
def test_words_are_measured_as_documented(options, target, text, value):
    """Several references: the best counts."""
    assert pytest.approx(value) == grade(build("text", **options), target, text).value


@pytest.mark.parametrize(
    ("options", "expected"),
    [  # figures of rouge-score 0.1.2 for this pair
        ({"rouge": "rouge1"}, 0.7058823529411765),
        ({"rouge": "rouge2"}, 0.26666666666666666),
        ({"rouge": "rougeL"}, 0.5882352941176471),
        ({"rouge": "rougeL", "tokens": "rouge_score", "stem": True}, 0.5882352941176471),
    ],
)
def test_rouge_agrees_with_the_reference_implementation(options, expected):
    """F-measures of Lin 2004, as rouge-score computes them."""
    score = grade(build("text", mode="rouge", **options), REFERENCE, ANSWER)
    assert pytest.approx(expected, abs=1e-12) == score.value


def test_rouge_counts_words_of_other_scripts():
    """The reference implementation scores every Cyrillic text 0."""
    rouge = build("text", mode="rouge")
    assert grade(rouge, "Правительство объявило меры", "Правительство объявило меры").value == 1


def test_a_reference_that_a_measure_cannot_see_is_refused():
    """One word has no ROUGE-2, Cyrillic no ASCII words: no silent zeros."""
    assert "too few words" in build("text", mode="rouge", rouge="rouge2").check(sample("cat"))
    ascii_only = build("text", mode="rouge", tokens="rouge_score")
    assert "too few words" in ascii_only.check(sample("меры"))


def test_chrf_agrees_with_sacrebleu():
    """chrF2 of Popović 2015, between 0 and 1."""
    score = grade(build("text", mode="chrf"), REFERENCE, ANSWER)
    assert pytest.approx(0.525324471643681, abs=1e-9) == score.value


@pytest.mark.parametrize("target", ["!!!", "", None, [], [True], {"a": 1}])
def test_a_reference_without_words_is_refused(target):
    """Everything would agree with it, or nothing."""
    text = build("text", mode="token_f1")
    assert text.check(sample(target))
    with pytest.raises(CannotGrade):
        grade(text, target, "cat")


@pytest.mark.parametrize(("mode", "module"), [("rouge", "rouge_score_rs"), ("chrf", "sacrebleu")])
def test_a_missing_library_is_said_before_anything_is_asked(monkeypatch, mode, module):
    """The extra is named."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=r"install evalkit\[text\]"):
        build("text", mode=mode)


def test_stemming_needs_the_tokens_it_was_made_for():
    """Porter's stemmer is English."""
    with pytest.raises(ConfigError, match="needs `tokens: rouge_score`"):
        build("text", mode="rouge", stem=True)


words = st.lists(st.sampled_from("abcd"), min_size=1, max_size=6)


@given(words, words)
def test_token_f1_is_symmetric_and_1_for_the_same_bag(x, y):
    """Order does not count."""
    assert token_f1(x, y) == token_f1(y, x)
    assert (token_f1(x, y) == 1) == (sorted(x) == sorted(y))


@given(words, st.integers(0, 5), st.integers(1, 6))
def test_every_run_of_words_is_contained(x, start, length):
    """A part of a text at word boundaries is found in it."""
    part = x[start : start + length]
    assert not part or contains(" ".join(x), " ".join(part))
