"""Writes docs/cli.md and the tables of keys in the other pages, from the code and the schemas.

`python docs/generate.py` writes, `python docs/generate.py --check` says what is stale. A page asks
for a table by a comment, `<!-- table: suite data* -->`: the schema, the path inside it, and a star
where nested keys are listed too. The index of graders is made of the first line of each one's page.
It does not write prose.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.cli.main import COMMANDS
from evalkit.core.ports import GRADERS
from evalkit.core.schemas import schema_of

DOCS = Path(__file__).resolve().parent
TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true / false",
    "object": "mapping",
    "array": "list",
}
MARK = re.compile(r"(<!-- table: (\S+) ?(\S*) -->\n).*?(<!-- /table -->)", re.DOTALL)
INDEX = re.compile(r"(<!-- graders -->\n).*?(<!-- /graders -->)", re.DOTALL)
PURPOSE = re.compile(r"\A# \w+\n\nFor: (.+?)\. Scores: (.+?)\.\n\n## What it does\n")
CONFIGURATION = ("suite", "providers", "prices", "recording", "rubric", "label", "gate", "business")
HEAD = """# Commands

<!-- Written by docs/generate.py from the commands themselves; do not edit. -->

Every command takes `--help`. `--json` prints one JSON document on stdout and nothing else there.
Tables and paths go to stdout, progress and warnings to stderr. `NO_COLOR` is respected.

| exit code | meaning |
| ---: | --- |
| 0 | done |
| 1 | `gate` failed, or `drift --fail-on drift` found something worse |
| 2 | wrong usage or configuration: nothing was sent |
| 3 | inconclusive, or the runs are not comparable |
| 4 | the run is not complete (outage, budget, too many errors); `evalkit resume` goes on |
| 130 | interrupted: likewise |

Skipped samples alone leave exit code 0.
"""


def cli_page() -> str:
    """Return docs/cli.md."""
    overview = ["| command | does |", "| --- | --- |"]
    overview += [f"| [`{name}`](#{name}) | {c.help} |" for name, c in COMMANDS.items()]
    sections = [command_section(name) for name in COMMANDS]
    return "\n\n".join([HEAD.strip(), "\n".join(overview), *sections]) + "\n"


def command_section(name: str) -> str:
    """Return one command's section: what it does, its options, its example."""
    module = importlib.import_module(COMMANDS[name].module)
    parser = argparse.ArgumentParser(prog=f"evalkit {name}", add_help=False)
    module.add_arguments(parser)
    lines = [f"## {name}", (module.__doc__ or "").strip()]
    inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if inner:
        for action, found in inner[0].choices.items():
            lines += [f"### {name} {action}", *options_of(f"{name} {action}", found)]
    else:
        lines += options_of(name, parser)
    if parser.epilog:
        lines.append(f"Example: `{parser.epilog.removeprefix('example: ')}`")
    return "\n\n".join(lines)


def options_of(name: str, parser: argparse.ArgumentParser) -> list[str]:
    """Return the usage line of a command, and the table of its options."""
    actions = [a for a in parser._actions if not isinstance(a, argparse._HelpAction)]
    positionals = " ".join(usage_of(action) for action in actions if not action.option_strings)
    usage = f"```\nevalkit {name} {positionals} [options]\n```".replace("  ", " ")
    table = ["| option | meaning |", "| --- | --- |"]
    table += [f"| {spelled(action)} | {meaning(action)} |" for action in actions]
    return [usage, "\n".join(table)]


def usage_of(action: argparse.Action) -> str:
    """Return a positional argument as a usage line writes it."""
    name = value_name(action)
    return {"?": f"[{name}]", "+": f"{name} [...]", "*": f"[{name} ...]"}.get(
        str(action.nargs), name
    )


def value_name(action: argparse.Action) -> str:
    """Return the name under which an option's value is shown."""
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return str(action.metavar or action.dest).upper()


def spelled(action: argparse.Action) -> str:
    """Return an option with its value, for the first column."""
    if not action.option_strings:
        return f"`{cell(value_name(action))}`"
    value = "" if action.nargs == 0 else f" {value_name(action)}"
    return ", ".join(f"`{cell(option + value)}`" for option in action.option_strings)


def meaning(action: argparse.Action) -> str:
    """Return an option's help with its default."""
    text = cell(action.help or "")
    default = action.default
    if action.nargs != 0 and default not in (None, [], argparse.SUPPRESS) and "default" not in text:
        text += f" (default: `{default}`)"
    return text.strip()


