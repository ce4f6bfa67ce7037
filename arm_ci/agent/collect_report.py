"""After an agent that was killed: ends what it left running, and makes the report of its journal.

What the kernel has done since the agent began is read again: the kill may be the agent's own.
"""

from __future__ import annotations

import os
from typing import Any, Dict

from .journal import JOURNAL, read_journal, report_of_journal
from .machine.kernel_counts import since_killed
from .machine.leftovers import MARK, end_this_build
from .report import Report, write_report


def collect_report(path: str) -> Report:
    """The report at `path`, made if it is not there. Raises OSError and ReportError where there is no journal."""
    mark = os.environ.get(MARK)
    if mark:
        end_this_build(mark)
    report = report_of_journal(path + JOURNAL)
    if not report.outcome.complete:
        counts: Dict[str, Any] = next((value for kind, value in read_journal(path + JOURNAL) if kind == "before"), {})
        report = report._replace(kernel=since_killed(counts))
    write_report(report, path)
    return report
