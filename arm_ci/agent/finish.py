"""After an agent that was killed: ends what it left running, and makes the report of its journal.

What the kernel has done since the agent began is read again: the kill may be the agent's own.
"""

from __future__ import annotations

import os
from typing import Optional

from . import host
from .journal import JOURNAL, assemble, read
from .kernel_log import KernelLog
from .leftovers import MARK, end_this_build
from .report import Kernel, Report, parse_oom_records
from .write import write_report


def finish(path: str) -> Report:
    """The report at `path`, made if it is not there. Raises OSError and ReportError where there is no journal."""
    mark = os.environ.get(MARK)
    if mark:
        end_this_build(mark)
    report = assemble(path + JOURNAL)
    if not report.outcome.complete:
        before = {}
        for kind, value in read(path + JOURNAL):
            if kind == "before":
                before = value
                break
        report = report._replace(kernel=_kernel(report.kernel, before.get("oom_kill"), before.get("uptime", 0.0)))
    write_report(report, path)
    return report


def _kernel(known: Kernel, oom_kills_before: Optional[int], since: float) -> Kernel:
    after = host.counters().get("oom_kill")
    kills = None if after is None or oom_kills_before is None else after - oom_kills_before
    return known._replace(oom_kills=kills, records=tuple(parse_oom_records(KernelLog(since=since).lines())))
