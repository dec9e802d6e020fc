"""An audit record signed and verified by OpenSSH: who vouches for which run.

The signature is `ssh-keygen -Y sign`'s over the bytes of audit.json; what it binds to the run are
the hashes of run.json and journal that the record holds. No cryptography is done here, and no key
is read. It does not know whether the findings are good.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.core.documents import show
from evalkit.core.errors import ConfigError, JournalError
from evalkit.run.folder import MANIFEST, Run

NAMESPACE = "evalkit-audit"
RECORD = "audit.json"
SUFFIX = ".sig"
_PROGRAM = "ssh-keygen"
_NOT_FOUND = 127
_QUICK_S = 60
_BY_HAND_S = 600  # a passphrase to type, a token to touch
_CHATTER = re.compile(r"^(?:@+|Signing file .*|Write signature to .*|@ +WARNING.*)$")
_KEY = re.compile(r" with (\S+ key \S+)")


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return a record as the bytes that are written and signed: equal records, equal bytes.

    UTF-8 JSON, keys in order, two blanks of indent, one line feed at the end.
    """
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def anchors(run: Run, journal: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ties a record to one run as it lies there; a changed byte changes one of them.

    Args:
        run: The run.
        journal: The record's `journal`.
    """
    return {
        "run_id": run.run_id,
        "manifest_sha256": manifest_sha256(run),
        "journal_sha256": journal["sha256"],
        "journal_lines": journal["lines"],
        "chain_head": journal["chain_head"],
    }


def manifest_sha256(run: Run) -> str:
    """Return the SHA-256 of run.json's bytes."""
    return hashlib.sha256((run.folder / MANIFEST).read_bytes()).hexdigest()


def sign(record: bytes, key: Path, *, by_hand: bool = False) -> bytes:
    """Return OpenSSH's signature of a record.

    Args:
        record: The bytes of audit.json.
        key: A private key, or a public one whose private one an agent holds.
        by_hand: Somebody is there to type a passphrase; else nothing is asked for.

    Raises:
        ConfigError: If there is no such key, no `ssh-keygen`, or it did not sign.
    """
    where = f"audit --sign {show(str(key))}"
    if not key.is_file():
        raise ConfigError(f"{where}: no such key file; `ssh-keygen -t ed25519 -f FILE` makes one")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / RECORD
        file.write_bytes(record)
        done = _ssh_keygen(["sign", "-f", str(key), "-n", NAMESPACE, str(file)], by_hand=by_hand)
        signature = file.with_name(RECORD + SUFFIX)
        if done.returncode == 0 and signature.is_file():
            return signature.read_bytes()
    said = _said(done.stderr)
    hint = "; load the key into ssh-agent and name its .pub file" if "passphrase" in said else ""
    raise ConfigError(f"{where}: ssh-keygen did not sign: {said}{hint}")


def verify(run: Run, record: Path, allowed: Path, identity: str) -> dict[str, Any]:
    """Return whether a signature holds, and whether the run still is what was signed.

    Args:
        run: The run as it lies there.
        record: audit.json; its signature lies beside it.
        allowed: OpenSSH's file of allowed signers.
        identity: Who must have signed, by the name in that file.

    Returns:
        `holds`; `signature` (`holds`, `key`, `problem`); `run` (`holds`, `problems`); `identity`,
        `namespace`, `record`, `signed_on`.

    Raises:
        ConfigError: If a file is missing, or there is no `ssh-keygen`.

    Source:
        ssh-keygen(1), `-Y verify`, ALLOWED SIGNERS.
    """
    for file, what in ((allowed, "file of allowed signers"), (record, "audit record"),
                       (Path(f"{record}{SUFFIX}"), "signature")):  # fmt: skip
        if not file.is_file():
            raise ConfigError(f"audit --verify: {show(str(file))} is no {what}: no such file")
    signed = record.read_bytes()
    signature = _signature(signed, record, allowed, identity)
    document, problems = _held_against(run, signed, identity)
    return {
        "schema_version": 1,
        "record": str(record),
        "identity": identity,
        "namespace": NAMESPACE,
        "signed_on": document.get("signed_on"),
        "holds": signature["holds"] and not problems,
        "signature": signature,
        "run": {"run_id": run.run_id, "holds": not problems, "problems": problems},
    }


def _signature(signed: bytes, record: Path, allowed: Path, identity: str) -> dict[str, Any]:
    done = _ssh_keygen(
        ["verify", "-f", str(allowed), "-I", identity, "-n", NAMESPACE, "-s", f"{record}{SUFFIX}"],
        signed,
    )
    if done.returncode == 0:
        key = _KEY.search(done.stdout)
        return {"holds": True, "key": key[1] if key else None, "problem": None}
    return {"holds": False, "key": None, "problem": _said(done.stderr or done.stdout)}


def _held_against(run: Run, signed: bytes, identity: str) -> tuple[dict[str, Any], list[str]]:
    """Return a signed record, and where the run is not what it says."""
    try:
        document = json.loads(signed)
        was = {**document["run"], **{f"journal_{k}": v for k, v in document["journal"].items()}}
        was["chain_head"] = document["journal"]["chain_head"]
        signer = document["signed_by"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}, ["what was signed is no audit record of evalkit"]
    problems = []
    if signer is not None and signer != identity:
        problems.append(f"the record names {show(signer)} as its signer, not {show(identity)}")
    try:
        tail = run.check()
    except JournalError as error:
        return document, [*problems, str(error)]
    journal = {"sha256": tail.digest.hexdigest(), "lines": tail.lines,
               "chain_head": tail.chain.decode()}  # fmt: skip
    problems += [
        f"{name.replace('_', ' ')} is {show(now, 70)}, signed was {show(was.get(name), 70)}"
        for name, now in anchors(run, journal).items()
        if was.get(name) != now
    ]
    return document, problems


class _Done(NamedTuple):
    """How ssh-keygen ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def _ssh_keygen(arguments: list[str], data: bytes = b"", *, by_hand: bool = False) -> _Done:
    """Run `ssh-keygen -Y ...`; away from people it has no terminal, so that it cannot wait.

    Raises:
        ConfigError: If it is not installed, or did not end.
    """
    env = {"SSH_ASKPASS_REQUIRE": "never", **os.environ, "LC_ALL": "C"}
    if not by_hand:
        env["SSH_ASKPASS_REQUIRE"] = "never"
    try:
        done = subprocess.run(  # noqa: S603 - no shell, our own arguments
            [_PROGRAM, "-Y", *arguments],
            input=data,
            capture_output=True,
            timeout=_BY_HAND_S if by_hand else _QUICK_S,
            check=False,
            start_new_session=not by_hand,
            env=env,
        )
        code, out, err = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        raise ConfigError(f"audit: {_PROGRAM} did not end in time") from None
    except (FileNotFoundError, PermissionError):
        code, out, err = _NOT_FOUND, b"", b""
    if code == _NOT_FOUND:
        raise ConfigError(
            f"audit: {_PROGRAM} is not here (exit {_NOT_FOUND}); install OpenSSH's client, 8.2 or "
            "later"
        )
    return _Done(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def _said(text: str) -> str:
    """Return what ssh-keygen said, on one line."""
    lines = [line.strip().removeprefix("Enter passphrase: ") for line in text.splitlines()]
    telling = [line for line in lines if line and not _CHATTER.match(line)]
    return "; ".join(telling[:4]) or "it gave no reason"
