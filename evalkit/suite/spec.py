"""suite.yaml as a record: every key checked, every problem named with file and line.

Reads the templates and schemas that it names, not the data. It does not know samples.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from evalkit.core.documents import Node, override, read_text, read_yaml, show
from evalkit.core.errors import ConfigError
from evalkit.core.policy import SENSITIVITIES, TRAINING_DEMANDS, demand_problem
from evalkit.core.records import MODES, OutputSpec, Record
from evalkit.suite.data import DataSpec
from evalkit.suite.prompts import PromptSpec, template_text

FORMATS = ("text", "label", "json", "tool_calls")
RUNGS = ("valid", "fenced", "embedded", "repaired")
_NUMBER = (int, float)
_PARAMS: dict[str, tuple[tuple[type, ...], Callable[[Any], bool] | None, str]] = {
    "temperature": (_NUMBER, lambda t: t >= 0, "a number >= 0"),
    "top_p": (_NUMBER, lambda p: 0 <= p <= 1, "a number from 0 to 1"),
    "top_k": ((int,), lambda k: k >= 0, "a whole number >= 0"),
    "max_tokens": ((int,), lambda n: n >= 1, "a whole number >= 1"),
    "seed": ((int,), None, ""),
    "stop": ((str, list), None, ""),
    "presence_penalty": (_NUMBER, None, ""),
    "frequency_penalty": (_NUMBER, None, ""),
    "reasoning_effort": ((str,), None, ""),
    "min_p": (_NUMBER, lambda p: 0 <= p <= 1, "a number from 0 to 1"),
    "repeat_penalty": (_NUMBER, None, ""),
}


class GraderSpec(Record, frozen=True, kw_only=True):
    """One entry of `graders:`: which grader with which options, and where it stands."""

    name: str
    options: dict[str, Any]
    where: str


class SuiteSpec(Record, frozen=True, kw_only=True):
    """Everything that suite.yaml says, checked.

    Attributes:
        file: suite.yaml, for messages.
        schema_where: The schema's file, or its line in suite.yaml where it stands inline.
        settings: The `--set` overrides that are part of this.
    """

    folder: Path
    file: str
    name: str
    version: str = "0"
    description: str = ""
    licence: str | None = None
    task: str | None = None
    sensitivity: str | None = None
    require: dict[str, Any] | None = None
    data: DataSpec
    prompt: PromptSpec
    output: OutputSpec
    schema_where: str = ""
    structured: tuple[str, ...] = ("auto",)
    params: dict[str, Any] = {}
    graders: tuple[GraderSpec, ...] = ()
    primary: str = ""
    pass_at: float = 1.0
    settings: tuple[str, ...] = ()


def read_spec(folder: Path, *, settings: Iterable[str] = ()) -> SuiteSpec:
    """Read and check suite.yaml alone, without its data.

    Raises:
        ConfigError: If the folder is no suite or a key is wrong.
    """
    file = folder if folder.name == "suite.yaml" else folder / "suite.yaml"
    folder = file.parent
    if not file.is_file():
        raise ConfigError(f"{folder}: no suite.yaml in this folder; `evalkit suites` lists suites")
    settings = tuple(settings)
    node = override(read_yaml(file), settings)
    spec = _spec(node, folder, file, settings)
    node.refuse_unknown()
    node.stop_on_problems()
    return spec


def _spec(node: Node, folder: Path, file: Path, settings: tuple[str, ...]) -> SuiteSpec:
    _version(node)
    output = _output(node.mapping("output"), folder)
    prompt = node.mapping("prompt")
    graders = _graders(node.mapping("graders"), output)
    primary = node.take("primary", str, graders[0].name if graders else "")
    names = [g.name for g in graders]
    if names and primary not in names:
        child = node.children.get("primary", node)
        child.refuse(f"`primary` names {primary!r}; this suite's graders: {', '.join(names)}")
    return SuiteSpec(
        folder=folder,
        file=str(file),
        name=node.take("name", str, folder.resolve().name, valid=_is_name, what="a short name"),
        version=str(node.take("version", (str, int, float), "0")),
        description=node.take("description", str, ""),
        licence=node.take("licence", str, None),
        task=node.take("task", str, None),
        sensitivity=node.take("sensitivity", str, None, allowed=SENSITIVITIES),
        require=_demands(node),
        data=_data(node.mapping("data"), folder),
        prompt=_prompt(prompt, folder),
        output=output,
        schema_where=_schema_where(node.mapping("output"), folder),
        structured=_structured(node.mapping("output")),
        params=_params(node.mapping("params")),
        graders=graders,
        primary=primary or "",
        pass_at=float(
            node.take("pass_at", (int, float), 1.0, valid=_is_share, what="a number from 0 to 1")
        ),
        settings=settings,
    )


def _version(node: Node) -> None:
    node.take("schema_version", int, 1, allowed=(1,))


def _is_name(value: str) -> bool:
    return bool(value.strip()) and not any(c in value for c in "/\\:@\0\n")


def _is_share(value: float) -> bool:
    return 0 <= value <= 1


def _demands(node: Node) -> dict[str, Any] | None:
    child = node.mapping("require")
    if not child.value:
        return None
    training = child.take("trains_on_data", (str, bool), None, allowed=(*TRAINING_DEMANDS, False))
    regions = child.node("regions")
    demands = {
        "regions": list(child.strings("regions"))
        if regions and regions.value is not None
        else None,
        "trains_on_data": "no" if training is False else training,
        "max_retention_days": child.take(
            "max_retention_days", (int, float), None, valid=lambda d: d >= 0, what="a number >= 0"
        ),
    }
    child.refuse_unknown()
    demands = {name: value for name, value in demands.items() if value is not None}
    problem = demand_problem(demands)
    if problem and not child.problems:
        child.refuse(f"`require`: {problem}")
    return demands


def _data(node: Node, folder: Path) -> DataSpec:
    path = _data_file(node, "path", folder)
    hub = _hub(node.node("hub"))
    if path is not None and _is_set(node, "path"):
        hub = None  # a path given on the command line replaces the hub
    if _lacks(node, "path") and _lacks(node, "hub"):
        node.refuse("`data` needs `path` (a file) or `hub` (a data set's name)")
    elif path is not None and hub is not None:
        node.refuse("`data` has both `path` and `hub`; give one")
    train, train_hub = _train(node, folder)
    spec = DataSpec(
        path=path,
        hub=hub,
        train=train,
        train_hub=None if _is_set(node, "path") and train is None else train_hub,
        id=node.take("id", str, None),
        target=node.take("target", str, None),
        cluster=node.take("cluster", str, None),
        slices=node.strings("slices"),
        critical=node.take("critical", str, None),
        where=_filter(node.mapping("where")),
        train_where=_filter(node.mapping("train_where")),
    )
    node.refuse_unknown()
    return spec


def _lacks(node: Node, key: str) -> bool:
    child = node.children.get(key)
    return child is None or child.value in (None, "", [], {})


def _is_set(node: Node, key: str) -> bool:
    child = node.children.get(key)
    return child is not None and child.where.startswith("--set")


def _file(node: Node, key: str, folder: Path) -> Path | None:
    """Return a file named in suite.yaml: relative to the suite, or to the user where `--set`."""
    name = node.take(key, str, None)
    if name is None:
        return None
    return Path(name) if _is_set(node, key) else folder / name


def _train(node: Node, folder: Path) -> tuple[Path | None, dict[str, Any] | None]:
    child = node.children.get("train")
    if child is not None and isinstance(child.value, dict):
        node.node("train")
        hub = _hub(child.node("hub"))
        child.refuse_unknown()
        return None, hub
    return _data_file(node, "train", folder), None


def _data_file(node: Node, key: str, folder: Path) -> Path | None:
    path = _file(node, key, folder)
    if path is not None and not path.is_file():
        node.children[key].refuse(f"`{key}` names {str(path)!r}; no such file")
    return path


def _hub(node: Node | None) -> dict[str, Any] | None:
    if node is None or node.value is None:
        return None
    if not isinstance(node.value, dict):
        node.refuse(f"`hub` must be a mapping with `name`, got {show(node.value)}")
        return None
    keys = ("name", "config", "split", "revision")
    hub = {key: node.take(key, str, None) for key in keys}
    rename = node.mapping("rename").rest()
    if any(not isinstance(name, str) for name in rename.values()):
        node.children["rename"].refuse(f"`rename` must map columns to names, got {show(rename)}")
    hub["rename"] = rename or None
    if not hub["name"]:
        node.refuse("`hub` needs `name`, for example PolyAI/banking77")
    node.refuse_unknown()
    return hub


def _filter(node: Node) -> dict[str, tuple[Any, ...]]:
    wanted = {}
    for column, child in node.items():
        values = child.value if isinstance(child.value, list) else [child.value]
        if any(isinstance(v, bool) for v in values) and any(isinstance(v, str) for v in values):
            child.refuse(
                f"{column!r} mixes texts and true or false, got {show(values)}; use quotes"
            )
        wanted[column] = tuple(values)
    return wanted


def _prompt(node: Node, folder: Path) -> PromptSpec:
    system, system_name = template_text(node, "system", folder)
    user, user_name = template_text(node, "user", folder)
    if user is None and not node.problems:
        node.refuse("`prompt` needs `user`: a template file or a text with the sample's columns")
    shots = node.mapping("examples")
    path = _file(shots, "path", folder) if shots.value else None
    if path is not None and not path.is_file():
        shots.refuse(f"`examples` names {str(path)!r}; no such file")
    spec = PromptSpec(
        system=system,
        user=user or "",
        system_name=system_name,
        user_name=user_name,
        examples=path,
        k=shots.take("k", int, 3, valid=lambda k: k >= 0, what="a whole number >= 0"),
        seed=shots.take("seed", int, 0),
    )
    shots.refuse_unknown()
    node.refuse_unknown()
    return spec


def _output(node: Node, folder: Path) -> OutputSpec:
    spec = OutputSpec(
        format=node.take("format", str, "text", allowed=FORMATS),
        schema=_json_file(node, "schema", folder, dict),
        labels=_labels(node),
        tools=tuple(_json_file(node, "tools", folder, list) or ()),
        accept=_accept(node),
        max_attempts=node.take("max_attempts", int, 1, valid=lambda n: n >= 1, what=">= 1"),
    )
    node.node("structured")
    if spec.format == "label" and _lacks(node, "labels"):
        node.refuse("`format: label` needs `labels`: the list of allowed labels")
    if spec.format == "tool_calls" and _lacks(node, "tools"):
        node.refuse("`format: tool_calls` needs `tools`: a file of functions in the OpenAI form")
    node.refuse_unknown()
    return spec


def _labels(node: Node) -> tuple[str, ...]:
    labels = node.strings("labels")
    folded = [label.casefold().strip() for label in labels]
    if len(set(folded)) != len(folded):
        node.children["labels"].refuse("`labels` holds a label twice (case is ignored)")
    return labels


def _accept(node: Node) -> tuple[str, ...]:
    accept = node.strings("accept", ("valid", "fenced", "embedded"))
    for rung in accept:
        if rung not in RUNGS:
            node.children["accept"].refuse(f"`accept` got {rung!r}; allowed: {', '.join(RUNGS)}")
    return accept


def _json_file(node: Node, key: str, folder: Path, kind: type) -> Any:
    """Return a JSON file's content, or the value itself where it stands inline."""
    child = node.node(key)
    if child is None or child.value is None:
        return None
    value = child.value
    if isinstance(value, str):
        path = Path(value) if _is_set(node, key) else folder / value
        if not path.is_file():
            child.refuse(f"`{key}` names {value!r}; no such file in {folder}")
            return None
        try:
            value = json.loads(read_text(path))
        except (ValueError, RecursionError) as error:
            child.refuse(f"{path}: it is not JSON: {error}")
            return None
    if not isinstance(value, kind):
        child.refuse(
            f"`{key}` must be a JSON {'object' if kind is dict else 'list'}, got {show(value)}"
        )
        return None
    return value


