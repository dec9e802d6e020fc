"""policy.json read back: which arms answer a task, in which order, and who steps in.

It does not know who the arms are, nor ask them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from evalkit.core.acceptance import AGREE, USABLE, asked_always, grader_of
from evalkit.core.documents import Node, read_yaml
from evalkit.core.errors import ConfigError
from evalkit.core.policy import SENSITIVITIES, TRAINING_DEMANDS, Requirement, requirement
from evalkit.core.records import Record, fingerprint

SCHEMA_VERSION = 1
PROVIDER = "policy"
"""The provider's name in `policy:NAME`, the arm that a policy is."""
_FIRST, _NEXT = "always", "not accepted"
_COUNTS = {1: "one", 3: "three"}
_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class PolicyTask(Record, frozen=True, kw_only=True):
    """What one task gets.

    Attributes:
        route: Arms in the order in which they are asked.
        fallbacks: Arms that are asked, in this order, where the last of the route fails.
        accept: When an answer is taken (`core.acceptance`); None takes every one.
        demand: What the business demanded of whoever sees the data.
        promised: What it brought on the samples that decided nothing: quality with its interval,
            cost, escalations, false accepts; None where the file does not say.
    """

    route: tuple[str, ...]
    fallbacks: tuple[str, ...] = ()
    accept: str | None = None
    demand: Requirement = Requirement()
    promised: dict[str, Any] | None = None

    @property
    def arms(self) -> tuple[str, ...]:
        """All arms that may be asked."""
        return (*self.route, *self.fallbacks)


class Policy(Record, frozen=True, kw_only=True):
    """A policy of routing.

    Attributes:
        name: The file's name without its ending.
        tasks: By the suite's name.
    """

    name: str
    file: str
    tasks: dict[str, PolicyTask]

    @property
    def arm(self) -> str:
        """The arm's name, `policy:NAME`."""
        return f"{PROVIDER}:{self.name}"

    def task(self, suite: str) -> PolicyTask:
        """Return what a suite gets.

        Raises:
            ConfigError: If the policy does not know it.
        """
        if suite not in self.tasks:
            raise ConfigError(
                f"{self.file}: no task {suite!r} in this policy; it has: {', '.join(self.tasks)}"
            )
        return self.tasks[suite]

    def hash(self, suite: str) -> str:
        """Return the hash of what decides who is asked."""
        task = self.task(suite)
        return fingerprint([task.route, task.fallbacks, task.accept])


def read_policy(path: Path) -> Policy:
    """Read policy.json.

    Raises:
        ConfigError: With file and line of every problem.
    """
    root = read_yaml(path)
    root.take("schema_version", int, 1, allowed=(SCHEMA_VERSION,))
    demands = {name: _demand(node) for name, node in root.mapping("constraints").items()}
    promised = _promises(root.mapping("evidence"))
    tasks = {name: _task(node) for name, node in root.mapping("tasks").items()}
    if not tasks:
        root.refuse("`tasks` names no task: nothing can be asked by it")
    root.refuse_unknown()
    root.stop_on_problems()
    joined = {
        name: PolicyTask(
            route=task.route,
            fallbacks=task.fallbacks,
            accept=task.accept,
            demand=demands.get(name, Requirement()),
            promised=promised.get(name),
        )
        for name, task in tasks.items()
    }
    return Policy(name=_NAME.sub("-", path.stem), file=str(path), tasks=joined)


def _task(node: Node) -> PolicyTask:
    accept = _accept(node)
    route = _route(node, asked_always(accept))
    fallbacks = node.strings("fallbacks")
    twice = sorted({arm for arm in (*route, *fallbacks) if (*route, *fallbacks).count(arm) > 1})
    if twice:
        node.refuse(f"the arm {twice[0]!r} stands twice; each is asked once at most")
    node.refuse_unknown()
    return PolicyTask(route=route, fallbacks=fallbacks, accept=accept)


def _accept(node: Node) -> str | None:
    accept = node.take("accept", str, None)
    if accept is None or accept in (USABLE, AGREE) or grader_of(accept):
        return None if accept is None else str(accept)
    node.refuse(f"`accept` got {accept!r}; allowed: 'usable', 'agree', 'usable and GRADER', null")
    return None


def _route(node: Node, always: int) -> tuple[str, ...]:
    """Return the arms of a route.

    Args:
        node: The task.
        always: How many of them belong to the first answer; one more must follow two.
    """
    steps = node.node("route")
    least = always if always == 1 else always + 1
    if steps is None or not isinstance(steps.value, list) or len(steps.value) < least:
        got = "nothing" if steps is None else steps.shown
        (steps or node).refuse(
            f"`route` must be a list of at least {_COUNTS[least]} {{when, arm}}, got {got}"
        )
        return ()
    arms = []
    for place, step in enumerate(steps.children.values()):
        if not isinstance(step.value, dict):
            step.refuse(f"a step must be {{when, arm}}, got {step.shown}")
            continue
        step.take("when", str, _NEXT, allowed=(_NEXT if place >= always else _FIRST,))
        arm = step.take("arm", str)
        step.refuse_unknown()
        arms.append(str(arm))
    return tuple(arms)


def _promises(node: Node) -> dict[str, dict[str, Any]]:
    """Return what is promised of each task, as far as it is figures."""
    found = {}
    for name, own in node.mapping("intervals").items():
        if not isinstance(own.value, dict):
            continue
        quality = own.mapping("quality")
        figure = {end: quality.take(end, (int, float), None) for end in ("value", "low", "high")}
        rest = ("cost_per_1000_usd", "escalation_rate", "false_accept_rate", "n")
        found[name] = {
            "quality": None if figure["value"] is None else figure,
            **{key: own.take(key, (int, float), None) for key in rest},
        }
        quality.rest()
        own.rest()
    node.rest()
    return found


def _demand(node: Node) -> Requirement:
    """Return what a task demanded; limits of quality are no business of whoever asks."""
    sensitivity = node.take("sensitivity", str, "public", allowed=SENSITIVITIES)
    named = node.node("regions")
    regions = None if named is None or named.value is None else node.strings("regions")
    training = node.take("trains_on_data", str, None, allowed=TRAINING_DEMANDS)
    days = node.take("max_retention_days", (int, float), None)
    node.rest()
    given = {"regions": regions, "trains_on_data": training, "max_retention_days": days}
    return requirement(sensitivity, given)
