"""After an agent that was killed: ends what it left running, and makes the report of its journal.

What the kernel has done since the agent began is read again: the kill may be the agent's own.
"""

from __future__ import annotations

import os
from typing import Any, Dict

from .journal import JOURNAL, assemble, read
from .machine.kernel_counts import since_killed
from .machine.leftovers import MARK, end_this_build
from .report import Report
from .write import write_report


def finish(path: str) -> Report:
    """The report at `path`, made if it is not there. Raises OSError and ReportError where there is no journal."""
    mark = os.environ.get(MARK)
    if mark:
        end_this_build(mark)
    report = assemble(path + JOURNAL)
    if not report.outcome.complete:
        counts: Dict[str, Any] = next((value for kind, value in read(path + JOURNAL) if kind == "before"), {})
        report = report._replace(kernel=since_killed(counts))
    write_report(report, path)
    return report
