"""The page's scripts and styles: small, strict, and unable to read a text as anything else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import evalkit.report.page as package
from evalkit.report.page.render import _SCRIPTS

ASSETS = Path(package.__file__).parent / "assets"
SCRIPTS = sorted(ASSETS.glob("*.js"))
FORBIDDEN = (
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setHTML"
    r"|createContextualFragment|DOMParser|srcdoc|setAttribute\(\s*[\"']on|\.style\b|fetch\(|XMLHttp"
    r"|import\(|\bimport\b.*from|setTimeout\(\s*[\"'`]"
)


def test_every_script_is_on_the_page() -> None:
    """None is forgotten, none is named that is not there."""
    assert sorted(_SCRIPTS) == [path.name for path in SCRIPTS]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_makes_elements_and_fills_them_with_text(path: Path) -> None:
    """Nothing in it can turn a text into elements, code or a request; nothing waits in it."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(FORBIDDEN, text) == []
    assert len(text.splitlines()) <= 350


@pytest.mark.parametrize(
    "line",
    [
        "box.innerHTML = text",
        "document.write(text)",
        "eval(text)",
        "box.setAttribute('onclick', text)",
        "fetch(text)",
    ],
)
def test_the_search_finds_what_it_is_for(line: str) -> None:
    """Each would be found in a script."""
    assert re.search(FORBIDDEN, line)


def test_nothing_on_the_page_moves() -> None:
    """No transition, animation or smooth scroll that a reader would have to switch off."""
    style = (ASSETS / "page.css").read_text(encoding="utf-8")
    calm = style[: style.index("@media (prefers-reduced-motion")]
    assert not re.search("transition|animation|scroll-behavior", calm)
    for path in SCRIPTS:
        assert not re.search("smooth|animate\\(", path.read_text(encoding="utf-8"))
