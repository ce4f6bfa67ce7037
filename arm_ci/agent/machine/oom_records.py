"""The kernel's OOM killer in its own words: which process it killed, which limit stopped it, what was there.

Reads what dmesg, journalctl -k, syslog or /dev/kmsg show of kernels 3.x to 6.x (mm/oom_kill.c, mm/memcontrol.c).
The kernel writes a block of lines for each: who asked, the limit, a table of tasks, the choice, the kill.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any, Deque, Dict, Iterable, List, Match, NamedTuple, Optional, Tuple

from ..report import OomRecord
from ..units import KIBIBYTE

_USUAL_PAGE_BYTES = 4096
MOST_RECORDS = 1000
"""Of a log with more kills the last ones are kept."""

_MOST_TASKS = 10000
_LONGEST_LINE = 8192
_LONGEST_PREFIX = 300
# A limit that is none is written as the largest number of pages, in kB.
_UNLIMITED_KB = 1 << 50
_PAGE_SIZES = (4096, 16384, 65536)


def parse_oom_records(lines: Iterable[str], page_bytes: int = _USUAL_PAGE_BYTES) -> List[OomRecord]:
    """Every kill in these lines, in their order; of more than MOST_RECORDS the last ones.

    `page_bytes` is the page size of that machine; it only matters where the block itself does not show it. Lines
    that are not of the OOM killer are passed over; nothing in them raises.
    """
    parser = OomParser(page_bytes)
    found: Deque[OomRecord] = deque(maxlen=MOST_RECORDS)
    for line in lines:
        found.extend(parser.feed(line))
    found.extend(parser.finish())
    return list(found)


class _Choice(NamedTuple):
    """Whom the kernel chose, before it says that it killed."""

    program: str
    pid: int
    seconds: Optional[float]
    text: str
    line: int


class _Block:
    """What the lines of one block said so far."""

    def __init__(self) -> None:
        self.scope = ""
        self.cgroup = ""
        self.task_cgroup = ""
        self.memory_limit_kb: Optional[int] = None
        self.cgroup_swap_kb: Optional[int] = None
        self.free_swap_kb: Optional[int] = None
        self.ram_pages: Optional[int] = None
        self.reserved_pages = 0
        self.swap_column = 0
        self.tasks: Optional[Dict[int, Tuple[int, int]]] = None
        """Of each process: its address space and its swap, in pages. None: no table was seen."""
        self.chosen: Optional[_Choice] = None
        self.killed = False
        self.group = False


_INVOKED = re.compile(r"invoked oom-killer: ")
_TASK_IN = re.compile(r"Task in (\S+) killed as a result of limit of (\S+)")
_GROUP = re.compile(r"Tasks in \S+ are going to be killed due to memory\.oom\.group set")
_USAGE = re.compile(r"(?<![\w+])(memory|swap|memory\+swap): usage (\d{1,20})kB, limit (\d{1,20})kB, failcnt ")
_FREE_SWAP = re.compile(r"Free swap +[=:] *(\d{1,20})kB")
_RAM = re.compile(r"(\d{1,15}) pages (?:of )?RAM$")
_RESERVED = re.compile(r"(\d{1,15}) (?:pages reserved|reserved pages)$")
_TASK_TABLE = re.compile(r"\[ *pid *\] +uid +tgid +total_vm +(.{0,200})\bname$")
_TASK = re.compile(r"\[ *(\d{1,10})\] +\d{1,10} +\d{1,10} +(\d{1,15}) +([-\d ]{1,200})")
_CONSTRAINT = re.compile(r"oom-kill:constraint=CONSTRAINT_(\w{1,30}),.*?,task=(.{0,64}),pid=(\d{1,10}),uid=\d")
_OOM_CGROUP = re.compile(r",oom_memcg=(.*?),task_memcg=")
_TASK_CGROUP = re.compile(r",task_memcg=(.*),task=")
_OUT_OF_MEMORY = r"(?:(?P<scope>Memory cgroup out of memory|Out of memory)(?: \(\w{1,40}\))?: )?"
_CHOSEN = re.compile(_OUT_OF_MEMORY + r"Kill process (?P<pid>\d{1,10}) \((?P<program>.{0,64})\) score \d")
_KILLED = re.compile(
    _OUT_OF_MEMORY + r"Killed process (?P<pid>\d{1,10}) \((?P<program>.{0,64}?)\)(?:, UID:? ?\d{1,10},)? "
    r"total-vm:(?P<virtual>\d{1,15})kB, anon-rss:(?P<anonymous>\d{1,15})kB"
    r"(?:, file-rss:(?P<file>\d{1,15})kB)?(?:, shmem-rss:(?P<shared>\d{1,15})kB)?"
)
_ESCAPE = re.compile(r"\x1b\[[0-9;]{0,20}m")
# What log formats write before the kernel's own words, piece by piece. A text that has anything else before the
# words is not the kernel's: a line of source, a name in quotes, a message of another program.
_PREFIX_PARTS = re.compile(
    r"\s+"
    r"|<\d{1,4}>"
    r"|\d{1,4},\d{1,12},(?P<microseconds>\d{1,16}),[^;]{0,100};"  # /dev/kmsg
    r"|\[ *(?P<seconds>\d{1,10}\.\d{1,9})\]"  # dmesg
    r"|\[[^\]]{1,60}\]"  # dmesg -T, the caller
    r"|(?:\w{2,9}\.? )?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S{0,20}(?: [A-Z]{2,5}\b)?"
    r"|(?:\w{3,9}\.? +)?\w{3,5}\.? +\d{1,2} \d\d:\d\d:\d\d(?:\.\d{1,9})?"  # syslog, journalctl
    r"|\d\d:\d\d:\d\d(?:\.\d{1,9})?"
    r"|(?:\S{1,100} )?kernel:"
    r"|[\w.-]{1,60} +\|"  # docker compose and the like
)


class OomParser:
    """Reads line by line. What it keeps is bounded: the figures of one block and its table of tasks."""

    def __init__(self, page_bytes: int = _USUAL_PAGE_BYTES) -> None:
        self._page_bytes = page_bytes
        self._block = _Block()
        self._number = 0

    def feed(self, line: str) -> List[OomRecord]:
        """Reads the next line; returns the kills that are settled with it."""
        self._number += 1
        line = line[:_LONGEST_LINE].rstrip()
        if "\x1b" in line:
            line = _ESCAPE.sub("", line)
        # Cheap looks before the expressions: a log is long, and these lines are few.
        if "Kill" in line or "oom" in line or "killed as" in line:
            found = self._read_kill(line)
            if found is not None:
                return found
        self._read_figures(line)
        return []

    def finish(self) -> List[OomRecord]:
        """What the last block still holds: a choice whose kill the log does not show."""
        return self._begin()

    def _begin(self) -> List[OomRecord]:
        """Begins a new block."""
        before, self._block = self._block, _Block()
        chosen = before.chosen
        if chosen is None:
            return []
        return [_settled(before, chosen.program, chosen.pid, self._page_bytes)._replace(**_place(chosen))]

    def _read_kill(self, line: str) -> Optional[List[OomRecord]]:
        """The lines that begin a block, choose and kill; None: it is none of them."""
        if _INVOKED.search(line):
            return self._begin()
        match = _KILLED.search(line)
        if match:
            return self._killed(line, match)
        match = _CHOSEN.search(line)
        if match:
            return self._chosen(line, match)
        match = _CONSTRAINT.search(line)
        if match:
            return self._constraint(line, match)
        match = _TASK_IN.search(line)
        if match:
            self._open()
            self._block.scope = "cgroup"
            self._block.task_cgroup, self._block.cgroup = match.groups()
            return []
        if _GROUP.search(line):
            self._block.group = True
            return []
        return None

    def _open(self) -> None:
        # After a kill the next line of figures belongs to the next block, also where its first lines are lost.
        if self._block.killed:
            self._block = _Block()

    def _killed(self, line: str, match: Match[str]) -> Optional[List[OomRecord]]:
        prefix = _prefix(line[: match.start()])
        if prefix is None:
            return None
        if not self._block.group:
            self._open()
        block = self._block
        block.scope = _scope(match, block)
        block.chosen = None
        block.killed = True
        pid = int(match.group("pid"))
        virtual_kb = int(match.group("virtual"))
        record = _settled(block, match.group("program"), pid, _page_bytes(block, pid, virtual_kb, self._page_bytes))
        in_files = [int(value) for value in (match.group("file"), match.group("shared")) if value]
        return [
            record._replace(
                total_virtual_bytes=virtual_kb * KIBIBYTE,
                anonymous_bytes=int(match.group("anonymous")) * KIBIBYTE,
                file_bytes=sum(in_files) * KIBIBYTE if in_files else None,
                seconds=prefix.seconds,
                text=line[match.start() :],
                line=self._number,
            )
        ]

    def _chosen(self, line: str, match: Match[str]) -> Optional[List[OomRecord]]:
        return self._choose(line, match, match.group("program"), match.group("pid"), _scope(match, self._block))

    def _constraint(self, line: str, match: Match[str]) -> Optional[List[OomRecord]]:
        scope = "cgroup" if match.group(1) == "MEMCG" else "system"
        found = self._choose(line, match, match.group(2), match.group(3), scope)
        if found is not None:
            cgroup, task_cgroup = _OOM_CGROUP.search(line), _TASK_CGROUP.search(line)
            self._block.cgroup = cgroup.group(1) if cgroup else ""
            self._block.task_cgroup = task_cgroup.group(1) if task_cgroup else ""
        return found

    def _choose(self, line: str, match: Match[str], program: str, pid: str, scope: str) -> Optional[List[OomRecord]]:
        prefix = _prefix(line[: match.start()])
        if prefix is None:
            return None
        # Kernels about 5.0 name their choice twice. Another choice without a kill between them: that line is lost.
        chosen = self._block.chosen
        settled = self._begin() if self._block.killed or (chosen and chosen.pid != int(pid)) else []
        self._block.scope = scope
        self._block.chosen = _Choice(program, int(pid), prefix.seconds, line[match.start() :], self._number)
        return settled

    def _read_figures(self, line: str) -> None:
        """The lines of a block that say what there was."""
        if "kB" in line:
            self._read_limits(line)
        elif "pages" in line:
            match = _RAM.search(line)
            if match:
                self._open()
                self._block.ram_pages = int(match.group(1))
            match = _RESERVED.search(line)
            if match and not self._block.killed:
                self._block.reserved_pages = int(match.group(1))
        elif "total_vm" in line or self._block.tasks is not None:
            self._read_task(line)

    def _read_limits(self, line: str) -> None:
        match = _USAGE.search(line)
        if match:
            self._open()
            usage, limit = int(match.group(2)), int(match.group(3))
            if limit >= _UNLIMITED_KB:
                return
            if match.group(1) == "memory":
                self._block.memory_limit_kb = limit
            else:
                self._block.cgroup_swap_kb = max(limit - usage, 0)
        match = _FREE_SWAP.search(line)
        if match:
            self._open()
            self._block.free_swap_kb = int(match.group(1))

    def _read_task(self, line: str) -> None:
        """The table of tasks. Its columns differ: from 6.9 on `rss` has three more beside it."""
        match = _TASK_TABLE.search(line)
        if match:
            self._open()
            columns = match.group(1).split()
            if "swapents" in columns:
                self._block.swap_column, self._block.tasks = columns.index("swapents"), {}
            return
        block = self._block
        match = None if block.killed or block.tasks is None else _TASK.search(line)
        if not match or block.tasks is None or len(block.tasks) >= _MOST_TASKS:
            return
        values = match.group(3).split()
        if block.swap_column < len(values) and values[block.swap_column].isdigit():
            block.tasks[int(match.group(1))] = int(match.group(2)), int(values[block.swap_column])


class _Prefix(NamedTuple):
    seconds: Optional[float]


def _prefix(text: str) -> Optional[_Prefix]:
    """What stands before the kernel's words, when it is what log formats write there; else None."""
    if len(text) > _LONGEST_PREFIX:
        return None
    seconds = None
    position = 0
    while position < len(text):
        match = _PREFIX_PARTS.match(text, position)
        if not match:
            return None
        if match.group("seconds"):
            seconds = float(match.group("seconds"))
        elif match.group("microseconds"):
            seconds = int(match.group("microseconds")) / 1e6
        position = match.end()
    return _Prefix(seconds)


