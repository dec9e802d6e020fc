"""rubric: judges answer fixed questions about the output; the score is the weighted share.

Each verdict stands beside its evidence; a verdict that cannot be read after a bounded number of
tries is a `judge_error`, never a 0, a tie or an omission. This module does not know how a judge
is reached, nor what it costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalkit.core.documents import node_of
from evalkit.core.errors import CannotGrade, ConfigError, ProviderError
from evalkit.core.ports import Ask, GraderContext, Judged, JudgeQuestion
from evalkit.core.records import (
    Completion,
    Message,
    OutputSpec,
    Parsed,
    Sample,
    Score,
    canonical_json,
)
from evalkit.core.waiting import all_of
from evalkit.graders.judge_prompt import (
    Unreadable,
    clipped,
    content_hash,
    is_quoted,
    judge_messages,
    prompt_hash,
    read_verdict,
    verdict_form,
)
from evalkit.graders.rubric_file import Rubric, read_rubric, require_judge, rubric_of
from evalkit.graders.scoring import (
    MAX_REASON_CHARS,
    GraderOptions,
    ScoringGrader,
    read_options,
    shown,
)
from evalkit.graders.suite_files import suite_file
from evalkit.graders.votes import Decision, Vote, between, decide, retest

VERSION = "1"
JUDGE_ERROR = "judge_error"
_BASE_TOKENS, _TOKENS_PER_CRITERION = 100, 120


class RubricOptions(GraderOptions, frozen=True, kw_only=True):
    """Options of `rubric`.

    Attributes:
        file: A rubric of the suite's folder; or `criteria` here in its place.
        criteria: As in a rubric file.
        judge: Who judges, in place of the file's: `provider:name`, or a list for a panel.
        reference: In place of the file's.
        independent: In place of the file's.
        repeats: In place of the file's.
        panel: In place of the file's.
        max_attempts: In place of the file's.
        params: In place of the file's.
    """

    file: str = "rubric.yaml"
    criteria: list[Any] | None = None
    judge: str | list[str] | None = None
    reference: str | None = None
    independent: bool | None = None
    repeats: int | None = None
    panel: str | None = None
    max_attempts: int | None = None
    params: dict[str, Any] | None = None


_OVERRIDES = ("judge", "reference", "independent", "repeats", "panel", "max_attempts", "params")


class RubricGrader(ScoringGrader):
    """The weighted share of the criteria that judges find met."""

    is_quick = True

    def __init__(self, context: GraderContext) -> None:
        options = read_options(context, "rubric", RubricOptions)
        where = f"{context.where}: grader 'rubric'"
        self.rubric = rubric = _rubric(options, context, where)
        self.judges = require_judge(rubric, (), where)
        self.independent = rubric.independent
        self._form = verdict_form(rubric)
        self._tools = tools_shown(context.output)
        most = _BASE_TOKENS + _TOKENS_PER_CRITERION * len(rubric.criteria)
        self._params = {"temperature": 0, "max_tokens": most, **rubric.params}
        decides = [self.judges, rubric.repeats, rubric.panel, rubric.max_attempts, self._params]
        worth = [[criterion.weight, criterion.must] for criterion in rubric.criteria]
        also = [rubric.hash, prompt_hash(rubric), decides, worth]
        super().__init__("rubric", VERSION, GraderOptions(pass_at=options.pass_at), context, also)

    def check(self, sample: Sample) -> str | None:
        """Refuse a sample without a target where the judge is to see one."""
        if self.rubric.reference == "target" and not sample.has_target:
            return "rubric: `reference: target`, and the sample has no target"
        return None

    def grade(self, sample: Sample, completion: Completion, parsed: Parsed) -> Score:
        """Refuse: without a judge there is no verdict."""
        raise CannotGrade("rubric: judges must be asked for a verdict, and nobody was")

    def facts(self) -> dict[str, Any]:
        """Return what run.json keeps: judges, hashes, and how verdicts are joined."""
        rubric = self.rubric
        return {
            "grader": self.name,
            "judges": list(self.judges),
            "rubric_hash": rubric.hash,
            "prompt_hash": prompt_hash(rubric),
            "repeats": rubric.repeats,
            "panel": rubric.panel,
            "independent": rubric.independent,
            "params": self._params,
            "criteria": [
                {
                    "id": c.id,
                    "question": c.question,
                    "weight": c.weight,
                    "must": c.must,
                    "verdicts": list(c.verdicts),
                }
                for c in rubric.criteria
            ],
        }

    async def judge(self, judged: Judged, ask: Ask) -> Score:
        """Ask every judge as often as the rubric says, and join the verdicts."""
        data = self._data(judged)
        output = dict(data)["output"]
        asked = [(judge, n) for judge in self.judges for n in range(1, self.rubric.repeats + 1)]
        votes = await all_of(
            *(self._vote(judge, repeat, judged, data, ask) for judge, repeat in asked)
        )
        decisions = {c.id: decide(c, votes, self.rubric.panel) for c in self.rubric.criteria}
        details = _details(self.rubric, votes, decisions, output)
        if any(decision.value is None for decision in decisions.values()):
            return self._undecided(votes, details)
        return self._decided(decisions, details)

    def _data(self, judged: Judged) -> list[tuple[str, str]]:
        """Return what the judge is shown: task, tools, the reference where asked for, output."""
        data = [("task", clipped(task_shown(judged.messages)))]
        if self._tools:
            data.append(("tools", clipped(self._tools)))
        if self.rubric.reference == "target":
            data.append(("reference", clipped(_spelled(judged.sample.target))))
        data.append(("output", clipped(answer_shown(judged.completion))))
        return data

    async def _vote(
        self, judge: str, repeat: int, judged: Judged, data: list[tuple[str, str]], ask: Ask
    ) -> Vote:
        """Ask one judge until its answer can be read, at most `max_attempts` times."""
        told = problem = None
        for answer in range(self.rubric.max_attempts):
            question = self._question(judge, repeat, judged, data, told)
            try:
                completion = await ask(question._replace(answer=answer))
            except ProviderError as error:
                return Vote(judge, repeat, None, error=f"{error.kind}: {error}", pending=True)
            except CannotGrade as refused:
                return Vote(judge, repeat, None, error=str(refused))
            try:
                reading = read_verdict(self.rubric, completion)
            except Unreadable as unread:
                problem, told = str(unread), unread.told
                continue
            return Vote(judge, repeat, reading.verdicts, reading.evidence)
        tries = self.rubric.max_attempts
        return Vote(judge, repeat, None, error=f"unreadable after {tries} answers: {problem}")

    def _question(
        self,
        judge: str,
        repeat: int,
        judged: Judged,
        data: list[tuple[str, str]],
        problem: str | None,
    ) -> JudgeQuestion:
        return JudgeQuestion(
            judge=judge,
            render=judge_messages(self.rubric, data, problem),
            content=content_hash(self.rubric, data, problem),
            output=self._form,
            params=self._params_of(repeat),
            repeat=repeat,
            inputs={
                **judged.sample.columns,
                **dict(data),
                "criteria": [c.id for c in self.rubric.criteria],
            },
        )

    def _params_of(self, repeat: int) -> dict[str, Any]:
        """Return the parameters of one repeat: a seed that is given counts up with it."""
        seed = self._params.get("seed")
        if not isinstance(seed, int):
            return self._params
        return {**self._params, "seed": seed + repeat - 1}

    def _undecided(self, votes: Sequence[Vote], details: dict[str, Any]) -> Score:
        lost = [vote for vote in votes if vote.error is not None]
        said = "; ".join(f"{vote.judge}: {vote.error}" for vote in lost[:3])
        return Score(
            grader=self.name,
            version=self.version,
            value=None,
            details=details,
            failure=shown(f"{JUDGE_ERROR}: {said}", MAX_REASON_CHARS),
            pending=any(vote.pending for vote in lost),
        )

    def _decided(self, decisions: dict[str, Decision], details: dict[str, Any]) -> Score:
        rubric = self.rubric
        worth = {c.id: decisions[c.id].value or 0.0 for c in rubric.criteria}
        value = sum(c.weight * worth[c.id] for c in rubric.criteria) / rubric.weight
        unmet = [c.id for c in rubric.criteria if worth[c.id] < 1]
        failed_musts = [c.id for c in rubric.criteria if c.must and worth[c.id] < 1]
        details["musts_failed"] = failed_musts
        reason = f"not fully met: {', '.join(unmet)}" if unmet else ""
        if failed_musts:
            reason = f"must be met and is not: {', '.join(failed_musts)}; {reason}"
        scored = self.score(value, reason, details)
        passed = bool(scored.passed) and not failed_musts
        return Score(**{**_fields(scored), "passed": passed})


def _fields(score: Score) -> dict[str, Any]:
    return {name: getattr(score, name) for name in score.__struct_fields__}


def _rubric(options: RubricOptions, context: GraderContext, where: str) -> Rubric:
    given = {name: getattr(options, name) for name in _OVERRIDES}
    settings = {name: value for name, value in given.items() if value is not None}
    if options.criteria is not None:
        problems: list[str] = []
        root = node_of({"criteria": options.criteria, **settings}, context.where, problems)
        return rubric_of(root, where=context.where)
    try:
        path = suite_file(context, options.file, where)
    except ConfigError as error:
        raise ConfigError(f"{error}; write it, or give `criteria`") from None
    return read_rubric(path, settings)


def task_shown(messages: Sequence[Message]) -> str:
    """Return what the model was asked: system message and last turn, without few-shot turns."""
    system = [m.content for m in messages if m.role == "system"]
    turns = [m.content for m in messages if m.role == "user"]
    return "\n\n".join([*system, *turns[-1:]])


def tools_shown(output: OutputSpec) -> str:
    """Return the tools that a model could call, empty where there are none."""
    tools = [tool.get("function", tool) for tool in output.tools]
    return canonical_json(tools).decode() if tools else ""


def _spelled(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    return canonical_json(value).decode()


def answer_shown(completion: Completion) -> str:
    """Return an answer as a judge sees it: its text, and calls as JSON."""
    if not completion.tool_calls:
        return completion.text
    calls = [{"name": c.name, "arguments": c.arguments} for c in completion.tool_calls]
    return "\n".join(filter(None, [completion.text, canonical_json(calls).decode()]))


def _details(
    rubric: Rubric, votes: Sequence[Vote], decisions: dict[str, Decision], output: str
) -> dict[str, Any]:
    quoted = [
        is_quoted(text, output) for vote in votes for text in vote.evidence.values() if text.strip()
    ]
    values = {name: d.value for name, d in decisions.items() if d.value is not None}
    return {
        "criteria": {
            name: {
                "value": d.value,
                "verdict": d.verdict,
                "tie": d.tie,
                "spread": d.spread,
                "votes": d.votes,
            }
            for name, d in decisions.items()
        },
        "judges": [_vote_details(vote, output) for vote in votes],
        "judging": {
            "votes": len(votes),
            "errors": sum(vote.error is not None for vote in votes),
            "ties": sum(decision.tie for decision in decisions.values()),
            "retest": list(retest(votes)),
            "between": list(between(votes)),
            "quotes": [sum(quoted), len(quoted)],
        },
        "metrics": values if len(values) == len(rubric.criteria) else {},
    }


def _vote_details(vote: Vote, output: str) -> dict[str, Any]:
    details: dict[str, Any] = {"judge": vote.judge, "repeat": vote.repeat}
    if vote.verdicts is None:
        return {**details, "error": vote.error}
    return {
        **details,
        "verdicts": dict(vote.verdicts),
        "evidence": dict(vote.evidence),
        "quoted": {n: is_quoted(t, output) for n, t in vote.evidence.items() if t.strip()},
    }


def grader(context: GraderContext) -> RubricGrader:
    """Build the grader from its options."""
    return RubricGrader(context)
