"""Contestants and judges opened: one adapter serves all suites where it can, one lane a provider.

What cannot be opened raises; who asked for it decides what that means. It sends no sample.
"""

from __future__ import annotations

from collections.abc import Iterable

from evalkit.core.errors import ConfigError
from evalkit.core.policy import refusal_reason
from evalkit.core.ports import Adapter, Clock, SuiteView, adapter_factory
from evalkit.core.records import fingerprint
from evalkit.graders.grading import Grading
from evalkit.providers.catalogue import Catalogue, Provider, model_spec
from evalkit.run.ask import Lane
from evalkit.run.judges import Judge, find_judge, judge_mode
from evalkit.run.limits import Gate, RateLimit
from evalkit.run.retry import RetryPolicy
from evalkit.suite.loader import Suite

_OWN_PER_SUITE = ("sklearn", "python", "replay")


class Opener:
    """Opens adapters and lanes once, and remembers them.

    Attributes:
        judges: What was opened to judge, by suite and `provider:name`.
    """

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self.catalogue = catalogue
        self.judges: dict[tuple[str, str], Judge] = {}
        self._clock = clock
        self._adapters: dict[tuple[str, str], Adapter] = {}
        self._opened: set[tuple[str, str, str]] = set()
        self._lanes: dict[str, Lane] = {}

    @property
    def adapters(self) -> list[Adapter]:
        """Every adapter that was asked for, opened or not: all are to be closed."""
        return list(self._adapters.values())

    async def open(
        self, provider: Provider, name: str, adapter: Adapter, view: SuiteView
    ) -> Adapter:
        """Open a contestant for a suite, by its entry's name; return the one that serves it.

        Raises:
            ConfigError: If it cannot be opened.
        """
        scope = view.name if provider.wire in _OWN_PER_SUITE else ""
        adapter = self._adapters.setdefault((scope, name), adapter)
        mark = (scope, name, view.name)
        if mark not in self._opened:
            await adapter.open(view)
            self._opened.add(mark)
        return adapter

    def lane(self, provider: Provider) -> Lane:
        """Return the lane that all requests to a provider share."""
        if provider.name not in self._lanes:
            limits = provider.limits
            self._lanes[provider.name] = Lane(
                provider.name,
                Gate(limits.concurrency, self._clock),
                RateLimit(limits.rpm, limits.tpm, self._clock),
                RetryPolicy(max_attempts=limits.max_attempts),
                limits.timeout_s,
                provider.base_url,
                provider.is_local,
            )
        return self._lanes[provider.name]

    async def open_judges(self, suite: Suite, grading: Grading, view: SuiteView) -> None:
        """Open the judges of a suite.

        Raises:
            ConfigError: If one is unknown, lacks something, or must not see the suite's samples.
        """
        for grader in grading.judging:
            where = next(g.where for g in suite.spec.graders if g.name == grader.name)
            for name in grader.judges:
                await self.open_judge(name, where, suite, view)
        if grading.judging:
            marks = [self.judges[suite.name, name].mark for name in grading.judges]
            grading.bind_judges(fingerprint(marks))

    async def open_judge(self, name: str, where: str, suite: Suite, view: SuiteView) -> Judge:
        """Open one judge for a suite.

        Raises:
            ConfigError: As `open_judges`; `where` opens the message.
        """
        judge = await self._judge(name, where, view)
        refuse_unseen(name, judge.provider, suite, where)
        self.judges[suite.name, name] = judge
        return judge

    async def _judge(self, name: str, where: str, view: SuiteView) -> Judge:
        provider, model = find_judge(self.catalogue, name, where)
        adapter = adapter_factory(provider.wire, provider.where)(model_spec(provider, model))
        try:
            adapter = await self.open(provider, name, adapter, view)
        except ConfigError as error:
            raise ConfigError(f"{where}: judge {name!r} cannot be asked: {error}") from None
        mode = judge_mode(model, adapter.modes)
        return Judge(name, provider, model, adapter, self.lane(provider), mode)


def refuse_unseen(name: str, provider: Provider, suite: Suite, where: str) -> None:
    """Refuse a judge that must not see what a suite as a whole demands of whoever sees it.

    Raises:
        ConfigError: With the reason; `where` opens the message.
    """
    reason = refusal_reason(suite.own_demand, provider.governance)
    if reason:
        raise ConfigError(
            f"{where}: judge {name!r} must not see samples of {suite.name!r}: {reason}"
        )


async def close_all(adapters: Iterable[Adapter]) -> None:
    """Give back what contestants hold."""
    for adapter in adapters:
        await adapter.close()
