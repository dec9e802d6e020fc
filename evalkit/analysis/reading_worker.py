"""A worker of `analysis/reading.py`: `python -m ... RUN PROVIDERS ARM...`.

Reads the arms that it is told and writes their columns to its standard output, pickled, for the
process that started it. The journal has been checked by that one.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from evalkit.analysis.reading import read_part
from evalkit.run.folder import Run


def main(folder: str, providers: str, *arms: str) -> None:
    """Read some arms of a run."""
    run = Run(Path(folder))
    trials = run.trials(checked=True, arms=arms)
    part = read_part(run, Path(providers) if providers else None, trials)
    pickle.dump(part, sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    main(*sys.argv[1:])
