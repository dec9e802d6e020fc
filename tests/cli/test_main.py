"""The command line itself: help, exit codes, one line an error, nothing heavy for --help."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.cli import main as cli
from evalkit.cli.main import COMMANDS, main
from evalkit.cli.options import dollars, names, positive, shard
from evalkit.cli.output import columns, print_json
from evalkit.core.errors import ConfigError, JournalError

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"pandas", "numpy", "openai", "anthropic", "matplotlib", "datasets", "sklearn", "msgspec",
         "scipy", "aiohttp", "httpx2", "jinja2", "yaml", "genai_prices", "pyarrow", "xllamacpp",
         "jsonschema", "jsonschema_rs", "tqdm", "uvloop"}  # fmt: skip


def modules_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has imported after some code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('\\n' + ' '.join(sys.modules))"],
        capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


# ------------------------------------------------------------------- nothing heavy


@pytest.mark.parametrize(
    "code",
    [
        "import evalkit",
        "from evalkit.cli.main import main; main(['--help'])",
        "from evalkit.cli.main import main; main(['--version'])",
        "from evalkit.cli.main import main; main(['nope'])",
    ],
)
def test_a_glance_imports_nothing_heavy(code: str) -> None:
    """`import evalkit` and `--help` are quick because they import next to nothing."""
    assert modules_after(code) & HEAVY == set()


def test_the_help_of_every_command_imports_nothing_heavy() -> None:
    """All commands in one interpreter."""
    code = "from evalkit.cli.main import main, COMMANDS\n" + (
        "for name in COMMANDS:\n    assert main([name, '--help']) == 0"
    )
    assert modules_after(code) & HEAVY == set()


# ------------------------------------------------------------------- help


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_help_names_every_command(evalkit, arguments: list[str]) -> None:
    """With one line each, and an example."""
    said = evalkit(*arguments)
    assert said.code == 0
    for name, command in COMMANDS.items():
        assert f"  {name} " in said.out
        assert command.help in said.out
    assert "example: evalkit " in said.out


def test_no_command_is_wrong_usage(evalkit) -> None:
    """It shows what there is."""
    said = evalkit()
    assert said.code == 2
    assert "commands:" in said.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(evalkit, name: str) -> None:
    """What it does, its options, and a line to copy; `--json` is everywhere."""
    said = evalkit(name, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"usage: evalkit {name}" in said.out
    assert f"example: evalkit {name} " in said.out
    assert "--json" in said.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_can_be_parsed(name: str) -> None:
    """A line to copy that is refused would be worse than none."""
    module = importlib.import_module(COMMANDS[name].module)
    parser = argparse.ArgumentParser(allow_abbrev=False)
    module.add_arguments(parser)
    for line in parser.epilog.splitlines():
        words = line.partition("evalkit ")[2].split()
        if words[:1] == [name]:
            parser.parse_args(words[1:])


def test_the_version_is_that_of_the_package(evalkit) -> None:
    """pyproject.toml and the code say the same."""
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for argument in ("--version", "-V", "version"):
        assert evalkit(argument) == (0, f"evalkit {version}\n", "")


def test_python_m_evalkit_is_the_command() -> None:
    """With its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "evalkit", "chek"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "evalkit: unknown command 'chek'; did you mean 'check'?\n"


