"""What a link trial brings back: one link, tried with every linker and memory option. Facts only, no judgement.

This is the one definition of the format; the agent writes it, `arm_ci.diagnosis.advice.link_trial_advice` reads it.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional, Tuple

from ..json_reader import JsonFormat
from ..report import REPORT_FORMAT, Report, ReportError, plain

SCHEMA = 1

FITS = "fits"
FAILED = "failed"
TOO_SLOW = "too slow"
BROKEN = "broken"
REFUSED = "refused"
ENDED = (FITS, FAILED, TOO_SLOW, BROKEN, REFUSED)
"""How a link ended: with a whole program; by itself without one; stopped at the time limit; with a program that is
broken although its linker said that all was well; because compiler or linker does not know an option."""


class TrialRow(NamedTuple):
    """One linker with one set of options."""

    linker: str
    """`lld`, `lld-19`; empty: that of the build, which is none of those."""
    options: Tuple[str, ...] = ()
    """The memory options, for the linker."""
    as_built: bool = False
    """The link as it was in the build."""
    program: str = ""
    """Name of the linker's program: `ld.lld`."""
    version: str = ""
    """What the linker says of itself."""
    by_directory: bool = False
    """The compiler does not know it by -fuse-ld=: it was put before it as `ld` in a directory (-B)."""
    argv: Tuple[str, ...] = ()
    """The command as it ran; empty: it did not."""
    ended: str = FAILED
    """One of ENDED."""
    why: str = ""
    """For `broken` and `refused`."""
    exit_status: Optional[int] = None
    signal: Optional[int] = None
    seconds: Optional[float] = None
    cpu_seconds: Optional[float] = None
    peak_rss_bytes: Optional[int] = None
    peak_anonymous_swap_bytes: Optional[int] = None
    peak_swap_bytes: Optional[int] = None
    peak_virtual_bytes: Optional[int] = None
    output_bytes: Optional[int] = None
    """Size of the program, when it was made."""
    log: str = ""
    """The last that compiler and linker said."""
    report: Optional[Report] = None
    """The agent's report of this link; its samples are left out where it fits."""


class TrialLink(NamedTuple):
    """The link that is tried, as it was in the build."""

    output: str
    directory: str
    argv: Tuple[str, ...] = ()
    exit_status: Optional[int] = None
    signal: Optional[int] = None
    peak_rss_bytes: Optional[int] = None
    peak_anonymous_swap_bytes: Optional[int] = None
    peak_virtual_bytes: Optional[int] = None


class TrialLimits(NamedTuple):
    """What every row had."""

    seconds: float
    """After which a link is too slow."""
    memory_bytes: Optional[int] = None
    """RAM, or less where a cgroup has a limit."""
    swap_bytes: Optional[int] = None
    rlimit_as_bytes: Optional[int] = None
    address_bits: int = 64
    in_cgroup: bool = False
    """Whether `memory_bytes` is a cgroup's limit."""


class TrialResult(NamedTuple):
    """A whole trial."""

    link: TrialLink
    limits: TrialLimits
    rows: Tuple[TrialRow, ...] = ()
    """In the order in which they ran."""
    absent: Tuple[str, ...] = ()
    """Linkers that this machine does not have: `mold`."""
    notes: Tuple[str, ...] = ()
    """In what this differs from the build, in sentences."""
    complete: bool = True
    """False: it was stopped before its last row."""

    def to_json(self) -> Dict[str, Any]:
        """The result as a JSON object."""
        document: Dict[str, Any] = {"schema": SCHEMA}
        document.update(plain(self._replace(rows=())))
        document["rows"] = [
            dict(plain(row._replace(report=None)), report=row.report and row.report.to_json()) for row in self.rows
        ]
        return document

    @classmethod
    def from_json(cls, document: Any) -> TrialResult:
        """Reads a JSON object. Raises ReportError."""
        result = _FORMAT.read(cls, document, "trial")
        for index, row in enumerate(result.rows):
            if row.ended not in ENDED:
                raise ReportError("trial.rows[{}].ended: one of {} was expected".format(index, ", ".join(ENDED)))
        return result


_FORMAT = JsonFormat("not a link trial", SCHEMA, ReportError, parts={Report: REPORT_FORMAT})
