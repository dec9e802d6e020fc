"""The colours of pages and charts, by role, for light and dark: told apart by colour-blind readers.

A colour never carries a meaning alone: a symbol, a word or a pattern stands beside it. It does not
know what is drawn.
"""

from __future__ import annotations

from typing import NamedTuple


class Colour(NamedTuple):
    """One role's colour on light and on dark ground, as `#rrggbb`."""

    light: str
    dark: str


SERIES = 8
STEPS = 5
ROLES: dict[str, Colour] = {
    "paper": Colour("#ffffff", "#14171c"),
    "raised": Colour("#f5f6f8", "#1d2128"),
    "ink": Colour("#1f2328", "#e6e8eb"),
    "faint": Colour("#57606a", "#a3acb6"),
    "line": Colour("#d5d9de", "#3a414b"),
    "link": Colour("#0b5cad", "#7db7ff"),
    "good": Colour("#0f6b45", "#63c99a"),
    "bad": Colour("#a32b1c", "#ff9a8b"),
    "open": Colour("#7a5200", "#e5b657"),
    # Series: found by search, so that text in them can be read (4.5 : 1) and no two of them are
    # alike for readers who lack one kind of cone (tests/report/test_palette.py holds them to it).
    "c0": Colour("#0c4890", "#9cccfc"),
    "c1": Colour("#c0303c", "#d85454"),
    "c2": Colour("#008478", "#78fce4"),
    "c3": Colour("#8454e4", "#786cfc"),
    "c4": Colour("#9c6c00", "#fcd848"),
    "c5": Colour("#303030", "#9c9c9c"),
    "c6": Colour("#540054", "#b460b4"),
    "c7": Colour("#6c1800", "#fc9c60"),
    # Rungs, from usable to useless; a pattern tells those apart that a reader must not mix.
    "r0": Colour("#9ecae1", "#2f5f80"),
    "r1": Colour("#4292c6", "#4a90c0"),
    "r2": Colour("#d9c37a", "#8f7a2c"),
    "r3": Colour("#e6a15c", "#a8652a"),
    "r4": Colour("#c9714a", "#c87a55"),
    "r5": Colour("#b2432f", "#d4654f"),
    "r6": Colour("#7a2a20", "#e59a8d"),
    "r7": Colour("#9a9a9a", "#7d858e"),
    "r8": Colour("#d0d0d0", "#545c66"),
    # Steps of a share: on each of them ink can be read.
    "h0": Colour("#f4f7fa", "#1a212a"),
    "h1": Colour("#dfebf6", "#1f3145"),
    "h2": Colour("#c4dbef", "#24405d"),
    "h3": Colour("#a6cae7", "#294e75"),
    "h4": Colour("#86b8de", "#2d5b8b"),
}


def series(index: int) -> str:
    """Return the role of the model that stands at this place, counted from 0."""
    return f"c{index % SERIES}"


def style_rules() -> str:
    """Return the roles as CSS: variables for light, dark and print, and classes for charts.

    `f-ROLE` fills and `s-ROLE` strokes. The page's own choice, `data-theme` on the root element,
    comes before the reader's system; print is always light.
    """
    light = "".join(f"--{role}:{colour.light};" for role, colour in ROLES.items())
    dark = "".join(f"--{role}:{colour.dark};" for role, colour in ROLES.items())
    classes = "".join(
        f".f-{role}{{fill:var(--{role})}}.s-{role}{{stroke:var(--{role})}}" for role in ROLES
    )
    return (
        f":root{{color-scheme:light;{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light])"
        f"{{color-scheme:dark;{dark}}}}}"
        f"@media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}"
        f"{classes}"
    )
