r"""Untrusted texts made visible, and packed for a page, so that none can end a script.

`\` becomes `\\`, a newline `\n`, a carriage return `\r`, and `<` becomes `\l`: what a browser
looks for inside a script element cannot occur. It does not know what the texts are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_PACK = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "<": "\\l"}
_UNPACK = {packed[1]: plain for plain, packed in _PACK.items()}
_PICTURES = {
    **{code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\t\n\r"},
    0x7F: "␡",
}
_HIDDEN = re.compile(
    "[\x80-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufdd0-\ufdef"
    "\ufffe\uffff\U000e0000-\U000e007f]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def shown(text: str) -> str:
    r"""Return a text in which nothing is hidden: control and direction characters are named.

    Example:
        >>> shown("a\x00b\u202ec")
        'a␀b⟨U+202E⟩c'
    """
    named = _HIDDEN.sub(lambda m: f"⟨U+{ord(m.group()):04X}⟩", text.translate(_PICTURES))
    return _SURROGATE.sub("\ufffd", named)


def pack(texts: Iterable[str]) -> str:
    r"""Return texts as lines, each made visible first.

    Example:
        >>> pack(["a\n</script>", "b"]) == "a\\n\\l/script>\nb"
        True
    """
    table = str.maketrans(_PACK)
    return "\n".join(shown(text).translate(table) for text in texts)


def unpack(packed: str) -> list[str]:
    r"""Return the texts of a packed block.

    Example:
        >>> unpack(pack(["a\\n<b>\n", ""]))
        ['a\\n<b>\n', '']
    """
    lines = packed.split("\n")
    return [re.sub(r"\\(.)", lambda m: _UNPACK[m.group(1)], line) for line in lines]