# ------------------------------------------------------------------- wrong usage


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nope"], "evalkit: unknown command 'nope'; known: run, "),
        (["run"], "evalkit run: the following arguments are required: SUITE; see evalkit run --h"),
        (["run", "s", "--nope"], "evalkit run: unrecognized arguments: --nope; see "),
        (["run", "s", "--limi", "3"], "evalkit run: unrecognized arguments: --limi 3; see "),
        (["run", "s", "--limit", "0"], "evalkit run: argument --limit: must be a whole number"),
        (["run", "s", "--repeats", "x"], "evalkit run: argument --repeats: must be a whole number"),
        (["run", "s", "--budget-usd", "-1"], "evalkit run: argument --budget-usd: "),
        (["run", "s", "--shard", "5/4"], "evalkit run: argument --shard: I must be at most N"),
        (["run", "s"], "s: no suite.yaml in this folder; "),
        (["check", "s"], "s: no suite.yaml in this folder; "),
        (["show", "r"], "r: no run.json in this folder; `evalkit runs` lists the runs"),
        (["resume", "r"], "r: no run.json in this folder; "),
        (["regrade", "r"], "r: no run.json in this folder; "),
        (["tables", "r"], "r: no run.json in this folder; "),
        (["export", "r"], "r: no run.json in this folder; "),
        (["merge", "r", "q", "-o", "x"], "r: no run.json in this folder; "),
        (["merge", "r", "-o", "x"], "merge: it needs at least two runs, got 1"),
        (["runs", "r"], "r: no such folder of results"),
        (["suites", "s"], "s: no such folder of suites"),
        (["models", "--providers", "p.yaml"], "p.yaml: no such providers file"),
        (["models", "pull", "no-such"], "models pull: unknown model 'no-such'; known: "),
        (["new", "thing", "x"], "evalkit new: argument what: invalid choice: 'thing'"),
        (["new", "suite", "a/b"], "new suite: a name has letters, digits, - and _ only, got 'a/b'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_wrong_usage_is_one_line_and_exit_2(evalkit, arguments: list[str], expected: str) -> None:
    """On stderr; nothing is written."""
    said = evalkit(*arguments)
    lines = said.err.splitlines()
    assert said.code == 2
    assert len(lines) == 1
    assert lines[0].startswith(expected)
    assert sorted(path.name for path in Path().iterdir()) == ["providers.yaml"]


@pytest.mark.parametrize(
    "argument", ["sk-live-abcdefghij0123456789", "--api-key=sk-live-abcdefghij0"]
)
@pytest.mark.parametrize("before", [[], ["run", "s"], ["run", "s", "--models"], ["run"]])
def test_a_key_on_the_command_line_is_not_echoed(evalkit, before: list[str], argument: str) -> None:
    """People paste them where they do not belong."""
    said = evalkit(*before, argument)
    assert said.code == 2
    assert "abcdefghij" not in said.out + said.err


# ------------------------------------------------------------------- errors and exit codes


def raising(monkeypatch, error: BaseException) -> None:
    def run(options: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr("evalkit.cli.suites.run", run)
    monkeypatch.setattr("evalkit.cli.resume.run", run)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("f:1: wrong"), 2, "f:1: wrong\n"),
        (JournalError("r: torn"), 2, "r: torn\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (PermissionError(13, "Permission denied", "x"), 2, "x: Permission denied\n"),
        (OSError(28, "No space left on device"), 2, "evalkit suites: No space left on device\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_becomes_an_exit_code(evalkit, monkeypatch, error, code: int, said: str) -> None:
    """Known errors are one line."""
    raising(monkeypatch, error)
    assert evalkit("suites") == (code, "", said)


def test_a_full_disk_leaves_a_run_incomplete(evalkit, monkeypatch) -> None:
    """Something may have been sent: that is not wrong usage."""
    raising(monkeypatch, OSError(28, "No space left on device", "results/r/journal.jsonl"))
    assert evalkit("resume", "r").code == 4


def test_an_error_of_evalkit_itself_is_not_hidden(here, monkeypatch) -> None:
    """A traceback is what a report of a defect needs."""
    raising(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["suites"])


def test_a_reader_that_stops_early_is_no_error() -> None:
    """`evalkit models | head -1`."""
    command = [sys.executable, "-m", "evalkit", "models"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read().decode()
        code = process.wait()
    assert (code, errors) == (0, "")


def test_a_terminal_without_unicode_still_gets_its_text(tmp_path: Path) -> None:
    """What it cannot show becomes a question mark."""
    folder = tmp_path / "suites" / "x"
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text("äöü: 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "evalkit", "check"], capture_output=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"unknown key '???'" in done.stderr


# ------------------------------------------------------------------- values of options


@pytest.mark.parametrize(("text", "expected"), [("1", 1), ("500", 500)])
def test_a_positive_number_is_read(text: str, expected: int) -> None:
    """Whole, above 0."""
    assert expected == positive(text)


@pytest.mark.parametrize(("read", "text"), [
    *[(positive, t) for t in ("0", "-1", "1.5", "x", "", "²", "1e3")],
    *[(dollars, t) for t in ("0", "-1", "x", "nan", "inf", "")],
    *[(shard, t) for t in ("", "1", "1/", "/4", "1/0", "5/4", "-1/4", "a/b", "1/4/4")],
])  # fmt: skip
def test_what_is_no_value_is_refused(read, text: str) -> None:
    """argparse puts the option's name before the message."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"must be|at most"):
        read(text)


def test_other_values_are_read() -> None:
    """Amounts, shards, names."""
    assert dollars("0.5") == 0.5
    assert shard("0/4") == (0, 4)
    assert shard("4/4") == (4, 4)
    assert names("a:b, c:d,,") == ["a:b", "c:d"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"}, (3, 8)),
        ({"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "2"}, (0, 2)),
        ({"SLURM_ARRAY_TASK_ID": "3"}, None),
        ({}, None),
    ],
)
def test_the_shard_of_a_batch_system_is_taken(monkeypatch, variables, expected) -> None:
    """An array job needs no option."""
    from evalkit.cli.run import _shard_of_environment

    for name in ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "JOB_COMPLETION_INDEX",
                 "JOB_COMPLETIONS"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert expected == _shard_of_environment()


# ------------------------------------------------------------------- output


def test_a_json_document_has_no_numbers_that_json_lacks(capsys) -> None:
    """NaN and infinity become null."""
    print_json({"a": [float("nan"), 1.5], "b": (float("inf"),), "ä": Path("x"), 1: None})
    out = capsys.readouterr().out
    assert json.loads(out) == {"a": [None, 1.5], "b": [None], "ä": "x", "1": None}
    assert "ä" in out


def test_columns_are_aligned() -> None:
    """Without trailing blanks."""
    assert columns([["a", "b"], ["ccc", ""]], ["x", "y"]) == "x    y\na    b\nccc"


def test_every_command_is_a_module_of_its_own() -> None:
    """With what the parser calls."""
    assert len({command.module for command in COMMANDS.values()}) == len(COMMANDS)
    for command in COMMANDS.values():
        module = importlib.import_module(command.module)
        assert callable(module.add_arguments)
        assert callable(module.run)


def test_exit_codes_are_those_of_the_contract() -> None:
    """CI reads them."""
    codes = {name: value for name, value in vars(cli).items() if name.startswith("EXIT_")}
    assert codes == {
        "EXIT_DONE": 0, "EXIT_GATE_FAILED": 1, "EXIT_USAGE": 2, "EXIT_INCONCLUSIVE": 3,
        "EXIT_INCOMPLETE": 4, "EXIT_INTERRUPTED": 130,
    }  # fmt: skip