def schema_table(name: str, path: str) -> str:
    """Return the table of one mapping of a schema."""
    schema = schema_of(name)
    node: Any = schema
    for step in path.rstrip("*").split("."):
        if step:
            node = node["properties"][step] if step in node.get("properties", {}) else node[step]
    node = object_in(node)
    rows = list(key_rows(schema, node, "", deep=path.endswith("*")))
    if name in CONFIGURATION:
        head = ["key", "type", "default", "example", "meaning"]
        cells = [[key, kind, default, example, said] for key, kind, default, example, said in rows]
    elif name in ("attempt", "trial"):
        head = ["key", "type", "left out when", "meaning"]
        cells = [
            [key, kind, "" if default == "required" else default, said]
            for key, kind, default, _, said in rows
        ]
    else:
        head = ["key", "type", "meaning"]
        cells = [[key, kind, said] for key, kind, _, _, said in rows]
    lines = [head, ["---"] * len(head), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def object_in(node: dict[str, Any]) -> dict[str, Any]:
    """Return the mapping that a schema describes, through `anyOf` and `else`."""
    options = [node, *node.get("anyOf", []), node.get("else", {})]
    return next(option for option in options if "properties" in option)


def key_rows(
    schema: dict[str, Any], node: dict[str, Any], prefix: str, *, deep: bool
) -> Iterator[list[str]]:
    """Yield key, type, default, example and meaning of each key of a mapping."""
    for key, value in node["properties"].items():
        default = "required" if key in node.get("required", ()) else shown(value, "default")
        example = shown({"example": value["examples"][0]}, "example") if "examples" in value else ""
        said = cell(value.get("description", ""))
        yield [f"`{prefix}{key}`", cell(kind_of(schema, value)), default, example, said]
        nested = [option for option in [value, *value.get("anyOf", [])] if "properties" in option]
        if deep and nested:
            yield from key_rows(schema, nested[0], f"{prefix}{key}.", deep=True)


def shown(value: dict[str, Any], key: str) -> str:
    """Return a default or an example as YAML would write it on one line."""
    if key not in value:
        return ""
    found = value[key]
    text = found if isinstance(found, str) and found else json.dumps(found, ensure_ascii=False)
    prose = isinstance(found, str) and (" " in found and key == "default")
    return cell(text) if prose else f"`{cell(text)}`"


def kind_of(schema: dict[str, Any], value: dict[str, Any]) -> str:
    """Return a schema's type in words."""
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        words = [v for v in value["enum"] if v is not None and not isinstance(v, bool)]
        return " / ".join(f"`{word}`" for word in words)
    if "anyOf" in value:
        kinds = [kind_of(schema, option) for option in value["anyOf"]]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind))
    types = value.get("type", [])
    names = [types] if isinstance(types, str) else types
    found = [TYPES[name] for name in names if name != "null"]
    items = value.get("items", {})
    if "enum" in items:
        return "list of these"
    return " or ".join(found)


def cell(text: str) -> str:
    """Return text that stands in one cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def grader_index() -> str:
    """Return the table of graders: the line under the title of each one's page.

    Raises:
        ValueError: If a page does not begin as all do.
    """
    lines = ["| grader | for | scores |", "| --- | --- | --- |"]
    for name in GRADERS:
        page = DOCS / "graders" / f"{name}.md"
        begins = PURPOSE.match(page.read_text(encoding="utf-8"))
        if begins is None:
            raise ValueError(f"{page}: it must begin `# {name}`, `For: ... Scores: ...`")
        lines.append(f"| [{name}]({name}.md) | {cell(begins[1])} | {cell(begins[2])} |")
    return "\n".join(lines)


def pages() -> dict[Path, str]:
    """Return every generated page, and every page with tables, as they should be."""
    wanted = {DOCS / "cli.md": cli_page()}
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if MARK.search(text):
            wanted[page] = MARK.sub(
                lambda found: f"{found[1]}{schema_table(found[2], found[3])}\n{found[4]}", text
            )
    index = DOCS / "graders" / "README.md"
    text = index.read_text(encoding="utf-8")
    wanted[index] = INDEX.sub(lambda found: f"{found[1]}{grader_index()}\n{found[2]}", text)
    return wanted


def main() -> int:
    """Write the pages, or say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where stale")
    options = parser.parse_args()
    stale = [
        path
        for path, text in pages().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        said = "stale" if options.check else "written"
        sys.stdout.write(f"{said}: {path.relative_to(DOCS.parent)}\n")
        if not options.check:
            path.write_text(pages()[path], encoding="utf-8")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
