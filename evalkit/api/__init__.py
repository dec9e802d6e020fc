"""The façade for the command line, notebooks and CI: everything that evalkit does, by name.

Each function takes paths and records and returns plain data or a record; none prints or exits.
"""

from evalkit.api.auditing import Signing, audit, export_card, verify_audit
from evalkit.api.deciding import (
    accept_baseline,
    check_judge,
    compare,
    compare_by_judge,
    drift,
    gate,
    self_test,
)
from evalkit.api.economics import breakeven, decide, prices, reprice, route
from evalkit.api.looking import (
    check,
    list_models,
    list_runs,
    list_suites,
    list_warnings,
    load_suite,
    new_canaries,
    new_suite,
    open_run,
    pull_weights,
)
from evalkit.api.reporting import report_html, view, write_report
from evalkit.api.running import (
    Result,
    draw_chart,
    export_replay,
    merge,
    regrade,
    resume,
    run,
    show,
    summarise,
    write_tables,
)
from evalkit.core.errors import EvalkitError

__all__ = [
    "EvalkitError",
    "Result",
    "Signing",
    "accept_baseline",
    "audit",
    "breakeven",
    "check",
    "check_judge",
    "compare",
    "compare_by_judge",
    "decide",
    "draw_chart",
    "drift",
    "export_card",
    "export_replay",
    "gate",
    "list_models",
    "list_runs",
    "list_suites",
    "list_warnings",
    "load_suite",
    "merge",
    "new_canaries",
    "new_suite",
    "open_run",
    "prices",
    "pull_weights",
    "regrade",
    "report_html",
    "reprice",
    "resume",
    "route",
    "run",
    "self_test",
    "show",
    "summarise",
    "verify_audit",
    "view",
    "write_report",
    "write_tables",
]
