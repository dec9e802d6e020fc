"""Pages by their address, made when they are asked for and kept while nothing changed.

A run is found by its folder's name in a listing, so no path is ever taken from an address. One
page is made at a time: matplotlib is not made for threads. It does not know HTTP.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from evalkit.analysis.reporting.shelf import SUMMARY, ShelvedRun, shelved_runs
from evalkit.core.errors import ConfigError, EvalkitError, JournalError
from evalkit.report.page.parts import Notes, Page, Section
from evalkit.report.page.render import render
from evalkit.report.sections.shelf import index_page
from evalkit.report.values import clean
from evalkit.run.folder import MANIFEST, Run
from evalkit.run.journal import NAME

MOST_KEPT = 8
MOST_RUNS = 20
MakePage = Callable[[Sequence[Path], str | None, Sequence[str]], str]
_State = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Served:
    """An answer: an HTTP status and a page."""

    status: int
    html: str


class Pages:
    """The pages of a folder of runs.

    Args:
        folder: Where the runs lie.
        make_page: Makes the page of some runs, of one suite alone where it is named, and says
            what is left out.
    """

    def __init__(self, folder: Path, make_page: MakePage) -> None:
        self._folder = folder
        self._make_page = make_page
        self._kept: OrderedDict[str, tuple[_State, str]] = OrderedDict()
        self._broken: dict[tuple[_State, Path], str] = {}
        self._one = threading.Lock()

    def page(self, address: str) -> Served:
        """Return the page of an address without its query: `/`, `/run/NAME`, `/suite/NAME`."""
        with self._one:
            try:
                return self._found(address)
            except EvalkitError as error:
                return Served(500, _said("This page cannot be made", str(error)))

    def _found(self, address: str) -> Served:
        runs = [self._known(run) for run in shelved_runs(self._folder)]
        kind, _, name = address.lstrip("/").partition("/")
        if not kind:
            return Served(200, self._index(runs))
        name = unquote(name)
        if kind == "run":
            own = [run for run in runs if run.folder.name == name]
        elif kind == "suite":
            own = [run for run in runs if name in run.suites][:MOST_RUNS]
        else:
            own = []
        if not own:
            return Served(404, _said("There is no such page", f"Nothing stands at {address}."))
        suite = name if kind == "suite" else None
        return Served(200, self._made(address, own, lambda: self._report(own, suite)))

    def _index(self, runs: Sequence[ShelvedRun]) -> str:
        title = f"Runs in {clean(self._folder)}"
        return self._made("/", runs, lambda: render(index_page(runs, title)))

    def _known(self, run: ShelvedRun) -> ShelvedRun:
        """Return a run with what was found out about its journal, while it is as it was."""
        problem = self._broken.get((tuple(_state(run)), run.folder))
        return run if problem is None or run.problem is not None else replace(run, problem=problem)

    def _report(self, runs: Sequence[ShelvedRun], suite: str | None) -> str:
        """Return the page of the runs that can be read, which names those that cannot."""
        whole = [run for run in runs if run.problem is None]
        told = [f"left out: {run.problem}" for run in runs if run.problem is not None]
        if not whole:
            raise ConfigError(str(runs[0].problem))
        try:
            return self._make_page([run.folder for run in whole], suite, told)
        except JournalError:
            found = [self._checked(run) for run in whole]
            left = [run for run in found if run.problem is None]
            if not left or len(left) == len(whole):
                raise
            told += [f"left out: {run.problem}" for run in found if run.problem is not None]
            return self._make_page([run.folder for run in left], suite, told)

    def _checked(self, run: ShelvedRun) -> ShelvedRun:
        """Check a run's journal, and keep what is wrong with it."""
        try:
            Run(run.folder).check()
        except JournalError as error:
            self._broken[tuple(_state(run)), run.folder] = str(error)
        return self._known(run)

    def _made(self, address: str, runs: Sequence[ShelvedRun], make: Callable[[], str]) -> str:
        """Return a page as it was kept where its runs are as they were, else made anew."""
        state = tuple(found for run in runs for found in _state(run))
        kept = self._kept.pop(address, None)
        html = kept[1] if kept is not None and kept[0] == state else make()
        self._kept[address] = (state, html)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return html


def _state(run: ShelvedRun) -> list[tuple[str, int, int]]:
    found = [(str(run.folder), 0, len(run.state))]
    for name in (MANIFEST, NAME, SUMMARY):
        path = run.folder / name
        if path.exists():
            about = path.stat()
            found.append((str(path), about.st_mtime_ns, about.st_size))
    return found


def _said(title: str, line: str) -> str:
    """Return a page of one line."""
    notes = Notes((clean(line), "The index lists the runs that are here."))
    return render(Page(title, None, (), (Section("said", "What happened", (notes,)),)))
