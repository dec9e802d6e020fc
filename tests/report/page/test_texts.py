"""Untrusted texts on a page: visible, whole, and unable to end a script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.page.texts import pack, shown, unpack
from tests.report.hostile import HOSTILE

HIDDEN = "\x00\x1b\x7f\x9b\u061c\u200e\u2028\u202e\u2066\ufeff\uffff\U000e0041"


@given(st.lists(st.text(), min_size=1))
def test_what_is_packed_comes_back_as_it_is_shown(texts: list[str]) -> None:
    """The escape loses nothing."""
    assert [shown(text) for text in texts] == unpack(pack(texts))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_text_holds_what_a_browser_looks_for(name: str) -> None:
    """No `<` is left, nothing hidden, and it can be written as UTF-8."""
    packed = pack([HOSTILE[name]])
    assert "<" not in packed
    assert not set(HIDDEN) & set(packed)
    assert packed == packed.encode().decode()


def test_json_costs_little_more_than_its_text() -> None:
    """Quotes stay as they are: an output of JSON grows by its newlines alone."""
    text = '{\n "vendor": "acme",\n "total": 12.5\n}' * 100
    assert len(pack([text]).encode()) <= 1.1 * len(text.encode())
