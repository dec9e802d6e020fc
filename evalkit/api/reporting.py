"""Pages of runs: written as files, or served to this machine.

It does not know what stands on a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.core.errors import ConfigError
from evalkit.core.policy import SENSITIVITIES

if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer

    from evalkit.analysis.reporting.evidence import ReportRequest


def write_report(request: ReportRequest, output: Path | None = None) -> dict[str, Any]:
    """Write one HTML page of runs, with its tables and a summary beside it; see `ReportRequest`.

    Args:
        request: Which runs, and what is left out.
        output: The page's file; by default reports/RUN_ID.html of the newest run.

    Returns:
        `path`, `folder`, `files`, `bytes`, `verdict` and `warnings`.

    Raises:
        ConfigError: If an arm is not there, or the output cannot be a page.
        JournalError: If a journal is foreign, mixed or edited.
    """
    from evalkit.analysis.reporting.evidence import gather
    from evalkit.report.report_files import write_report_files

    if output is not None and output.suffix not in (".html", ".htm"):
        raise ConfigError(f"report: -o must end in .html, got {str(output)!r}")
    if output is not None and output.is_dir():
        raise ConfigError(f"report: -o must be a file, got the folder {str(output)!r}")
    evidence = gather(request)
    page_file = output or Path("reports") / f"{evidence.readings[-1].run.run_id}.html"
    written = write_report_files(evidence, page_file)
    verdict = written.page.verdict
    sensitive = [
        f"{suite.name} holds {suite.facts['sensitivity']} data and the page their outputs: share "
        "it as you may share these, or use --redact"
        for suite in evidence.suites
        if suite.facts["sensitivity"] in SENSITIVITIES[2:] and not request.redact
    ]
    return {
        "schema_version": 1,
        "path": str(page_file),
        "folder": str(written.paths[1].parent),
        "files": [str(path) for path in written.paths],
        "bytes": page_file.stat().st_size,
        "verdict": verdict and {"word": verdict.word, "sentence": verdict.sentence},
        "warnings": [*evidence.warnings, *sensitive],
    }


def report_html(
    request: ReportRequest, beside: Path = Path(), home: str = "", left_out: Sequence[str] = ()
) -> str:
    """Return the page of runs as HTML, without the files beside it.

    Args:
        request: Which runs, and what is left out.
        beside: The folder in which the page will lie: journals are named relative to it.
        home: Address of the index that the page belongs to, where there is one.
        left_out: Lines about runs that belong to it and cannot be read.

    Raises:
        ConfigError: If an arm or suite is not there.
        JournalError: If a journal is foreign, mixed or edited.
    """
    from evalkit.analysis.reporting.browsing import browse
    from evalkit.analysis.reporting.evidence import gather
    from evalkit.report.page.render import render
    from evalkit.report.sections.assemble import report_page

    found = gather(request)
    evidence = replace(found, warnings=(*left_out, *found.warnings))
    page = report_page(evidence, *browse(evidence), beside)
    return render(replace(page, home=home))


def view(
    folder: Path, port: int = 0, *, redact: bool = False, providers: Path | None = None
) -> ThreadingHTTPServer:
    """Return a server on 127.0.0.1 for the reports of a folder of runs; `serve_forever` starts it.

    Args:
        folder: Where the runs lie.
        port: 0 takes a free one.
        redact: Leave out every prompt, output and reason.
        providers: Another providers file to take prices from.

    Raises:
        ConfigError: If there is no such folder, or the port cannot be used.
    """
    from evalkit.analysis.reporting.evidence import ReportRequest
    from evalkit.analysis.reporting.shelf import shelved_runs
    from evalkit.report.view.pages import Pages
    from evalkit.report.view.server import open_server

    def make_page(runs: Sequence[Path], suite: str | None, left_out: Sequence[str]) -> str:
        suites = None if suite is None else (suite,)
        request = ReportRequest(runs=tuple(runs), suites=suites, redact=redact, providers=providers)
        return report_html(request, home="/", left_out=left_out)

    shelved_runs(folder)
    return open_server(Pages(folder, make_page), port)
