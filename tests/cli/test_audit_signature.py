"""`evalkit audit --sign` and `--verify`: OpenSSH's signature on a record tied to its run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.recorded import record, run, write_suite

if shutil.which("ssh-keygen") is None:
    pytest.skip("ssh-keygen (OpenSSH's client) is not installed", allow_module_level=True)

ME = "me@example.org"


def make_key(name: str, passphrase: str = "") -> Path:
    """Make a real key."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", ME, "-f", name]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return Path(name)


def allow(name: str, identity: str = ME, options: str = "") -> Path:
    """Write a file of allowed signers."""
    key = " ".join(Path(f"{name}.pub").read_text().split()[:2])
    file = Path(f"allowed-{name}")
    file.write_text(f"{identity} {options} {key}\n".replace("  ", " "))
    return file


@pytest.fixture
def signed(evalkit: Any) -> Path:
    """A run whose record, in its folder, is signed by `key`; `allowed-key` allows it."""
    write_suite(40)
    folder = run(evalkit, record({"a": [1], "b": range(8)}, 40))
    make_key("key")
    allow("key")
    said = evalkit("audit", folder, "--sign", "key", "--identity", ME)
    assert (said.code, said.err) == (0, f"signed: {folder}/audit.json.sig\n")
    return folder


def verified(evalkit: Any, folder: Path, *options: object, code: int = 0) -> dict[str, Any]:
    allowed = () if "--verify" in options else ("--verify", "allowed-key")
    identity = () if "--identity" in options else ("--identity", ME)
    said = evalkit("audit", folder, *allowed, *identity, "--json", *options)
    assert said.code == code, said.err
    found: dict[str, Any] = json.loads(said.out)
    assert found["holds"] == (code == 0)
    return found


