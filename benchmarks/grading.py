"""What grading costs: stored JSON outputs parsed and graded (schema and fields), one core.

Answers of suites/extraction made from its targets: half of them right, the others wrong, fenced, in
prose, repaired, cut, against the schema, or no JSON. No journal is read or written.

    python benchmarks/grading.py            # processor time for each kind of output
    python benchmarks/grading.py --rounds 30
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalkit.core.records import Completion, Sample
from evalkit.graders.grading import Grading
from evalkit.graders.parse import Parser
from evalkit.run.setup import grading_of
from evalkit.suite.loader import load_suite

SUITE = Path(__file__).resolve().parent.parent / "suites" / "extraction"


def wrong(target: dict[str, Any]) -> str:
    """Another number, total and vendor, the items in another order and one of them wrong."""
    items = [*target["line_items"][1:], *target["line_items"][:1]]
    items[:1] = [{**item, "amount": -7} for item in items[:1]]
    other = {"number": "X", "total": target["total"] + 1, "vendor": "Other", "line_items": items}
    return written({**target, **other})


def written(target: dict[str, Any]) -> str:
    """The target as a model would write it."""
    return json.dumps(target, ensure_ascii=False)


KINDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "right": written,
    "wrong": wrong,
    "fenced": lambda target: f"```json\n{written(target)}\n```",
    "embedded": lambda target: f"Here it is: {written(target)}",
    "repaired": lambda target: written(target)[:-1] + ",}",
    "cut": lambda target: written(target)[: len(written(target)) // 2],
    "schema": lambda target: written({k: v for k, v in target.items() if k != "total"}),
    "no JSON": lambda _: "The invoice is from somebody, and I think that the total is high.",
}
MIX = ["right"] * 7 + list(KINDS)[1:]


def seconds(parser: Parser, grading: Grading, outputs: list[tuple[Sample, Completion]]) -> float:
    """Return the processor time of parsing and grading all outputs once."""
    started = time.process_time()
    for sample, completion in outputs:
        grading.grade(sample, completion, parser.parse(completion))
    return time.process_time() - started


def main() -> int:
    """Print the median processor time for each kind."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=15, help="how often all is graded")
    rounds = options.parse_args().rounds
    suite = load_suite(SUITE)
    parser, grading = Parser(suite.spec.output), grading_of(suite.spec, allow_code=True)
    samples, draw = list(suite.samples), random.Random(0)
    for name in [*KINDS, "mix"]:
        outputs = []
        for sample in samples:
            kind = draw.choice(MIX) if name == "mix" else name
            text = KINDS[kind](sample.target)
            outputs.append((sample, Completion(text=text, finish_reason="stop")))
        took = statistics.median(seconds(parser, grading, outputs) for _ in range(rounds))
        each = took / len(outputs)
        sys.stdout.write(f"{name:10} {each * 1e6:6.1f} µs  {1 / each:8,.0f} a second\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
