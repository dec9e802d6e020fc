"""A run from Python: options in, a summary out, and the trials behind a figure.

Works in a temporary folder, on a scaffolded suite and its own rules; nothing is sent.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import evalkit
from evalkit import api

PROVIDERS = """
schema_version: 1
providers:
  rules:
    wire: python
    governance: {processor: self, regions: [on-premises], allowed_sensitivity: special}
    models: {rules: {}}
"""


def main() -> None:
    """Scaffold, run, read."""
    suite = api.new_suite("invoices", Path("suites"), "json")
    Path("providers.yaml").write_text(PROVIDERS, encoding="utf-8")

    options = evalkit.RunOptions(
        suites=(str(suite),),
        models=("rules:rules",),
        selection=evalkit.Selection(repeats=2),
    )
    result = api.run(options)
    row = result.summary["rows"][0]
    quality = row["quality"]
    print(f"{row['arm']}: {row['n_answered']} of {row['n_asked']} answered")
    print(
        f"quality {quality['value']:.2f} [{quality['low']:.2f}, {quality['high']:.2f}], "
        f"n = {quality['n']} samples"
    )

    for trial in evalkit.open_run(result.folder).trials():
        score = next(s for s in trial.scores if s.grader == "fields")
        if not score.passed and trial.repeat == 1:
            print(f"{trial.sample_id} scores {score.value:.2f}: {score.reason}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # a suite's rules.py runs only below the current directory
        main()
        os.chdir("/")
