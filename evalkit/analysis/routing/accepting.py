"""Which rules a cascade of a suite may take answers by, from what `--accept` names.

A rule must be able to hold in use, where nobody has a target. It does not apply them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.core.acceptance import AGREE, USABLE, grader_of, passing, unfit
from evalkit.core.errors import ConfigError


def refuse_accept(names: Sequence[str], suites: Sequence[Mapping[str, Any]]) -> None:
    """Refuse what cannot take answers in use.

    Args:
        names: `usable`, `agree` or graders.
        suites: As run.json has them.

    Raises:
        ConfigError: If a name is unknown, or a grader needs a target, a judge, or is the quality.
    """
    known = sorted({grader["name"] for suite in suites for grader in suite["graders"]})
    for name in names:
        if name in (USABLE, AGREE):
            continue
        if name not in known:
            raise ConfigError(
                f"--accept {name!r}: allowed: usable, agree, or a grader of these suites: "
                f"{', '.join(known)}"
            )
        for suite in suites:
            reason = unfit(name, suite["primary"])
            if reason is not None:
                raise ConfigError(
                    f"--accept {name!r}: in {suite['name']} {reason}; allowed: usable, agree, or a "
                    "grader that needs no target, such as `python` or `forbidden`"
                )


def rules_for(names: Sequence[str], suite: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the rules for one suite: graders that it does not have are left out."""
    own = {grader["name"] for grader in suite["graders"]}
    rules = [
        name if name in (USABLE, AGREE) else passing(name)
        for name in names
        if name in (USABLE, AGREE) or name in own
    ]
    return tuple(dict.fromkeys(rules))


def graders_of(rules: Sequence[str]) -> tuple[str, ...]:
    """Return the graders that rules ask."""
    return tuple(name for rule in rules if (name := grader_of(rule)) is not None)
