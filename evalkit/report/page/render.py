"""A page as one HTML file: no request to anywhere, a hash in its policy for every script and style.

Text is escaped by the template; outputs stand in a data block and enter the page as text alone. It
does not know what is on the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from evalkit.report.page.parts import Page
from evalkit.report.page.texts import pack
from evalkit.report.palette import style_rules

_ASSETS = Path(__file__).parent / "assets"
_SCRIPTS = (
    "dom.js",
    "theme.js",
    "tables.js",
    "difference.js",
    "samples.js",
    "opened.js",
    "browser.js",
    "start.js",
)
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def render(page: Page) -> str:
    """Return the page as HTML; equal pages give equal text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    style = style_rules() + _asset("page.css")
    scripts = [
        ("application/json", "data", _json(page.samples)),
        ("text/plain", "texts", pack(page.texts)),
        ("", "", _script()),
    ]
    if page.samples is None:
        scripts = scripts[2:]
    environment = Environment(
        loader=FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["kind"] = lambda block, name: type(block).__name__ == name
    policy = "; ".join(
        [
            "default-src 'none'",
            f"style-src {_hash(style)}",
            f"script-src {' '.join(_hash(text) for _, _, text in scripts)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    template = environment.get_template("page.html.j2")
    return template.render(page=page, style=style, scripts=scripts, policy=policy)


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8").strip()


def _script() -> str:
    """Return all scripts as one, in one scope of their own."""
    return '"use strict";\n(() => {\n' + "\n".join(map(_asset, _SCRIPTS)) + "\n})();"


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPES)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
