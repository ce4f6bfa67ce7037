"""The report: what the agent brings back about one command that it watched. Facts only, no judgement.

This is the one definition of the format; the agent writes it, `arm_ci.diagnosis` reads it, and older versions are read
for ever. Bytes and seconds everywhere, and in the names. A figure that could not be seen is None, never 0.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .json_reader import JsonFormat
from .whole_file import write_whole

SCHEMA = 2
"""Version of the format. A reader refuses a newer one; what is added without a new version has a default.

2: fields that were called otherwise before, see FORMER_NAMES.
"""

SAMPLE_COLUMNS = (
    "seconds",
    "memory_available_bytes",
    "swap_used_bytes",
    "committed_bytes",
    "swapped_in_bytes",
    "swapped_out_bytes",
    "pressure_some_seconds",
    "pressure_full_seconds",
    "cgroup_bytes",
    "cgroup_swap_bytes",
    "edges_running",
    "edges_bytes",
    "free_disk_bytes",
    "free_temporary_bytes",
)
"""Columns of `Samples.rows`. `seconds` since the start of the command; `swapped_*` and `pressure_*` are counters of the
machine since that start; `edges_bytes` is what the running edges hold in RAM and swap; `free_temporary_bytes` is the
free space of TMPDIR. A value that cannot be read on this machine is None in every row."""

EDGE_KINDS = ("compile", "archive", "link", "other")
OOM_KILL = "oom-kill"
FILE_PAGES = "file pages"
"""Why an edge runs again: memory killed it, or the agent has ended it to make room for those."""


class ReportError(ValueError):
    """A text that is no report: the message says what was expected where."""


class Limits(NamedTuple):
    """What the command could have at most when it started."""

    memory_bytes: int = 0
    """MemTotal of /proc/meminfo."""
    swap_bytes: int = 0
    """SwapTotal, zram included."""
    zram_bytes: int = 0
    """Size of the zram devices that swap uses; their pages stand in RAM, compressed."""
    address_bits: int = 64
    """Size of a pointer of the userland's programs."""
    address_top_bytes: Optional[int] = None
    """End of the highest user mapping of a process of that size: some 2 or 3 GB on 32 bits."""
    rlimit_as_bytes: Optional[int] = None
    """RLIMIT_AS (ulimit -v); None: unlimited."""
    rlimit_data_bytes: Optional[int] = None
    rlimit_fsize_bytes: Optional[int] = None
    overcommit_mode: int = 0
    """/proc/sys/vm/overcommit_memory: 0 heuristic, 1 always, 2 never beyond the commit limit."""
    commit_limit_bytes: Optional[int] = None
    committed_bytes: Optional[int] = None
    """Committed_AS before the command."""
    cgroup_version: int = 0
    """0: no memory controller could be used."""
    cgroup_limit_bytes: Optional[int] = None
    """The lowest memory limit of the command's cgroup and those above it; None: unlimited."""
    cgroup_swap_limit_bytes: Optional[int] = None
    """How much of swap that cgroup may use; None: unlimited."""
    free_disk_bytes: Optional[int] = None
    free_temporary_bytes: Optional[int] = None


