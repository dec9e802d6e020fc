"""A new suite's folder: small, whole, and runnable at once on the rules contestant.

The rows are examples to be replaced; the comments say what each part is for.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from evalkit.core.errors import ConfigError

_OUTPUTS = {
    "json": "  format: json                # text | label | json\n"
    "  schema: schema.json\n"
    "  structured: auto            # the strongest mode that each model declares\n",
    "label": "  format: label\n  labels: [billing, delivery, other]\n",
    "text": "  format: text\n",
}
_GRADERS = {
    "json": ("  json_schema: {}\n  fields: {}\n", "fields"),
    "label": ("  label: {}\n", "label"),
    "text": ("  text: {mode: normalised}\n", "text"),
}
_PROMPTS = {
    "json": "Answer with JSON only: the fields `vendor` and `total` (a number).\n\n{{ text }}\n",
    "label": "Answer with one label only: billing, delivery or other.\n\n{{ text }}\n",
    "text": "Answer in one word: which city is named?\n\n{{ text }}\n",
}
_ROWS: dict[str, list[tuple[str, Any]]] = {
    "json": [
        (
            "Invoice of Nordlicht GmbH. Total due: 120.50 EUR",
            {"vendor": "Nordlicht GmbH", "total": 120.5},
        ),
        ("From: Blue Mill Ltd\nAmount payable 80 GBP", {"vendor": "Blue Mill Ltd", "total": 80}),
        ("Carta & Figli, totale 35,00 EUR", {"vendor": "Carta & Figli", "total": 35.0}),
    ],
    "label": [
        ("I was charged twice for my order.", "billing"),
        ("The parcel has not arrived yet.", "delivery"),
        ("Do you sell gift cards?", "other"),
    ],
    "text": [
        ("The train to Lyon leaves at nine.", "Lyon"),
        ("We met in Porto last spring.", "Porto"),
        ("Her office moved to Gdansk.", "Gdansk"),
    ],
}
_RULES = {
    "json": """    number = re.search(r"(\\d+(?:[.,]\\d+)?)", text)
    total = float(number[1].replace(",", ".")) if number else 0.0
    return {"vendor": text.splitlines()[0], "total": total}
""",
    "label": """    if re.search(r"charge|invoice|pay", text, re.IGNORECASE):
        return "billing"
    return "delivery" if re.search(r"parcel|deliver", text, re.IGNORECASE) else "other"
""",
    "text": """    names = re.findall(r"\\b[A-Z][a-z]+", text)
    return names[-1] if names else ""
""",
}
_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["vendor", "total"],
    "properties": {"vendor": {"type": "string"}, "total": {"type": "number"}},
}


def new_suite(name: str, parent: Path, form: str) -> Path:
    """Write a suite's folder.

    Args:
        name: Name of the suite and its folder: letters, digits, `-` and `_`.
        parent: Where the folder is made.
        form: `json`, `label` or `text`.

    Raises:
        ConfigError: If the name cannot be one, or the folder exists.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise ConfigError(f"new suite: a name has letters, digits, - and _ only, got {name!r}")
    folder = parent / name
    if folder.exists():
        raise ConfigError(f"{folder}: it exists already; choose another name")
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"{folder}: it cannot be written: {error.strerror}") from None
    for file, text in _files(name, form).items():
        (folder / file).write_text(text, encoding="utf-8")
    return folder


def _files(name: str, form: str) -> dict[str, str]:
    rows = _ROWS[form]
    lines = [
        json.dumps({"id": f"{name}-{i:03}", "text": text, "target": target}, ensure_ascii=False)
        for i, (text, target) in enumerate(rows, start=1)
    ]
    kind = "str" if form != "json" else "dict[str, object]"
    files = {
        "suite.yaml": _suite_yaml(name, form),
        "samples.jsonl": "\n".join(lines) + "\n",
        "prompt.md.j2": _PROMPTS[form],
        "rules.py": f'"""Answers without a model: what rules alone can do."""\n\nimport re\n\n\n'
        f"def answer(sample: dict[str, str]) -> {kind}:\n"
        f'    """Answer one sample; it has every column but the target."""\n'
        f'    text = sample["text"]\n{_RULES[form]}',
        "README.md": _readme(name, len(rows)),
    }
    if form == "json":
        files["schema.json"] = json.dumps(_SCHEMA, indent=2) + "\n"
    return files


def _suite_yaml(name: str, form: str) -> str:
    graders, primary = _GRADERS[form]
    return (
        "schema_version: 1\n"
        f"name: {name}\n"
        "version: 0.1.0\n"
        "description: What this suite asks, in one line\n"
        "licence: CC0-1.0              # of the data\n"
        f"task: {name}                  # free text, used for routing and slices\n"
        "sensitivity: internal         # public | internal | confidential | personal | special\n"
        "data:\n  path: samples.jsonl         # the samples that are scored\n"
        "  id: id\n  target: target\n"
        "prompt:\n  user: prompt.md.j2\n"
        f"output:\n{_OUTPUTS[form]}"
        "params: {temperature: 0, max_tokens: 200}\n"
        f"graders:\n{graders}"
        f"primary: {primary}                # the grader whose score is the quality\n"
        "pass_at: 1.0\n"
    )


def _readme(name: str, rows: int) -> str:
    return (
        f"# {name}\n\n"
        "What it is: \n\nWho wrote it: \n\nHow the targets were made and checked: \n\n"
        f"Size: {rows} example rows, to be replaced by your own.\n\n"
        "Licence: CC0-1.0\n\nKnown limits: \n"
    )
