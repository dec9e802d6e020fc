"""Gates inside pytest: a fixture, a marker, and nothing that other projects would notice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit import api
from evalkit.analysis.gates.files import GateRequest
from evalkit.run.setup import RunOptions

pytest_plugins = ["pytester"]

QUICK = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
POLICY = """
schema_version: 1
on_inconclusive: {inconclusive}
rules:
  - {{metric: quality, max_drop: {drop}}}
"""
SUITE = """
schema_version: 1
name: sums
data: {path: samples.jsonl, id: id, target: target}
prompt: {user: '{{ q }}'}
output: {format: text}
graders: {exact: {}}
"""
MARKED = """
import pytest

@pytest.mark.evalkit_gate(run={run!r}, policy={policy!r}, baseline="old:m", candidate="old:{arm}")
def test_body():
    print("the body ran")
"""
CALLED = """
def test_body(evalkit_gate):
    document = evalkit_gate({run!r}, policy={policy!r}, baseline="old:m", candidate="old:{arm}")
    print("the body ran", document["verdict"], len(document["rules"]))
"""


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 samples: `m` and `twin` are right, `worse` in half of them, `gone` never answers."""
    root = tmp_path_factory.mktemp("project")
    suite = root / "suites" / "sums"
    suite.mkdir(parents=True)
    (suite / "suite.yaml").write_text(SUITE)
    samples = [{"id": f"s{i}", "q": f"{i} + 1?", "target": str(i + 1)} for i in range(80)]
    (suite / "samples.jsonl").write_text("".join(json.dumps(s) + "\n" for s in samples))
    answers = [
        {"sample_id": sample["id"], "model": model, **answer}
        for i, sample in enumerate(samples)
        for model, answer in (
            ("m", {"text": sample["target"]}),
            ("twin", {"text": sample["target"]}),
            ("worse", {"text": sample["target"] if i % 2 else "0"}),
            ("gone", {"error": "server_error", "http_status": 503}),
        )
    ]
    (root / "old.jsonl").write_text("".join(json.dumps(a) + "\n" for a in answers))
    (root / "providers.yaml").write_text(
        "schema_version: 1\nproviders:\n  old:\n    wire: replay\n"
        f"    path: {root / 'old.jsonl'}\n    governance: {{allowed_sensitivity: special}}\n"
    )
    result = api.run(
        RunOptions(
            suites=(str(suite),),
            models=("old:m", "old:twin", "old:worse", "old:gone"),
            providers=str(root / "providers.yaml"),
            results=str(root / "results"),
        )
    )
    _load(result.folder, root)
    return result.folder


def _load(folder: Path, root: Path) -> None:
    """Hold a gate here: what it imports stays; pytester forgets what is first imported inside."""
    from evalkit.pytest_plugin import _judge

    (root / "gate.yaml").write_text(POLICY.format(drop=0.05, inconclusive="fail"))
    with pytest.raises(pytest.fail.Exception):
        _judge(
            api.gate(
                GateRequest(
                    run=folder,
                    policy=root / "gate.yaml",
                    baseline="old:m",
                    candidate="old:worse",
                )
            )
        )


@pytest.fixture
def policy(tmp_path: Path):
    """Write a policy and return its path."""

    def write(drop: float = 0.05, inconclusive: str = "fail") -> str:
        path = tmp_path / "gate.yaml"
        path.write_text(POLICY.format(drop=drop, inconclusive=inconclusive))
        return str(path)

    return write


def outcomes(pytester: pytest.Pytester, text: str) -> tuple[dict[str, int], str]:
    """Run one test file in pytest, strict about markers; return how it ended and what it said."""
    pytester.makepyfile(text)
    done = pytester.runpytest_inprocess("--strict-markers", "-rA", *QUICK)
    return done.parseoutcomes(), done.stdout.str()


@pytest.mark.parametrize("template", [MARKED, CALLED], ids=["marker", "fixture"])
def test_a_gate_that_passes_lets_the_test_go_on(pytester, run, policy, template):
    """The fixture returns the document."""
    ended, said = outcomes(pytester, template.format(run=str(run), policy=policy(), arm="twin"))
    assert ended == {"passed": 1}
    assert "the body ran" in said
    assert template is MARKED or "the body ran pass 1" in said


@pytest.mark.parametrize("template", [MARKED, CALLED], ids=["marker", "fixture"])
def test_a_gate_that_fails_fails_the_test_with_its_table(pytester, run, policy, template):
    """And the body does not go on; no traceback of evalkit is shown."""
    ended, said = outcomes(pytester, template.format(run=str(run), policy=policy(), arm="worse"))
    assert ended == {"failed": 1}
    assert "FAIL: old:worse may not take the place of old:m" in said
    assert "quality max_drop" in said
    assert "the body ran" not in said
    assert "pytest_plugin.py" not in said


