"""A drawing of matplotlib as SVG for a page: its colours become classes of the palette.

So it is dark where the page is. No `style` attribute is left, which a strict policy forbids, and no
id that two drawings of a page could share. It does not know what is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from xml.etree import ElementTree as ET

from evalkit.report.palette import ROLES, style_rules

SPACE = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_LONG = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_SIZE = re.compile(r"(?:(bold|\d{3}) )?([\d.]+)px")
_PIXELS = 4 / 3
_SKIPPED = {"metadata", "style", "title"}
_COLOURS = {colour.light: role for role, colour in reversed(ROLES.items())}
_FONT = "DejaVu Sans, Verdana, sans-serif"


def page_markup(svg: str, name: str, alt: str) -> str:
    """Return a drawing for the page.

    Args:
        svg: As matplotlib writes it; every colour in it is the light one of a role.
        name: What its ids begin with; no two drawings of a page share it.
        alt: What it says, in words.

    Raises:
        ValueError: If a colour is none of the palette: it would stay as it is on dark ground.
    """
    root = ET.fromstring(svg)  # noqa: S314 (written by matplotlib, here)
    used = _referred(svg)
    width, height = root.get("viewBox", "").split()[2:]
    inside = "".join(_written(child, name, used) for child in root)
    return (
        f'<svg width="{float(width) * _PIXELS:.0f}" height="{float(height) * _PIXELS:.0f}" '
        f'viewBox="0 0 {_short(width)} {_short(height)}" role="img" stroke-linejoin="round" '
        f'aria-label="{escape(alt)}">{inside}</svg>'
    )


def file_markup(markup: str) -> str:
    """Return the page's drawing as a file that stands alone, light or dark as its reader is."""
    head = f'<svg xmlns="{SPACE}" font-family="{_FONT}"'
    ground = '<rect width="100%" height="100%" class="f-paper"/>'
    start = markup.index(">") + 1
    return (
        f"{head}{markup[len('<svg') : start]}<style>{style_rules()}</style>{ground}"
        f"{markup[start:]}\n"
    )


def _referred(svg: str) -> set[str]:
    return {*_REFERENCE.findall(svg), *re.findall(r'xlink:href="#([^"]+)"', svg)}


def _written(element: ET.Element, name: str, used: set[str]) -> str:
    tag = element.tag.removeprefix(f"{{{SPACE}}}")
    if tag in _SKIPPED:
        return ""
    inside = "".join(_written(child, name, used) for child in element)
    if tag == "text":
        inside = escape(element.text or "", quote=False)
    attributes = _attributes(element, name, used)
    if tag in ("g", "defs") and not (inside and attributes):
        return inside if tag == "g" or not inside else f"<defs>{inside}</defs>"
    return f"<{tag}{attributes}>{inside}</{tag}>" if inside else f"<{tag}{attributes}/>"


def _attributes(element: ET.Element, name: str, used: set[str]) -> str:
    found: dict[str, str] = {}
    classes = []
    for key, value in {**element.attrib, **_style(element)}.items():
        plain = "href" if key == _LINK else key
        if plain in ("style", "type"):
            continue
        if plain == "id":
            if value in used:
                found["id"] = f"{name}-{value}"
        elif plain == "href":
            found["href"] = f"#{name}-{value[1:]}"
        elif plain in ("fill", "stroke") and value.startswith("#"):
            classes.append(f"{plain[0]}-{_role(value)}")
        else:
            found[plain] = _REFERENCE.sub(rf"url(#{name}-\1)", _LONG.sub(_rounded, value))
    if element.tag == f"{{{SPACE}}}text" and not any(own.startswith("f-") for own in classes):
        raise ValueError(f"a drawing's text has no colour: {element.text!r}")
    if classes:
        found["class"] = " ".join(classes)
    return "".join(f' {key}="{escape(value)}"' for key, value in found.items())


def _style(element: ET.Element) -> Mapping[str, str]:
    """Return a style's declarations as presentation attributes."""
    found: dict[str, str] = {}
    for part in element.get("style", "").split(";"):
        key, _, value = (own.strip() for own in part.partition(":"))
        if key == "font":
            matched = _SIZE.search(value)
            if matched:
                found["font-size"] = matched[2]
                if matched[1]:
                    found["font-weight"] = matched[1]
        elif key == "font-size":
            found[key] = value.removesuffix("px")
        elif key and key != "font-family":
            found[key] = value
    return found


def _role(value: str) -> str:
    if value not in _COLOURS:
        raise ValueError(f"a drawing's colour is none of the palette, got {value}")
    return _COLOURS[value]


def _rounded(found: re.Match[str]) -> str:
    return _short(found[0])


def _short(number: str) -> str:
    """Return a coordinate with two decimals at most.

    Example:
        >>> _short("12.345678"), _short("-0.0001"), _short("288")
        ('12.35', '0', '288')
    """
    text = f"{float(number):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