def _scope(match: Match[str], block: _Block) -> str:
    """The scope as the line itself says it, else as the block said it before."""
    words = match.group("scope")
    if not words:
        return block.scope
    return "cgroup" if words.startswith("Memory cgroup") else "system"


def _place(chosen: _Choice) -> Dict[str, Any]:
    return {"seconds": chosen.seconds, "text": chosen.text, "line": chosen.line}


def _page_bytes(block: _Block, pid: int, virtual_kb: int, default: int) -> int:
    """The page size: the table has the killed process's address space in pages, the kill in kB."""
    pages = (block.tasks or {}).get(pid, (0, 0))[0]
    if not pages:
        return default
    shown = virtual_kb * KIBIBYTE / pages
    nearest = min(_PAGE_SIZES, key=lambda size: abs(size - shown))
    return nearest if abs(nearest - shown) < nearest / 4 else default


def _settled(block: _Block, program: str, pid: int, page_bytes: int) -> OomRecord:
    """What the block says about the one it killed."""
    in_cgroup = block.scope == "cgroup"
    if in_cgroup:
        limit = _bytes(block.memory_limit_kb)
        free_swap = _bytes(block.cgroup_swap_kb if block.free_swap_kb is None else block.free_swap_kb)
    else:
        limit = None if block.ram_pages is None else max(block.ram_pages - block.reserved_pages, 0) * page_bytes
        free_swap = _bytes(block.free_swap_kb)
    return OomRecord(
        program=program,
        pid=pid,
        scope=block.scope,
        cgroup=block.cgroup if in_cgroup else "",
        task_cgroup=block.task_cgroup,
        swap_bytes=block.tasks[pid][1] * page_bytes if block.tasks and pid in block.tasks else None,
        limit_bytes=limit,
        free_swap_bytes=free_swap,
    )


def _bytes(kilobytes: Optional[int]) -> Optional[int]:
    return None if kilobytes is None else kilobytes * KIBIBYTE
