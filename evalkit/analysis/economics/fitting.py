"""Whether business.yaml speaks of what a run has: suites and models that it names by their names.

One profile may serve many runs, so names of others are said and let be; what can only be a
misspelling is refused. It does not read the profile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from evalkit.analysis.economics.options import names_of
from evalkit.analysis.economics.profile import Profile
from evalkit.core.errors import ConfigError

_NEAR = 0.8


def profile_notes(
    profile: Profile, suites: Sequence[str], arms: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return a line for each part of a profile that holds for nothing in a run.

    Args:
        profile: The profile.
        suites: The run's suites.
        arms: Its arms as run.json has them, whether they answered or not.

    Raises:
        ConfigError: If a name must be a misspelling, nothing of `self_hosting` is in the run, or
            what is to be served has closed weights.
    """
    return [*_suite_notes(profile, suites), *_model_notes(profile, arms)]


def _suite_notes(profile: Profile, suites: Sequence[str]) -> list[str]:
    named: dict[str, Mapping[str, Any]] = {
        "volumes": profile.requests_per_month,
        "limits": profile.limits,
        "sensitivity": profile.sensitivity,
        "require": profile.require,
    }
    known = {name for own in named.values() for name in own}
    notes = []
    for key, own in named.items():
        for name in own:
            if name in suites:
                continue
            near = [s for s in get_close_matches(name, suites, 1, _NEAR) if s not in known]
            if near:
                raise ConfigError(
                    f"{profile.file}: `{key}` names {name!r}, and this run has {near[0]!r}; "
                    f"it has: {', '.join(suites)}"
                )
            notes.append(
                f"{profile.file}: `{key}` of {name} holds for nothing in this run, which has: "
                f"{', '.join(suites)}"
            )
    return notes


def _model_notes(profile: Profile, arms: Sequence[Mapping[str, Any]]) -> list[str]:
    models = sorted({names_of(arm)[0] for arm in arms})
    served = sorted({names_of(arm)[0] for arm in arms if arm["weights"] != "closed"})
    known = {name for arm in arms for name in names_of(arm)}
    open_ = {name for arm in arms if arm["weights"] != "closed" for name in names_of(arm)}
    strange = [name for name in profile.self_hosting if name not in known]
    for name in profile.self_hosting:
        if name in known and name not in open_:
            raise ConfigError(
                f"{profile.file}: `self_hosting` names {name!r}, whose weights are closed: nobody "
                f"can serve it; of this run's models can be: {', '.join(served) or 'none'}"
            )
    if strange and len(strange) == len(profile.self_hosting):
        raise ConfigError(
            f"{profile.file}: `self_hosting` names {', '.join(map(repr, strange))}, which this run "
            f"has not measured; it has: {', '.join(models) or 'none'}"
        )
    return [
        f"{profile.file}: `self_hosting` of {name} holds for nothing in this run, which has: "
        f"{', '.join(models)}"
        for name in strange
    ]
