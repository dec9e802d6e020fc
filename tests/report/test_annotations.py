"""What GitHub's runner makes of the gate: annotations, summary, outputs, and nothing else."""

from __future__ import annotations

import re
import secrets

import pytest
from gate_by_hand import RULES, document, hostile_document, incomparable, over_budget, regression
from hostile import HOSTILE
from hypothesis import example, given
from hypothesis import strategies as st

from evalkit.report.annotations import (
    MOST_ANNOTATIONS,
    SUMMARY_BYTES,
    github_annotations,
    guarded,
    write_github,
)
from evalkit.report.gate_values import shown

TOKEN = "0123456789abcdef0123456789abcdef"
COMMANDS = {"error", "warning", "notice", "debug", "add-mask", "stop-commands", "group",
            "endgroup", "set-output", "set-env", "save-state", "echo", "add-matcher"}  # fmt: skip


def unescaped(text: str, *, inside: bool) -> str:
    """Undo the escapes of data, and those of properties where `inside`."""
    pairs = [("%0D", "\r"), ("%0A", "\n"), *([("%3A", ":"), ("%2C", ",")] if inside else [])]
    for written, meant in (*pairs, ("%25", "%")):
        text = text.replace(written, meant)
    return text


def obeyed(line: str) -> tuple[str, dict[str, str], str] | None:
    """Return the command that actions/runner sees in a line of output, None where it sees none.

    Written after ActionCommand.TryParseV2 and TryParse: `::name key=value,...::data` after blanks,
    else `##[name key=value;...]data` anywhere in the line.
    """
    start = line.lstrip()
    if start.startswith("::") and "::" in start[2:]:
        head, _, data = start[2:].partition("::")
        name, _, properties = head.partition(" ")
        if name.lower() in COMMANDS:
            pairs = [part.split("=", 1) for part in properties.strip().split(",") if "=" in part]
            return (
                name,
                {k: unescaped(v, inside=True) for k, v in pairs},
                unescaped(data, inside=False),
            )
    found = re.search(r"##\[([^\] ]*)[^\]]*\](.*)", line)
    if found and found[1].lower() in COMMANDS:
        return found[1], {}, found[2]
    return None


def lines_of(output: str) -> list[str]:
    """Return the lines of a process's output as the runner reads them: by \\r, \\n and \\r\\n."""
    return re.split(r"\r\n|\r|\n", output)


def commands(made: dict) -> list[tuple[str, dict[str, str], str]]:
    """Return what the runner does with the annotations of a document."""
    found = [obeyed(line) for line in lines_of("\n".join(github_annotations(made)))]
    assert None not in found
    return found


def test_failed_rules_come_first_then_open_ones_then_critical_samples():
    """Each with the policy's file, its figures, and its own level."""
    told = commands(document("fail"))
    assert [(name, facts["title"]) for name, facts, _ in told] == [
        ("error", "gate: FAIL: extraction: quality max_drop [language=de]"),
        ("error", "gate: FAIL: extraction: pass_rate max_regressions [critical]"),
        ("error", "gate: INCONCLUSIVE: extraction: malformed_rate max"),
        ("error", "gate: INCONCLUSIVE: extraction: latency_p95_ms max_ratio"),
        ("warning", "critical sample regressed: extraction"),
    ]
    assert {facts["file"] for _, facts, _ in told} == {"gate.yaml"}
    assert told[0][2] == (
        "may drop by at most 5 points, and is beyond that\n"
        "-8.1 pts [-12.1, -5.2] (90%), limit ≥ -5.0 pts, n 120, 93.0% → 84.9%"
    )


def test_open_rules_warn_where_the_policy_says_so():
    """Then the step is green."""
    made = document("inconclusive")
    made["policy"]["on_inconclusive"] = "warn"
    assert {"warning"} == {name for name, _, _ in commands(made)}


def test_a_gate_that_passes_is_a_notice():
    """One, with the sentence."""
    ((name, facts, data),) = commands(document("pass"))
    assert ("notice", "gate: PASS") == (name, facts["title"])
    assert data.startswith("PASS: vllm:llama-4-scout@json_schema may take the place of")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (incomparable(), "extraction: 1 repeats, then 3"),
        (over_budget(), "no answer to 40 of 400 trials"),
        (over_budget("warn"), "no answer to 40 of 400 trials"),
        (document("inconclusive", rules=[]), "INCONCLUSIVE"),
    ],
)
def test_what_makes_a_verdict_worthless_is_an_error(made, words):
    """Before anything else."""
    name, facts, data = commands(made)[0]
    assert ("error", "gate: INCONCLUSIVE") == (name, facts["title"])
    assert words in data


def test_there_are_ten_at_most_and_the_last_counts_the_rest():
    """GitHub shows no more."""
    made = document("fail", rules=[{**RULES[1], "name": f"r{i}"} for i in range(30)])
    told = commands(made)
    assert len(told) == MOST_ANNOTATIONS
    assert [facts["title"][-2:] for _, facts, _ in told[:9]] == [f"r{i}" for i in range(9)]
    assert told[-1][2] == "and 22 more: see the summary of this step"


