"""A trial's answer, and what was said of it, as one text for a reader.

The text is as the model wrote it: whoever shows it makes it safe.
"""

from __future__ import annotations

from evalkit.core.records import Score, Trial


def output_text(trial: Trial) -> str | None:
    """Return the last answer: its text, else its tool calls, else its refusal; None without one."""
    if trial.text:
        return trial.text
    for attempt in reversed(trial.attempts):
        done = attempt.completion
        if attempt.role == "model" and done is not None:
            calls = "; ".join(f"{call.name}({call.arguments})" for call in done.tool_calls)
            return calls or done.refusal or trial.text
    return trial.text


def reason_text(trial: Trial) -> str | None:
    """Return why a trial stands as it does: what failed, and what each grader said of it."""
    said = [trial.reason] if trial.reason else []
    if trial.status == "error":
        errors = [a.error for a in trial.attempts if a.role == "model" and a.error]
        said += [text for text in errors[-1:] if text not in said]
    said += [line for score in trial.scores if (line := _grade(score))]
    return "\n".join(said) or None


def _grade(score: Score) -> str:
    if score.value is None:
        return f"{score.grader}: no score: {score.failure or 'no reason was given'}"
    return f"{score.grader} {score.value:.3g}" + (f": {score.reason}" if score.reason else "")