class Edge(NamedTuple):
    """One command of the build graph, as it ran."""

    number: int
    argv: Tuple[str, ...]
    directory: str
    program: str
    """Name of the program that was started, without its directory: `g++`."""
    output: str
    """As the command names it, relative to `directory`; empty when it names none."""
    kind: str
    """One of EDGE_KINDS."""
    start_seconds: float
    """Since the start of the command."""
    end_seconds: Optional[float] = None
    """None: it was running when the report ended."""
    exit_status: Optional[int] = None
    signal: Optional[int] = None
    cpu_seconds: Optional[float] = None
    peak_rss_bytes: Optional[int] = None
    """Largest resident set of one of its processes (ru_maxrss), file pages included."""
    peak_anonymous_swap_bytes: Optional[int] = None
    """Largest sum of anonymous memory in RAM and of swap over its processes, as sampled."""
    peak_swap_bytes: Optional[int] = None
    peak_virtual_bytes: Optional[int] = None
    """Largest address space of one of its processes (VmPeak), as sampled."""
    heaviest: str = ""
    """Name of its process with the largest memory, as the kernel knows it (15 characters): `cc1plus`, `ld`."""
    address_bits: Optional[int] = None
    """Size of a pointer of that process."""
    pids: Tuple[int, ...] = ()
    """Its processes as far as they were seen, the started one first."""
    attempts: int = 1
    """Which try of its command this was, from 1; every try is an edge of its own here."""
    run_again: str = ""
    """Why its command was run again after this try: `OOM_KILL` or `FILE_PAGES`; empty: it was not."""
    waited_seconds: float = 0.0
    """How long it was held back before `start_seconds`."""
    suspended_seconds: float = 0.0
    """How long it was suspended: the machine paged too much, or what it would take next was not free yet."""
    expected_bytes: Optional[int] = None
    """What admission expected as its peak of anonymous memory and swap; None: nothing asked."""
    expected_by: str = ""
    """What that rests on: `history`, `similar`, `inputs`, `default`."""
    alone: bool = False
    """Whether nothing else was let in beside it."""
    partial_start: bool = False
    """Whether it started before all was free that it was expected to need."""
    fallback: str = ""
    """How it was built differently from what the build asked for, in words: `-g0 instead of -g`; empty: as asked."""
    inputs: Tuple[str, ...] = ()
    """Of an archive or a link: the files that it is made of, as the command names them."""
    inputs_bytes: Optional[int] = None
    """Their size when it began."""
    peak_file_bytes: Optional[int] = None
    """File pages in the resident set of its largest process, at most, as sampled."""
    fingerprint: str = ""
    """Program and options that decide about memory, as peaks.fingerprint has them, where `argv` was shortened."""

    @property
    def wall_seconds(self) -> Optional[float]:
        """From start to end."""
        return None if self.end_seconds is None else self.end_seconds - self.start_seconds

    @property
    def failed(self) -> bool:
        """Whether it ended, and not well."""
        return bool(self.signal) or bool(self.exit_status)


class Samples(NamedTuple):
    """The machine over time: at most some thousand rows, evenly thinned."""

    columns: Tuple[str, ...] = SAMPLE_COLUMNS
    rows: Tuple[Tuple[Optional[float], ...], ...] = ()

    def column(self, name: str) -> List[Optional[float]]:
        """A column; empty when the report does not have it."""
        if name not in self.columns:
            return []
        index = self.columns.index(name)
        return [row[index] for row in self.rows]


class OomRecord(NamedTuple):
    """One kill of the kernel's OOM killer, as its log tells it."""

    program: str
    """Name of the killed process as the kernel knows it (15 characters)."""
    pid: int
    scope: str = ""
    """`system`, `cgroup`, or empty when the log does not say."""
    cgroup: str = ""
    """The cgroup whose limit was reached (`oom_memcg`), for scope `cgroup`."""
    task_cgroup: str = ""
    total_virtual_bytes: Optional[int] = None
    anonymous_bytes: Optional[int] = None
    file_bytes: Optional[int] = None
    swap_bytes: Optional[int] = None
    """Swap of the killed process, from the list of tasks."""
    limit_bytes: Optional[int] = None
    """Limit of that cgroup; for scope `system` the machine's RAM when the log gives it."""
    free_swap_bytes: Optional[int] = None
    """What of swap was left: the machine's, or for scope `cgroup` what its limit left it."""
    seconds: Optional[float] = None
    """Time stamp of the line, since boot."""
    text: str = ""
    """The line that says whom it killed, without time stamp."""
    line: int = 0
    """Number of that line in the log it was read from, from 1."""


class Kernel(NamedTuple):
    """What the kernel did while the command ran."""

    oom_kills: Optional[int] = None
    """How much `oom_kill` of /proc/vmstat grew: kills of any scope, anywhere on the machine."""
    cgroup_oom_kills: Optional[int] = None
    """The same of the command's own cgroup (memory.events or memory.oom_control)."""
    cgroup_limit_hits: Optional[int] = None
    """How often that cgroup itself was out of memory (`oom` of memory.events); None where only version 1 is there."""
    records: Tuple[OomRecord, ...] = ()


class Unseen(NamedTuple):
    """Something that this machine does not let the agent see."""

    what: str
    """What is missing in the report: `memory cgroup`."""
    why: str
    cure: str = ""
    """What would show it: a word for cmdline.txt, a group, a setting."""