def test_a_signed_record_holds(evalkit: Any, signed: Path) -> None:
    """By whom, with which key, of which day."""
    found = verified(evalkit, signed)
    finger = subprocess.run(
        ["ssh-keygen", "-lf", "key.pub"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert found["signature"] == {"holds": True, "key": f"ED25519 key {finger}", "problem": None}
    assert found["run"] == {"run_id": signed.name, "holds": True, "problems": []}
    kept = json.loads((signed / "audit.json").read_text())
    assert (kept["signed_by"], kept["signed_on"]) == (ME, kept["audited_on"])
    assert f"Signed by: {ME}" in (signed / "audit.md").read_text()
    lines = evalkit("audit", signed, "--verify", "allowed-key", "--identity", ME).out.splitlines()
    assert lines == [
        f"signature: holds, {ME}, namespace evalkit-audit, ED25519 key {finger}",
        f"run {signed.name}: is what the record of {kept['signed_on']} says",
    ]


def test_openssh_alone_verifies_it(signed: Path) -> None:
    """Without evalkit: the signature is over the file's bytes."""
    done = subprocess.run(
        ["ssh-keygen", "-Y", "verify", "-f", "allowed-key", "-I", ME, "-n", "evalkit-audit",
         "-s", signed / "audit.json.sig"],
        input=(signed / "audit.json").read_bytes(), capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout[:20]) == (0, b'Good "evalkit-audit"')


def test_the_record_is_canonical(evalkit: Any, signed: Path) -> None:
    """Keys in order; whoever reads and writes it again has the same bytes; also with -o alone."""
    raw = (signed / "audit.json").read_text()
    again = json.dumps(json.loads(raw), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert raw == again
    evalkit("audit", signed, "-o", "one")
    evalkit("audit", signed, "-o", "two")
    assert Path("one/audit.json").read_bytes() == Path("two/audit.json").read_bytes()


TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


def at_terminal(
    *arguments: object, types: str | None = None, reads_from: str = "/dev/tty"
) -> tuple[int, str]:
    """Run a command with a terminal of its own; type, once it asks for a passphrase."""
    command = [sys.executable, "-m", "evalkit", *map(str, arguments)]
    shell = ["sh", "-c", f'exec "$@" <{reads_from}', "sh", *command]
    said = b""
    with subprocess.Popen(
        [sys.executable, "-c", TERMINAL, *shell], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        while chunk := child.stdout.read1(4096):
            said += chunk
            if types is not None and b"passphrase" in said:
                child.stdin.write(types.encode())
                child.stdin.flush()
                types = None
    return child.returncode, said.decode()


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_changed_byte_of_the_journal_is_seen(evalkit: Any, signed: Path, share: float) -> None:
    """The signature holds, the run is not what was signed."""
    path = signed / "journal.jsonl"
    flip(path, int(share * (path.stat().st_size - 1)))
    found = verified(evalkit, signed, code=1)
    assert (found["signature"]["holds"], found["run"]["holds"]) == (True, False)
    assert "journal.jsonl" in found["run"]["problems"][0]
    said = evalkit("audit", signed, "--verify", "allowed-key", "--identity", ME)
    assert (said.code, said.out.splitlines()[1][: len(signed.name) + 4]) == (
        1,
        f"run {signed.name}",
    )


def test_a_journal_that_was_replaced_whole_is_seen(evalkit: Any, signed: Path) -> None:
    """Its own chain holds, and run.json was closed with its hash: the signature tells it."""
    write_suite(40)
    other = run(evalkit, record({"a": [], "b": []}, 40))
    text = (other / "journal.jsonl").read_text()
    for name in ("journal.jsonl", "run.json"):
        shutil.copy(other / name, signed / name)
    assert text == (signed / "journal.jsonl").read_text()
    found = verified(evalkit, signed, code=1)
    assert [line.split(" is ")[0] for line in found["run"]["problems"]] == [
        "run id", "manifest sha256", "journal sha256", "chain head",
    ]  # fmt: skip


def test_a_changed_manifest_is_seen(evalkit: Any, signed: Path) -> None:
    """Declared terms stand there, and no hash chain covers them."""
    path = signed / "run.json"
    path.write_text(path.read_text().replace('"yesno"', '"yesno" ', 1))
    (problem,) = verified(evalkit, signed, code=1)["run"]["problems"]
    assert problem.startswith("manifest sha256 is '")


def test_a_regraded_run_is_not_what_was_signed(evalkit: Any, signed: Path) -> None:
    """Its journal has grown."""
    suite = Path("suites/yesno/suite.yaml")
    suite.write_text(suite.read_text().replace("{label: {}}", "{label: {}, exact: {}}"))
    assert evalkit("regrade", signed, "--suite", "suites/yesno").code == 0
    assert evalkit("audit", signed).code == 0
    found = verified(evalkit, signed, code=1)
    assert any(line.startswith("journal lines is ") for line in found["run"]["problems"])


@pytest.mark.parametrize(
    ("old", "new"), [('"holds": true', '"holds": 1'), ('"failed": 0', '"failed": 9'), ("{", "[")]
)
def test_an_edited_record_does_not_hold(evalkit: Any, signed: Path, old: str, new: str) -> None:
    """Whatever was edited, also where it stays JSON and the hashes stay."""
    path = signed / "audit.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    found = verified(evalkit, signed, code=1)
    assert found["signature"]["problem"].startswith("Signature verification failed")
    assert found["run"]["holds"] == (new != "[")


def test_anothers_key_does_not_hold(evalkit: Any, signed: Path) -> None:
    """One that the file does not allow, be it under the same name."""
    make_key("other")
    allow("other")
    found = verified(evalkit, signed, "--verify", "allowed-other", code=1)
    assert found["signature"]["holds"] is False
    assert found["run"]["holds"] is True


def test_another_identity_does_not_hold(evalkit: Any, signed: Path) -> None:
    """Neither one that is not allowed, nor an allowed one that the record does not name."""
    found = verified(evalkit, signed, "--identity", "you@example.org", code=1)
    assert found["signature"]["holds"] is False
    both = allow("key", f"{ME},you@example.org")
    found = verified(evalkit, signed, "--verify", both, "--identity", "you@example.org", code=1)
    assert found["signature"]["holds"] is True
    assert found["run"]["problems"] == [
        f"the record names '{ME}' as its signer, not 'you@example.org'"
    ]


@pytest.mark.parametrize("namespace", ["file", "git", "evalkit"])
def test_a_signature_for_something_else_does_not_hold(
    evalkit: Any, signed: Path, namespace: str
) -> None:
    """The same key, the same bytes, another namespace."""
    signature = signed / "audit.json.sig"
    signature.unlink()
    command = ["ssh-keygen", "-Y", "sign", "-f", "key", "-n", namespace, signed / "audit.json"]
    subprocess.run(command, check=True, capture_output=True)
    found = verified(evalkit, signed, code=1)
    assert "namespace does not match" in found["signature"]["problem"]


def test_a_key_that_is_allowed_for_something_else_does_not_hold(evalkit: Any, signed: Path) -> None:
    """The file's own `namespaces=` and `valid-before=` count."""
    for options in ('namespaces="git"', 'valid-before="20200101"'):
        allow("key", options=options)
        assert verified(evalkit, signed, code=1)["signature"]["holds"] is False
    allow("key", options='namespaces="evalkit-audit"')
    assert verified(evalkit, signed)["signature"]["holds"] is True


@pytest.mark.parametrize("text", ["", "garbage", "-----BEGIN SSH SIGNATURE-----\nAAAA\n"])
def test_a_signature_that_is_none_does_not_hold(evalkit: Any, signed: Path, text: str) -> None:
    """One line of why."""
    (signed / "audit.json.sig").write_text(text)
    problem = verified(evalkit, signed, code=1)["signature"]["problem"]
    assert problem
    assert "\n" not in problem


def test_something_else_that_was_signed_is_no_record(evalkit: Any, signed: Path) -> None:
    """The signature holds, and says nothing of the run."""
    for text in ("{}", '{"run": [], "journal": [], "signed_by": 1}', "[" * 100_000, "no JSON"):
        Path("x.json").write_text(text)
        command = ["ssh-keygen", "-Y", "sign", "-f", "key", "-n", "evalkit-audit", "x.json"]
        subprocess.run(command, check=True, capture_output=True, input=b"y\n")
        found = verified(evalkit, signed, "--record", "x.json", code=1)
        assert found["signature"]["holds"] is True
        assert found["run"]["problems"] == ["what was signed is no audit record of evalkit"]


def test_a_record_elsewhere_is_verified_there(evalkit: Any, signed: Path) -> None:
    """With -o it does not lie in the run's folder."""
    assert evalkit("audit", signed, "--sign", "key", "-o", "evidence", "--json").code == 0
    found = verified(evalkit, signed, "--record", "evidence/audit.json")
    assert json.loads(Path("evidence/audit.json").read_text())["signed_by"] is None
    assert found["record"] == "evidence/audit.json"


def test_a_journal_that_does_not_hold_is_not_signed(evalkit: Any, signed: Path) -> None:
    """Exit code 1; the old record stays as it is."""
    before = (signed / "audit.json").read_bytes()
    flip(signed / "journal.jsonl", 100)
    said = evalkit("audit", signed, "--sign", "key")
    assert (said.code, said.err) == (1, "nothing is signed: the journal does not hold\n")
    assert (signed / "audit.json").read_bytes() == before


def test_a_run_that_was_never_closed_is_not_signed(evalkit: Any, signed: Path) -> None:
    """It may still grow."""
    path = signed / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "journal_sha256": None}))
    said = evalkit("audit", signed, "--sign", "key", "-o", "evidence")
    assert (said.code, len(said.err.strip().splitlines())) == (2, 1)
    assert "never closed" in said.err
    assert not Path("evidence").exists()


def test_a_key_with_a_passphrase_never_waits(evalkit: Any, signed: Path) -> None:
    """Nobody is there: one line, nothing written; even where a terminal could be asked."""
    make_key("locked", "pass")
    said = evalkit("audit", signed, "--sign", "locked", "-o", "evidence")
    assert said.code == 2
    assert "incorrect passphrase" in said.err
    assert "ssh-agent" in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not Path("evidence").exists()
    code, said_there = at_terminal("audit", signed, "--sign", "locked", reads_from="/dev/null")
    assert (code, "incorrect passphrase" in said_there) == (2, True)


def test_somebody_at_a_terminal_types_the_passphrase(evalkit: Any, signed: Path) -> None:
    """ssh-keygen asks there by itself."""
    make_key("locked", "pass")
    allow("locked")
    code, said = at_terminal("audit", signed, "--sign", "locked", types="pass\n")
    assert (code, "Enter passphrase" in said, "signed: " in said) == (0, True, True)
    verified(evalkit, signed, "--verify", "allowed-locked")


def test_an_agent_signs_for_a_public_key(evalkit: Any, signed: Path, monkeypatch: Any) -> None:
    """Its private key lies nowhere near."""
    if shutil.which("ssh-agent") is None:
        pytest.skip("ssh-agent is not installed")
    agent = subprocess.Popen(
        ["ssh-agent", "-D", "-a", "sock"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert agent.stdout is not None
        agent.stdout.readline()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(Path("sock").resolve()))
        subprocess.run(["ssh-add", "-q", "key"], check=True, capture_output=True)
        Path("key").unlink()
        assert evalkit("audit", signed, "--sign", "key.pub").code == 0
        verified(evalkit, signed)
    finally:
        agent.terminate()
        agent.communicate()


@pytest.mark.parametrize("how", ["absent", "wrapper"])
@pytest.mark.parametrize("option", ["--sign", "--verify"])
def test_without_openssh_it_is_one_line(
    evalkit: Any, signed: Path, monkeypatch: Any, how: str, option: str
) -> None:
    """Also where a wrapper ends with 127."""
    Path("bin").mkdir()
    if how == "wrapper":
        Path("bin/ssh-keygen").write_text("#!/bin/sh\nexit 127\n")
        Path("bin/ssh-keygen").chmod(0o755)
    monkeypatch.setenv("PATH", str(Path("bin").resolve()) + (":/bin" if how == "wrapper" else ""))
    said = evalkit("audit", signed, option, "key", "--identity", ME)
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "audit: ssh-keygen is not here (exit 127); install OpenSSH's client, 8.2 or later\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sign", "gone"], "audit --sign 'gone': no such key file"),
        (["--sign", "log.yaml"], "audit --sign 'log.yaml': ssh-keygen did not sign: "),
        (["--sign", "suites"], "audit --sign 'suites': no such key file"),
        (["--verify", "allowed-key"], "audit --verify: --identity NAME is missing"),
        (["--verify", "gone", "--identity", ME], "'gone' is no file of allowed signers"),
        (["--verify", "allowed-key", "--identity", ME, "--record", "gone"], "no audit record"),
        (["--verify", "allowed-key", "--identity", ME, "--record", "key"], "is no signature"),
        (["--verify", "allowed-key", "--identity", ""], "--identity NAME is missing"),
        (["--verify", "allowed-key", "--identity", " "], "audit --identity: it is empty"),
        (["--verify", "allowed-key", "--identity", ME, "-o", "x"], "it writes nothing"),
        (["--record", "key"], "audit --record: it goes with --verify"),
        (["--identity", ME], "audit --identity: it goes with --sign or --verify"),
        (["--sign", "key", "--verify", "allowed-key"], "not allowed with argument --sign"),
        (["--sign", "key", "-o", "log.yaml"], "log.yaml"),
    ],
)
def test_wrong_input_is_one_line(
    evalkit: Any, signed: Path, arguments: list[str], said: str
) -> None:
    """Exit code 2; nothing is printed on stdout."""
    answer = evalkit("audit", signed, *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_a_folder_that_is_no_run_is_one_line(evalkit: Any, signed: Path) -> None:
    """Exit code 2, before any signature is looked at."""
    said = evalkit("audit", "suites", "--verify", "allowed-key", "--identity", ME)
    assert (said.code, "no run.json" in said.err) == (2, True)
