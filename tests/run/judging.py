"""A judged suite and a judge by script, for tests of rubrics."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from project import Project, rows
from server import Call, CountingServer, Reply, Script

CRITERIA = [
    {"id": "right", "question": "Is it right?", "weight": 3, "must": True},
    {"id": "polite", "question": "Is it polite?"},
]
_DATA = re.compile(r"^<<<(?P<fence>[0-9a-f]{16}) (?P<name>\w+)\n(?P<text>.*?)\n(?P=fence)>>>$",
                   re.DOTALL | re.MULTILINE)  # fmt: skip


def judged_suite(project: Project, count: int = 2, *, samples: Any = None, **rubric: Any) -> Path:
    """A text suite whose only grader is a rubric, judged by `toy:judge` unless told otherwise."""
    folder = project.suite(rows(count) if samples is None else samples, graders={"rubric": {}})
    document = {"schema_version": 1, "criteria": CRITERIA, "judge": "toy:judge", **rubric}
    (folder / "rubric.yaml").write_text(json.dumps({k: v for k, v in document.items() if v}))
    project.providers(models={"small": {}, "judge": {"structured": "json_schema"}, "other": {},
                              "third": {}})  # fmt: skip
    return folder


def verdict(right: Any = "yes", polite: Any = "yes", evidence: str = "yes") -> str:
    """A judge's answer."""
    said = {"right": right, "polite": polite}
    return json.dumps({n: {"evidence": evidence, "verdict": v} for n, v in said.items()})


def judging(judge: Any, model: Any = "yes", judges: tuple[str, ...] = ("judge",)) -> Script:
    """Models say `model`; judges say `judge`, or what it returns for a call."""

    def script(call: Call) -> Reply:
        said = judge if call.model in judges else model
        said = said(call) if callable(said) else said
        return said if isinstance(said, Reply) else Reply(said)

    return script


def judge_calls(server: CountingServer, name: str = "judge") -> list[Call]:
    return [call for call in server.calls if call.model == name]


def shown(call: Call) -> dict[str, str]:
    """What a judge was shown, by name."""
    return {found["name"]: found["text"] for found in _DATA.finditer(call.prompt)}


def fence(call: Call) -> str:
    found = _DATA.search(call.prompt)
    assert found is not None
    return found["fence"]