def _schema_where(node: Node, folder: Path) -> str:
    child = node.children.get("schema")
    if child is None:
        return node.where
    if not isinstance(child.value, str):
        return child.where
    return child.value if _is_set(node, "schema") else str(folder / child.value)


def _structured(node: Node) -> tuple[str, ...]:
    modes = node.strings("structured", ("auto",))
    allowed = (*MODES, "auto")
    for mode in modes:
        if mode not in allowed:
            node.children["structured"].refuse(
                f"`structured` got {mode!r}; allowed: {', '.join(allowed)}, or a list of them"
            )
    if len(set(modes)) != len(modes) or ("auto" in modes and len(modes) > 1):
        node.children["structured"].refuse(
            "`structured` lists a mode twice, or `auto` beside others"
        )
    return modes


def _params(node: Node) -> dict[str, Any]:
    params = {}
    for key, (kinds, valid, what) in _PARAMS.items():
        value = node.take(key, kinds, None, valid=valid, what=what)
        if value is not None:
            params[key] = value
    node.refuse_unknown()
    return params


def _graders(node: Node, output: OutputSpec) -> tuple[GraderSpec, ...]:
    graders = []
    for name, child in node.items():
        options = {} if child.value is None else child.value
        if not isinstance(options, dict):
            child.refuse(f"options of grader {name!r} must be a mapping, got {show(options)}")
            continue
        graders.append(GraderSpec(name=str(name), options=options, where=child.where))
    if not graders and not node.problems:
        default = {"json": "json_schema", "label": "label", "tool_calls": "json_schema"}
        known = default.get(output.format, "exact")
        node.refuse(
            f"`graders` is missing; for format {output.format!r} start with `{known}: {{}}`"
        )
    return tuple(graders)
