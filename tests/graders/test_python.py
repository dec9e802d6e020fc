"""python: the suite's own function, and every way in which it can fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from making import context, sample

from evalkit.core.errors import CannotGrade, ConfigError
from evalkit.core.records import Completion, OutputSpec, Parsed, Score
from evalkit.graders.python import grader


def made(folder: Path, body: str, **options):
    code = f"def grade(sample, output, parsed):\n    {body}\n"
    (folder / "graders.py").write_text(code, encoding="utf-8")
    return grader(context(OutputSpec(), folder, **options))


def asked(python, target=3) -> Score:
    answer = Completion(text="four")
    return python.grade(sample(target, q="x"), answer, Parsed(rung="valid", value={"n": 4}))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("return True", 1),
        ("return 0", 0),
        ("return 0.25", 0.25),
        ("import numpy; return numpy.float64(0.5)", 0.5),
        ("return {'value': 0.5, 'reason': 'half', 'details': {'k': [1]}}", 0.5),
        ("from evalkit.core.records import Score; "
         "return Score(grader='x', version='9', value=0.5)", 0.5),
        ("return sample['target'] == 3 and sample['q'] == 'x' and sample['id'] == 's1'", 1),
        ("return output == 'four' and parsed == {'n': 4}", 1),
    ],
)  # fmt: skip
def test_the_function_may_answer_in_several_forms(tmp_path, body, value):
    """Truth value, number, dict or Score; the score is always this grader's."""
    score = asked(made(tmp_path, body))
    assert ("python", value, value >= 1) == (score.grader, score.value, score.passed)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 1 / 0", r"python: ZeroDivisionError at graders.py:2: division by zero"),
        ("return sample['nope']", r"KeyError at graders.py:2"),
        ("raise SystemExit(3)", "SystemExit"),
        ("return grade(sample, output, parsed)", "RecursionError"),
        ("return None", "gave null"),
        ("return 'yes'", "gave text"),
        ("return float('nan')", "gave nan"),
        ("return 1.5", "gave 1.5; allowed: 0 to 1"),
        ("return {'score': 1}", "dict with keys"),
        ("return {'value': 1, 'details': {'f': object()}}", "no JSON"),
        ("return {'value': 1, 'details': [1]}", "must be a dict"),
        ("return {'value': 1, 'details': {'metrics': {'leak': 7}}}",
         "python: metric 'leak' is 7; allowed: a number from 0 to 1"),
        ("return {'value': 1, 'details': {'metrics': {str(i): 1 for i in range(30)}}}",
         "python: 30 metrics; allowed: 20"),
    ],
)  # fmt: skip
def test_what_the_function_gets_wrong_is_a_failure_with_its_line(tmp_path, body, message):
    """Never a score of 0: the trial says what happened and where."""
    with pytest.raises(CannotGrade, match=message):
        asked(made(tmp_path, body))


def test_the_function_may_give_metrics(tmp_path):
    """They stand in the details and become figures of the summary."""
    body = "return {'value': 1, 'details': {'metrics': {'leaked': False, 'fit': 0.5}}}"
    assert asked(made(tmp_path, body)).details == {"metrics": {"leaked": False, "fit": 0.5}}


def test_code_of_a_foreign_suite_needs_to_be_allowed(tmp_path):
    """Nothing of it is run, not even its imports."""
    (tmp_path / "graders.py").write_text("raise RuntimeError", encoding="utf-8")
    foreign = context(OutputSpec(), tmp_path)
    foreign = type(foreign)(**{f: getattr(foreign, f) for f in foreign.__struct_fields__}
                            | {"code_allowed": False})  # fmt: skip
    with pytest.raises(ConfigError, match="--allow-code"):
        grader(foreign)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"file": "none.py"}, "no file 'none.py'"),
        ({"file": "../x.py"}, "outside the suite's folder"),
        ({"file": "broken.py"}, "broken.py failed: SyntaxError"),
        ({"file": "exits.py"}, "exits.py failed: SystemExit"),
        ({"function": "judge"}, "no function 'judge' in graders.py; it has: grade"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path, options, message):
    """Before anything is asked of a model."""
    (tmp_path / "broken.py").write_text("def (", encoding="utf-8")
    (tmp_path / "exits.py").write_text("raise SystemExit", encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        made(tmp_path, "return 1", **options)


def test_edited_code_changes_the_fingerprint(tmp_path):
    """So stored answers are graded anew."""
    first = made(tmp_path, "return 1").fingerprint
    assert first == made(tmp_path, "return 1").fingerprint
    assert first != made(tmp_path, "return 0").fingerprint


def test_a_sample_without_target_has_no_target_column(tmp_path):
    """A missing target is not null."""
    python = made(tmp_path, "return 'target' not in sample")
    answer = Completion(text="x")
    from making import NONE

    assert python.grade(sample(NONE), answer, Parsed(rung="valid", value="x")).value == 1
