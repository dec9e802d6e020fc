"""The house: imports go down, parts stay small, every part says what it is for."""

from __future__ import annotations

import ast
import importlib
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import evalkit

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "evalkit"
MODULES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in MODULES}
FUNCTIONS = {
    f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": node
    for path, tree in TREES.items()
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
}
MOST_LINES_OF_A_FILE = 500
MOST_LINES_OF_A_FUNCTION = 60
VAGUE_NAMES = {
    "utils",
    "util",
    "helpers",
    "helper",
    "manager",
    "managers",
    "base",
    "common",
    "misc",
}


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def where(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def test_imports_go_down() -> None:
    """The contracts of pyproject.toml hold: layers, no circles, forbidden imports."""
    command = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [command, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert re.search(r"Contracts: \d+ kept, 0 broken", done.stdout)


def test_core_stands_on_nothing() -> None:
    """The lowest floor imports no other, typing imports included."""
    for path in (PACKAGE / "core").glob("*.py"):
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("evalkit"):
                assert (node.module or "").startswith("evalkit.core"), f"{path}:{node.lineno}"


def test_files_are_short() -> None:
    """What does not fit is two things."""
    long = [p for p in MODULES if len(p.read_text().splitlines()) > MOST_LINES_OF_A_FILE]
    assert where(long) == []


def test_functions_are_short() -> None:
    """None over 60 lines, nine of ten within 35, the median within 12."""
    lengths = {name: length(node) for name, node in FUNCTIONS.items()}
    assert [name for name, size in lengths.items() if size > MOST_LINES_OF_A_FUNCTION] == []
    assert statistics.quantiles(lengths.values(), n=10)[8] <= 35
    assert statistics.median(lengths.values()) <= 12


def test_functions_take_few_positional_arguments() -> None:
    """At most five beside self; the rest has names."""
    many = [
        name
        for name, node in FUNCTIONS.items()
        if len([a for a in node.args.args if a.arg not in ("self", "cls")]) > 5
    ]
    assert [name for name in many if not name.endswith("__init__")] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_says_what_it_is(path: Path) -> None:
    """One paragraph at its top, a sentence at least."""
    said = ast.get_docstring(TREES[path])
    assert said
    assert said.splitlines()[0].rstrip().endswith((".", "`.", ":", ",")) or "\n" in said


def test_names_say_the_fields_words() -> None:
    """A vague name is a drawer for anything."""
    vague = [p for p in MODULES if VAGUE_NAMES & {p.stem, p.parent.name}]
    assert where(vague) == []


def test_no_error_is_swallowed() -> None:
    """No bare `except`; a handler that goes on in silence says why on its line."""
    lines = {path: path.read_text().splitlines() for path in MODULES}
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or (
                isinstance(node.body[0], ast.Pass)
                and "#" not in lines[path][node.body[0].lineno - 1]
            )
        )
    ]
    assert silent == []


def test_nothing_is_left_to_do() -> None:
    """Work that is left stands in an issue; suppressed rules carry a reason or a rule."""
    words = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" * 3 + r"\b", "HA" + "CK"]))
    assert where([path for path in MODULES if words.search(path.read_text())]) == []


def test_no_path_of_one_machine_is_left() -> None:
    """What was written somewhere must run anywhere."""
    words = re.compile(
        "|".join(["/" + "work/", "/" + "root/", "/" + "home/[a-z]", "/" + "tmp/[a-z]"])
    )
    kinds = ("*.py", "*.md", "*.yaml", "*.toml", "*.j2", "*.sh")
    folders = ["evalkit", "tests", "suites", "docs", "examples", "benchmarks"]
    files = [path for name in folders for kind in kinds for path in (ROOT / name).rglob(kind)]
    files += [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("*.yaml"), ROOT / "Makefile"]
    assert where([path for path in files if words.search(path.read_text())]) == []


# ------------------------------------------------------------------- the public face


def test_the_public_face_is_sorted_and_can_be_imported() -> None:
    """Each name is found, once."""
    assert evalkit.__all__ == sorted(set(evalkit.__all__))
    for name in evalkit.__all__:
        assert getattr(evalkit, name) is not None


def test_the_public_face_is_small() -> None:
    """About fifteen names that fit in the head."""
    assert 10 <= len(evalkit.__all__) <= 30


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = evalkit.nope


@pytest.mark.parametrize("name", evalkit.__all__)
def test_a_public_name_is_explained(name: str) -> None:
    """By its own docstring."""
    assert getattr(evalkit, name).__doc__


def test_every_list_of_names_is_sorted_and_true() -> None:
    """`__all__` wherever a module has one."""
    for path in MODULES:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if not any(isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
                   for node in TREES[path].body):  # fmt: skip
            continue
        found = importlib.import_module(module)
        assert found.__all__ == sorted(found.__all__), module
        assert all(hasattr(found, name) for name in found.__all__), module


def test_the_package_is_typed() -> None:
    """Type checkers of users read our annotations."""
    assert (PACKAGE / "py.typed").is_file()
