"""A worker of `analysis/reading.py`: `python -m ... RUN PROVIDERS ARM...`.

Reads the arms that it is told and writes their columns and places to its standard output, pickled,
for the process that started it and checks the journal meanwhile.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from evalkit.analysis.reading import read_part
from evalkit.run.folder import Run, trials_in
from evalkit.run.journal import NAME, Index, lines_of


def main(folder: str, providers: str, *arms: str) -> None:
    """Read some arms of a run."""
    run = Run(Path(folder))
    path = run.folder / NAME
    lines = lines_of(path, arms=arms)
    trials = trials_in(Index(path, lines).groups())
    named = Path(providers) if providers else None
    part = read_part(run, named, trials, values=True)
    pickle.dump((part, lines), sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main(*sys.argv[1:])
