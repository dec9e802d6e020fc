"""What an earlier part of a run left in its journal: finished trials, and answers not yet graded.

Looked up by a trial's key and by content: it tells whether the very same request was answered, and
by what it was graded. It does not decide what is asked again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from evalkit.core.records import Cause
from evalkit.run.events import AttemptLine, TrialKey, TrialLine, attempt_of, key_hash
from evalkit.run.journal import NAME, Index
from evalkit.run.retry import cause_after
from evalkit.run.trial import Known

_ASKED_AGAIN = ("error", "skipped")


class Finished(NamedTuple):
    """A trial that has an answer and a grade.

    Attributes:
        group: Where its lines are found in the journal's index.
        pending: A judge could not be reached: it is asked again.
    """

    request_fingerprint: str
    grading_fingerprint: str
    group: int
    pending: bool = False


class Earlier:
    """Trials of a journal by key; each is taken once.

    Args:
        folder: The run's folder, or None for a run that has no past.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._finished: dict[int, Finished] = {}
        self._known: dict[int, tuple[Known, int]] = {}
        self._index = None if folder is None else Index(folder / NAME)
        for group, (attempts, trial) in enumerate(self._index.groups() if self._index else ()):
            self._add(group, attempts, trial)
        self.finished = len(self._finished)

    def take(self, key: TrialKey) -> tuple[Finished | None, Known | None]:
        """Return what stands of a trial, and forget it."""
        found = self.look(key)
        if found != (None, None):
            number = key_hash(*key)
            self._known.pop(number, None)
            self._finished.pop(number, None)
        return found

    def look(self, key: TrialKey) -> tuple[Finished | None, Known | None]:
        """Return what stands of a trial."""
        if not self._finished and not self._known:
            return None, None
        number = key_hash(*key)
        known = self._known.get(number)
        return self._finished.get(number), known[0] if known else None

    def reread(self, finished: Finished) -> Known:
        """Return the answers of a finished trial, to be graded anew and never to be asked for."""
        if self._index is None:
            raise AssertionError("a run without a past has no finished trial")
        attempts, _ = self._index.group(finished.group)
        known = known_of(attempts, finished.request_fingerprint)
        return known._replace(was_graded=True)

    def line(self, finished: Finished) -> TrialLine | None:
        """Return a finished trial as it stands in the journal."""
        return None if self._index is None else self._index.group(finished.group)[1]

    def left(self) -> Iterator[TrialLine]:
        """Iterate over the trials that nobody took: of samples or arms that are not there now."""
        groups = [f.group for f in self._finished.values()]
        groups += [group for _, group in self._known.values()]
        for group in sorted(set(groups)):
            trial = self._index.group(group)[1] if self._index else None
            if trial is not None and trial.status != "skipped":
                yield trial

    def _add(self, group: int, attempts: list[AttemptLine], trial: TrialLine | None) -> None:
        first = trial or attempts[0]
        key = key_hash(first.suite, first.sample_id, first.arm, first.repeat)
        done = trial is not None and trial.status not in _ASKED_AGAIN
        if trial is not None and done:
            self._finished[key] = Finished(
                trial.request_fingerprint,
                trial.grading_fingerprint,
                group,
                any(score.pending for score in trial.scores),
            )
        own = [a for a in attempts if a.role == "model"]
        latest = own[-1].request_fingerprint if own else ""
        if not done or (trial is not None and own and latest != trial.request_fingerprint):
            self._known[key] = known_of(attempts, latest), group


def known_of(attempts: list[AttemptLine], request_fingerprint: str) -> Known:
    """Return what stands in the journal of one request: its answers, and verdicts on them."""
    own = [
        a for a in attempts if a.role == "model" and a.request_fingerprint == request_fingerprint
    ]
    said = [(a.model, done) for a in own if (done := attempt_of(a).completion) is not None]
    cause: Cause = cause_after(own[-1].outcome) if own else "first"
    judged = [a for a in attempts if a.role == "judge" and a.subject == request_fingerprint]
    verdicts = {
        a.request_fingerprint: done
        for a in judged
        if (done := attempt_of(a).completion) is not None
    }
    return Known(
        len(own), tuple(done for _, done in said), request_fingerprint, cause,
        verdicts=verdicts, answered_by=tuple(model for model, _ in said),
    )  # fmt: skip