def test_without_a_policys_file_none_is_named():
    """A built-in policy has none."""
    made = document("fail")
    made["policy"]["file"] = None
    assert all("file" not in facts for _, facts, _ in commands(made))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_name_issues_a_command(text):
    """As many commands as without it, all of them our own; nothing escapes its place."""
    for verdict in ("fail", "pass"):
        made = hostile_document(text, verdict)
        made["regressions"] = [regression(1, sample_id=text, suite=text)]
        told, plain = commands(made), commands(hostile_document("name", verdict))
        assert {name for name, _, _ in told} <= {"error", "warning", "notice"}
        assert len(told) - len(plain) in (0, 1)
        assert all(set(facts) <= {"title", "file"} for _, facts, _ in told)
        assert max(map(len, github_annotations(made))) < 20_000
        for line in github_annotations(made):
            assert len(line.splitlines()) == 1
            assert "##[" not in line


@given(
    st.text(alphabet=st.sampled_from("::#[]%0DA25C3,=;\r\n\x0b\x0c\x85\u2028 error"), max_size=60)
)
@example("%0A%0D%25%3A%2C::,")
def test_escapes_are_undone_to_what_was_meant(text):
    """Nothing that looks like an escape is taken for one."""
    made = document("fail", rules=[{**RULES[1], "reason": text, "name": text}])
    (_, facts, data), *_ = commands(made)
    plain = shown(text)
    assert data.split("\n")[0] == plain
    assert facts["title"] == f"gate: FAIL: extraction: {plain}"


# ------------------------------------------------------------------- guarded output


def test_between_the_guards_nothing_is_obeyed():
    """The runner waits for the token."""
    lines = lines_of(guarded("::error::x\n##[add-mask]y", TOKEN))
    assert [f"::stop-commands::{TOKEN}", "::error::x", "##[add-mask]y", f"::{TOKEN}::"] == lines


@pytest.mark.parametrize("token", ["", "short", "0123456789abcde ", "a" * 15, "a\nb" * 8, "::" * 9])
def test_a_token_that_can_be_guessed_or_breaks_the_line_is_refused(token):
    """Sixteen letters and digits at least."""
    with pytest.raises(ValueError, match="token"):
        guarded("text", token)


def test_a_text_that_holds_the_token_is_refused():
    """It could end the guard; case does not count to the runner."""
    with pytest.raises(ValueError, match="draw another"):
        guarded(f"::{TOKEN.upper()}::\n::error::x", TOKEN)
    assert guarded("text", secrets.token_hex(16))


# ------------------------------------------------------------------- files


def test_summary_and_outputs_are_appended(tmp_path):
    """To what other programs of the step wrote, on lines of their own."""
    summary, output = tmp_path / "summary.md", tmp_path / "output"
    summary.write_text("earlier")
    output.write_text("other=1")
    environ = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)}
    assert [summary, output] == write_github(document("fail"), environ)
    assert summary.read_text().startswith("earlier\n## ❌ Gate: FAIL\n")
    lines = output.read_text().split("\n")
    assert lines[:2] == ["other=1", "verdict=fail"]
    assert lines[2].startswith("sentence=FAIL: vllm:llama-4-scout@json_schema may not take")
    assert lines[3:] == [""]


def test_nothing_is_written_where_nothing_is_named(tmp_path, monkeypatch):
    """Outside of GitHub."""
    monkeypatch.chdir(tmp_path)
    assert write_github(document(), {}) == []
    assert write_github(document(), {"GITHUB_STEP_SUMMARY": "", "GITHUB_OUTPUT": ""}) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("before", [0, 1000, SUMMARY_BYTES - 3000, SUMMARY_BYTES - 300,
                                    SUMMARY_BYTES - 1, SUMMARY_BYTES])  # fmt: skip
def test_a_summary_never_grows_beyond_what_github_takes(tmp_path, before):
    """What is there already counts; it is never cut."""
    summary = tmp_path / "summary.md"
    summary.write_bytes(b"x" * before)
    made = hostile_document("東" * 300)
    made["regressions"] *= 200
    write_github(made, {"GITHUB_STEP_SUMMARY": str(summary)})
    written = summary.read_bytes()
    assert before <= len(written) <= SUMMARY_BYTES
    assert written[:before] == b"x" * before
    assert before > SUMMARY_BYTES - 500 or b"Gate: FAIL" in written


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_name_sets_an_output(tmp_path, text):
    """Two lines, whatever the sentence holds."""
    output = tmp_path / "output"
    write_github(hostile_document(text), {"GITHUB_OUTPUT": str(output)})
    lines = lines_of(output.read_bytes().decode("utf-8"))
    assert [line.partition("=")[0] for line in lines] == ["verdict", "sentence", ""]
    assert len(lines[1]) < 2000