@pytest.mark.parametrize(
    ("inconclusive", "wanted"), [("fail", {"failed": 1}), ("warn", {"skipped": 1})]
)
@pytest.mark.parametrize("template", [MARKED, CALLED], ids=["marker", "fixture"])
def test_an_open_gate_ends_as_the_policy_says(
    pytester, run, policy, template, inconclusive, wanted
):
    """It fails, or skips the test."""
    path = policy(drop=0.0001, inconclusive=inconclusive)
    ended, said = outcomes(pytester, template.format(run=str(run), policy=path, arm="twin"))
    assert ended == wanted
    assert "INCONCLUSIVE: not decided" in said
    assert "the body ran" not in said


@pytest.mark.parametrize("inconclusive", ["fail", "warn"])
def test_nothing_measured_is_never_skipped(pytester, run, policy, inconclusive):
    """An arm without an answer fails the test, whatever the policy says."""
    path = policy(inconclusive=inconclusive)
    ended, said = outcomes(pytester, MARKED.format(run=str(run), policy=path, arm="gone"))
    assert ended == {"failed": 1}
    assert "nothing was measured" in said


def test_what_evalkit_refuses_fails_in_one_line(pytester, run, policy):
    """An arm that is not there, a policy that is not there."""
    ended, said = outcomes(pytester, CALLED.format(run=str(run), policy=policy(), arm="nope"))
    assert ended == {"failed": 1}
    assert "no arm 'old:nope'" in said
    assert "pytest_plugin.py" not in said
    ended, said = outcomes(pytester, CALLED.format(run=str(run), policy="no.yaml", arm="twin"))
    assert ended == {"failed": 1}
    assert "no.yaml" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "the run's folder is missing"),
        ("run='r', modle='x'", "unknown modle"),
        ("'r', 'p'", "the run's folder is missing"),
    ],
)
def test_a_marker_that_cannot_be_read_says_what_it_takes(pytester, arguments, words):
    """Instead of a gate that nobody holds."""
    ended, said = outcomes(
        pytester,
        f"import pytest\n@pytest.mark.evalkit_gate({arguments})\ndef test_body():\n    pass\n",
    )
    assert ended == {"failed": 1}
    assert f"@pytest.mark.evalkit_gate: {words}; it takes run, policy, baseline" in said


def test_a_marker_on_a_class_is_held_once(pytester, run, policy, monkeypatch):
    """Its tests share the document."""
    held = []
    real = api.gate
    monkeypatch.setattr(api, "gate", lambda request: (held.append(request), real(request))[1])
    ended, _ = outcomes(
        pytester,
        f"""
import pytest

@pytest.mark.evalkit_gate({str(run)!r}, policy={policy()!r}, baseline="old:m", candidate="old:twin")
class TestBoth:
    def test_one(self): pass
    def test_two(self): pass
""",
    )
    assert ended == {"passed": 2}
    assert len(held) == 1


def test_a_gate_sees_what_fixtures_have_made(pytester, run, policy):
    """It is held when the test's fixtures are there, right before its body."""
    ended, _ = outcomes(
        pytester,
        f"""
import pathlib, pytest

@pytest.fixture(scope="session", autouse=True)
def made():
    pathlib.Path("link").symlink_to({str(run)!r})

@pytest.mark.evalkit_gate(run="link", policy={policy()!r}, baseline="old:m", candidate="old:twin")
def test_body():
    pass
""",
    )
    assert ended == {"passed": 1}


def test_the_marker_and_the_fixture_are_explained(pytester):
    """By `pytest --markers` and `pytest --fixtures`."""
    assert "@pytest.mark.evalkit_gate(run, policy='gate.yaml'" in str(
        pytester.runpytest_inprocess("--markers", *QUICK).stdout
    )
    assert "evalkit_gate" in str(pytester.runpytest_inprocess("--fixtures", *QUICK).stdout)


def test_a_project_without_gates_pays_nothing(tmp_path):
    """Nothing of evalkit is loaded but the plugin itself, which pytest finds by its entry point."""
    (tmp_path / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n"
        "    own = sorted(name for name in sys.modules if name.startswith('evalkit'))\n"
        "    assert own == ['evalkit', 'evalkit.core', 'evalkit.core.version',"
        " 'evalkit.pytest_plugin']\n"
        "    assert not {'numpy', 'yaml', 'msgspec'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *QUICK,
         "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("option", ["evalkit.pytest_plugin", "no:evalkit.pytest_plugin"])
def test_naming_the_plugin_once_more_is_no_conflict(tmp_path, option):
    """As a project does that turned pytest's search for plugins off; nor is leaving it out."""
    (tmp_path / "test_it.py").write_text("def test_it(): pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", option, "-p",
         "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