class Visibility(NamedTuple):
    """Which sources were readable."""

    cgroup: str = ""
    """`own cgroup (v1)`, `own cgroup (v2)`, `systemd scope (v2)`; empty: a process group only."""
    cgroup_path: str = ""
    """That cgroup as the kernel's log names it (`task_memcg`); empty: none of its own."""
    kernel_log: str = ""
    """`kmsg`, `dmesg`, `journal`; empty: none."""
    pressure: bool = False
    unseen: Tuple[Unseen, ...] = ()


class Outcome(NamedTuple):
    """How the command ended."""

    exit_status: Optional[int] = None
    signal: Optional[int] = None
    stopped: str = ""
    """Why the agent stopped it: `signal 15`; empty: it ended by itself."""
    seconds: float = 0.0
    complete: bool = False
    """False: the agent itself was killed, and this is what it had written until then."""


class Admission(NamedTuple):
    """How edges were let in."""

    cores: int = 0
    """At most so many at once; 0: everything was let in at once."""
    budget_bytes: int = 0
    """RAM for edges when the command began."""
    swap_bytes: int = 0
    """Swap that was free for them then."""
    learned: int = 0
    """Edges of earlier builds whose peaks were known."""
    most_waiting: int = 0
    suspensions: int = 0
    """How often running edges were suspended because the machine paged too much."""
    partial_starts: int = 0
    """How many edges started before all was free that they were expected to need."""
    partial_start_suspensions: int = 0
    """How often those were suspended until it was."""
    does_not_fit: str = ""
    """Output of the edge that did not fit alone and for which the build was stopped; empty: there was none."""
    stood_still: bool = False
    """Whether the agent ended it, for it only read its file pages again and again; else memory killed it."""


class Report(NamedTuple):
    """Everything about one command."""

    command: Tuple[str, ...] = ()
    directory: str = ""
    started: float = 0.0
    """Seconds since the epoch."""
    host: Dict[str, Any] = {}
    """What the probe said of the machine: `machine`, `architecture`, `os`, `kernel`, `cores`, ..."""
    limits: Limits = Limits()
    outcome: Outcome = Outcome()
    edges: Tuple[Edge, ...] = ()
    """In the order of their start."""
    samples: Samples = Samples()
    kernel: Kernel = Kernel()
    visibility: Visibility = Visibility()
    admission: Admission = Admission()

    def to_json(self) -> Dict[str, Any]:
        """The report as a JSON object."""
        document: Dict[str, Any] = {"schema": SCHEMA}
        document.update(plain(self))
        return document

    @classmethod
    def from_json(cls, document: Any) -> Report:
        """Reads a JSON object. Raises ReportError naming the key that is missing or of another type."""
        return REPORT_FORMAT.read(cls, document, "report")

    @classmethod
    def from_text(cls, text: str) -> Report:
        """Reads JSON text. Raises ReportError."""
        return cls.from_json(REPORT_FORMAT.of_text(text))


def plain(value: Any) -> Any:
    """Named tuples as objects, tuples as lists: what json.dumps takes."""
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        if fields is not None:
            return {name: plain(getattr(value, name)) for name in fields}
        return [plain(each) for each in value]
    return value


def write_report(report: Report, path: str) -> bool:
    """Writes a report whole or not at all; whether it could be. When the disk is full the journal beside it remains."""
    try:
        write_whole(path, json.dumps(report.to_json(), separators=(",", ":")).encode("ascii"))
    except OSError:
        return False
    return True


def read_report(path: str) -> Report:
    """The report in a file. Raises OSError and ReportError."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return Report.from_text(file.read())


FORMER_NAMES = {
    Report: {"visibility": "how"},
    Edge: {
        "fallback": "relief",
        "fingerprint": "way",
        "suspended_seconds": "held_seconds",
        "partial_start": "in_part",
    },
    Admission: {
        "suspensions": "holds",
        "partial_starts": "part_starts",
        "partial_start_suspensions": "part_holds",
    },
}
"""What fields were called in version 1."""


def _upgraded(report: Report) -> Report:
    """Of version 1: similar edges were `kin`."""
    edges = (edge._replace(expected_by="similar") if edge.expected_by == "kin" else edge for edge in report.edges)
    return report._replace(edges=tuple(edges))


REPORT_FORMAT = JsonFormat("not a report", SCHEMA, ReportError, FORMER_NAMES, upgrade=_upgraded)
