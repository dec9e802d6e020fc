"""Routing shown on real questions: banking77's 3,080 test rows, six real contestants, no network.

Three contestants run through evalkit (rules, TF-IDF, sentence embeddings), three are trained here
(naive Bayes; naive Bayes that says nothing where it is unsure; a linear machine over letters).
Their answers become a recording whose costs are their measured times at a price of a processor
hour, which is named and not measured; then `evalkit route` works out the portfolio.

    python benchmarks/route_banking77.py DATA_FOLDER OUTPUT_FOLDER
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
USD_PER_CPU_HOUR = 0.04
UNSURE = 0.9
RUN_HERE = "rules:rules,classical:tfidf,classical:embedding"


def evalkit(*arguments: str) -> str:
    """Run a command in the project's folder and return what it prints."""
    command = [sys.executable, "-m", "evalkit", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stdout


def settings(data: Path) -> list[str]:
    """Return the options that name the data."""
    return [
        "--set", f"data.path={data / 'test.csv'}", "--set", f"data.train={data / 'train.csv'}",
    ]  # fmt: skip


def answered_here(data: Path, output: Path) -> list[dict[str, Any]]:
    """Return the recorded answers of the contestants that evalkit runs itself."""
    document = json.loads(
        evalkit(
            "run", "suites/banking77", "--models", RUN_HERE, *settings(data),
            "--results", str(output / "contestants"), "--json",
        )
    )  # fmt: skip
    file = output / "contestants.jsonl"
    evalkit("export", document["path"], "--format", "replay", "-o", str(file))
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def rows_of(path: Path) -> list[tuple[str, str]]:
    """Return texts and intents."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def trained_here(data: Path, ids: dict[str, str]) -> list[dict[str, Any]]:
    """Return the answers of contestants that are trained here, each asked one by one and timed."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    train, test = rows_of(data / "train.csv"), rows_of(data / "test.csv")
    bayes = make_pipeline(CountVectorizer(ngram_range=(1, 2)), MultinomialNB(alpha=0.1))
    letters = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True), LinearSVC(C=1.0)
    )
    for model in (bayes, letters):
        model.fit([text for text, _ in train], [intent for _, intent in train])
    lines = []
    for text, _ in test:
        start = time.perf_counter()
        chances = bayes.predict_proba([text])[0]
        said = str(bayes.classes_[chances.argmax()])
        spent = 1000 * (time.perf_counter() - start)
        lines.append(line(ids[text], "bayes", said, spent))
        sure = said if chances.max() >= UNSURE else ""
        lines.append(line(ids[text], "bayes-or-nothing", sure, spent))
        start = time.perf_counter()
        said = str(letters.predict([text])[0])
        lines.append(line(ids[text], "letters", said, 1000 * (time.perf_counter() - start)))
    return lines


def line(sample_id: str, model: str, text: str, service_ms: float) -> dict[str, Any]:
    """Return one recorded answer."""
    return {"sample_id": sample_id, "model": model, "text": text, "service_ms": service_ms}


def sample_ids(data: Path) -> dict[str, str]:
    """Return the id of each question."""
    from evalkit.suite.loader import load_suite

    folder = ROOT / "suites" / "banking77"
    wanted = [own for own in settings(data) if own != "--set"]
    suite = load_suite(folder, settings=wanted)
    return {sample.columns["text"]: sample.id for sample in suite.samples}


def main() -> None:
    """Ask, record, route."""
    data, output = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    output.mkdir(parents=True, exist_ok=True)
    lines = answered_here(data, output)
    for own in lines:
        own["model"] = own["model"].rpartition(":")[2]
    lines += trained_here(data, sample_ids(data))
    keep = ("sample_id", "model", "text", "service_ms")
    with (output / "recording.jsonl").open("w", encoding="utf-8") as file:
        for own in lines:
            cost = own["service_ms"] / 3_600_000 * USD_PER_CPU_HOUR
            kept = {name: own[name] for name in keep if own.get(name) is not None}
            file.write(json.dumps({**kept, "cost_usd": cost}) + "\n")
    (output / "providers.yaml").write_text(
        "schema_version: 1\nproviders:\n  real:\n    wire: replay\n    path: recording.jsonl\n",
        encoding="utf-8",
    )
    document = json.loads(
        evalkit(
            "run", "suites/banking77", "--providers", str(output / "providers.yaml"),
            *settings(data), "--results", str(output / "results"), "--json",
        )
    )  # fmt: skip
    print(evalkit("route", document["path"]))


if __name__ == "__main__":
    main()
