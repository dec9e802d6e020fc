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
    # Series: after Okabe & Ito (2008), darkened or lightened until text in them can be read.
    "c0": Colour("#0067a8", "#6cb6f5"),
    "c1": Colour("#b04300", "#f79a5e"),
    "c2": Colour("#00735a", "#4fcca6"),
    "c3": Colour("#a0387c", "#ee95cb"),
    "c4": Colour("#3f3f3f", "#d0d0d0"),
    "c5": Colour("#7d5b00", "#e3bd4f"),
    "c6": Colour("#5b46b8", "#b0a2ff"),
    "c7": Colour("#2c6b7d", "#82c9dc"),
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
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light])"
        f"{{color-scheme:dark;{dark}}}}}"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}"
        f"@media print{{:root,:root[data-theme]{{color-scheme:light;{light}}}}}"
        f"{classes}"
    )
