"""The evidence of a run: its journal held against its hash, inputs, terms, exclusions.

Writes audit.json and audit.md with -o. With --sign also audit.json.sig, OpenSSH's signature in the
namespace evalkit-audit (into the run's folder without -o). With --verify checks such a signature,
and that the run still is what was signed. Exit codes: 0 the journal, or the signature and the run,
hold; 1 they do not; 2 a file is missing or the key did not sign.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from evalkit.cli.options import add_json, example


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--gate", type=Path, metavar="FILE", help="what `evalkit gate --json` printed: kept with it"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="write audit.json and audit.md there"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--sign", type=Path, metavar="KEY", help="sign audit.json by `ssh-keygen -Y sign`"
    )
    which.add_argument(
        "--verify", type=Path, metavar="ALLOWED", help="check it by OpenSSH's allowed signers"
    )
    parser.add_argument(
        "--identity", metavar="NAME", help="who signs, or must have signed, as in ALLOWED"
    )
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="with --verify: not RUN/audit.json but this"
    )
    parser.epilog = example("evalkit audit results/RUN -o evidence/")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Audit, or verify an audit."""
    from evalkit import api
    from evalkit.cli.main import EXIT_DONE, EXIT_GATE_FAILED
    from evalkit.cli.output import emit, note, print_json
    from evalkit.report.audit_text import audit_lines

    _refuse_odd(options)
    if options.verify is not None:
        return _verify(options)
    signing = None
    if options.sign is not None:
        signing = api.Signing(options.sign, options.identity, by_hand=_is_attended())
    document = api.audit(
        options.run, gate=options.gate, output=options.output, signing=signing
    )  # fmt: skip
    holds = document["journal"]["holds"]
    if options.json:
        print_json(document)
    else:
        emit("\n".join(audit_lines(document)))
    if signing is not None:
        place = (options.output or options.run) / "audit.json.sig"
        note(f"signed: {place}" if holds else "nothing is signed: the journal does not hold")
    return EXIT_DONE if holds else EXIT_GATE_FAILED


def _verify(options: argparse.Namespace) -> int:
    from evalkit import api
    from evalkit.cli.main import EXIT_DONE, EXIT_GATE_FAILED
    from evalkit.cli.output import emit, print_json
    from evalkit.report.audit_text import verification_lines

    found = api.verify_audit(options.run, options.verify, options.identity, record=options.record)
    if options.json:
        print_json(found)
    else:
        emit("\n".join(verification_lines(found)))
    return EXIT_DONE if found["holds"] else EXIT_GATE_FAILED


def _refuse_odd(options: argparse.Namespace) -> None:
    """Refuse options that would have no effect.

    Raises:
        ConfigError: In one line.
    """
    from evalkit.core.errors import ConfigError

    if options.verify is not None and not options.identity:
        raise ConfigError("audit --verify: --identity NAME is missing: who must have signed")
    if options.verify is not None and (options.gate or options.output):
        raise ConfigError("audit --verify: it writes nothing; --gate and -o go with an audit")
    if options.verify is None and options.record:
        raise ConfigError("audit --record: it goes with --verify")
    if options.verify is None and options.sign is None and options.identity is not None:
        raise ConfigError("audit --identity: it goes with --sign or --verify")
    if options.identity is not None and not options.identity.strip():
        raise ConfigError("audit --identity: it is empty; allowed: a name as in ALLOWED")


def _is_attended() -> bool:
    """Return whether somebody is there to type a passphrase."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
