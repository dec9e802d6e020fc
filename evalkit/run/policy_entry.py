"""A policy made an arm: its hops found, opened, and refused where one must not see the data.

It sends no sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from evalkit.core.acceptance import grader_of, unfit
from evalkit.core.errors import ConfigError
from evalkit.core.policy import Requirement, refusal_reason, strictest, weakest
from evalkit.core.ports import Clock, SuiteView
from evalkit.core.records import fingerprint
from evalkit.graders.grading import Grading
from evalkit.graders.parse import Parser
from evalkit.providers.catalogue import Limits, Model, Provider
from evalkit.run.answers import Hop, Route
from evalkit.run.ask import Lane
from evalkit.run.limits import Gate, RateLimit
from evalkit.run.opening import Opener
from evalkit.run.plan import Arm, choose_models, plan_arms
from evalkit.run.policies import PROVIDER, Policy, PolicyTask
from evalkit.run.retry import RetryPolicy
from evalkit.run.trial import Entry
from evalkit.suite.loader import Suite

Recorded = Callable[[Provider], Sequence[str]]


class PolicyArms(NamedTuple):
    """What makes a policy an arm of each suite.

    Attributes:
        recorded: The models that a recording holds.
    """

    policy: Policy
    opener: Opener
    clock: Clock
    recorded: Recorded

    async def entry(self, suite: Suite, view: SuiteView, parser: Parser, grading: Grading) -> Entry:
        """Return the policy as an arm of a suite.

        Raises:
            ConfigError: If the policy has no such task, takes answers by a grader that cannot, or
                one of its arms is unknown, cannot be asked here, or must not see the samples.
        """
        policy, task = self.policy, self.policy.task(suite.name)
        _refuse_rule(policy, task, suite, grading)
        demand = strictest([suite.own_demand, task.demand])
        hops = [await self._hop(name, suite, view, demand) for name in task.arms]
        own, spare = hops[: len(task.route)], hops[len(task.route) :]
        identity = fingerprint(
            [policy.hash(suite.name), [[hop.arm.name, hop.adapter.identity] for hop in hops]]
        )
        route = Route(own, spare, accept=task.accept, identity=identity, promised=task.promised)
        lane = self._lane(hops)
        arm = _arm(policy, task, suite, hops)
        return Entry(suite, arm, hops[0].adapter, lane, parser, grading, route)

    async def _hop(self, name: str, suite: Suite, view: SuiteView, demand: Requirement) -> Hop:
        where = f"{self.policy.file}: {suite.name}: arm {name!r}"
        try:
            chosen, _ = choose_models(
                self.opener.catalogue, [name], present=lambda _: {}, recorded=self.recorded
            )
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
        arms, not_run = plan_arms(suite, chosen)
        if len(arms) != 1:
            modes = ", ".join(arm.name for arm, _ in arms)
            why = (
                f"it stands for {modes}; name one" if arms else "; ".join(o.reason for o in not_run)
            )
            raise ConfigError(f"{where}: {why}")
        (arm, adapter) = arms[0]
        reason = refusal_reason(demand, arm.provider.governance)
        if reason is not None:
            raise ConfigError(f"{where} must not see its samples: {reason}")
        try:
            opened = await self.opener.open(arm.provider, arm.entry_name, adapter, view)
        except ConfigError as error:
            raise ConfigError(f"{where} cannot be asked: {error}") from None
        return Hop(arm, opened, self.opener.lane(arm.provider))

    def _lane(self, hops: Sequence[Hop]) -> Lane:
        """Return what bounds how many of its trials are under way; hops keep their own limits."""
        width = max(hop.lane.gate.most for hop in hops)
        return Lane(
            self.policy.arm,
            Gate(width, self.clock),
            RateLimit(None, None, self.clock),
            RetryPolicy(max_attempts=1),
            max(hop.lane.timeout_s for hop in hops),
            None,
            all(hop.lane.costs_nothing for hop in hops),
        )


def _refuse_rule(policy: Policy, task: PolicyTask, suite: Suite, grading: Grading) -> None:
    grader = grader_of(task.accept)
    if grader is None:
        return
    names = [own.name for own in grading.graders]
    reason = unfit(grader, grading.primary)
    if grader not in names:
        reason = f"the suite has no such grader; it has: {', '.join(names)}"
    if reason is not None:
        raise ConfigError(f"{policy.file}: {suite.name}: `accept` by {grader!r}: {reason}")


def _arm(policy: Policy, task: PolicyTask, suite: Suite, hops: Sequence[Hop]) -> Arm:
    """Return the policy's arm: its declared terms are the weakest of all that may be asked."""
    provider = Provider(
        name=PROVIDER,
        wire=PROVIDER,
        where=policy.file,
        limits=Limits(concurrency=max(hop.lane.gate.most for hop in hops)),
        governance=weakest([hop.arm.provider.governance for hop in hops]),
    )
    return Arm(
        name=policy.arm,
        model=policy.arm,
        mode=None,
        provider=provider,
        entry=Model(name=policy.name, wire_name=" → ".join(task.route), where=policy.file),
        params=dict(suite.spec.params),
    )
