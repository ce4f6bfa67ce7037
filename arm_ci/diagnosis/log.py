"""Reads a build log of any size and keeps the lines that count: streaming, in bounded memory.

Whole blocks are searched for a few short texts, which costs nothing to speak of; only the lines around a hit are looked
at with care. What is found does not depend on how the bytes are cut into pieces.
"""

from __future__ import annotations

import re
from dataclasses import replace

from arm_ci.agent.oom_records import OomRecord, parse_oom_records
from arm_ci.diagnosis import commands
from arm_ci.diagnosis.candidates import Budget, Candidates
from arm_ci.diagnosis.findings import Finding, LogFindings
from arm_ci.diagnosis.kept import Kept
from arm_ci.diagnosis.lines import Window
from arm_ci.diagnosis.outputs import Rebuilt
from arm_ci.diagnosis.recognisers import recognise
from arm_ci.diagnosis.text import readable, shortened, tools_own

BLOCK_BYTES = 1 << 18
"""What is searched at once; the memory that the scanner takes is a small multiple of it."""
TAIL_LINES = 40
"""Lines at the end of the log that are all looked at: there stands why it ended."""
CONTEXT_LINES = 14
"""Lines before a build tool's `failed` that are all looked at: there stands why, in whichever words."""
BLOCK_LINES = 60
"""Lines of a failed edge of ninja that are all looked at, from its command on."""
MOST_KILLS = 50
LONGEST_COMMAND = 4000

_STATUS = re.compile(rb"^(?:\x1b\[[0-9;]*m)*\[ *\d+[/%\]]|^ninja: ", re.MULTILINE)
_DONE = re.compile(
    r"^\[ *(?P<n>\d+)/(?P=n)\] |^\[100%\] Built target |^ninja: no work to do|^Finished: SUCCESS|^BUILD SUCCESS"
    r"|^Build succeeded"
    r"|^(?:\S*/)?g?make(?:\[\d+\])?: (?:Nothing to be done for|'[^']*' is up to date)|^##\[section\]Finishing"
)
_BITS32 = re.compile(
    rb"\b(?:arm-(?:\w+-)?linux-\w*eabi(?:hf)?|armv[5-7](?:l|hl|hnl|hf|tel|nl)?(?=[-_\s/.;,)]|$)|armhf"
    rb"|i[3-6]86-[\w-]+|mingw32(?=[/\\])|win32 machine|elf32-\w+\.c)"
)
_BITS64 = re.compile(rb"\b(?:x86_64|amd64|aarch64|arm64|mingw64|ppc64|riscv64|s390x)\b")


class LogScanner:
    """Fed with the bytes of a log in pieces of any size; asked once at the end."""

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._window = Window()
        self._candidates = Candidates()
        self._kept = Kept()
        self._contexts = Budget(first=600, per_block=4)
        self._lookups = Budget(first=400, per_block=2)
        self._rebuilt = Rebuilt()
        self._edge: Finding | None = None
        self._edge_lines = 0
        self._looked: set[int] = set()
        self._bits32 = ""
        self._kernel: list[OomRecord] = []
        self._bytes = 0

    def feed(self, data: bytes) -> None:
        """The next piece."""
        self._bytes += len(data)
        start = 0
        while self._pending_bytes + len(data) - start >= BLOCK_BYTES:
            stop = start + BLOCK_BYTES - self._pending_bytes
            self._pending.append(data[start:stop])
            start = stop
            self._cut(b"".join(self._pending))
        if start < len(data):
            self._pending.append(data[start:])
            self._pending_bytes += len(data) - start

    def finish(self) -> LogFindings:
        """What the log says. Nothing can be fed afterwards."""
        self._scan(b"".join(self._pending), last=True)
        done, done_line = self._end()
        findings = self._kept.all()
        return LogFindings(
            findings=findings,
            left_out=self._kept.left_out,
            lines=self._window.lines,
            bytes=self._bytes,
            bits32=self._bits32,
            rebuilt=self._rebuilt.names(),
            succeeded=done,
            succeeded_line=done_line,
            kernel=tuple(self._kernel),
        )

    def _cut(self, block: bytes) -> None:
        # After the last whole line, wherever the pieces ended; a line longer than a block is cut anywhere.
        end = block.rfind(b"\n") + 1 or block.rfind(b"\r") + 1 or len(block)
        rest = block[end:]
        self._pending = [rest] if rest else []
        self._pending_bytes = len(rest)
        self._scan(block[:end])

    def _scan(self, block: bytes, last: bool = False) -> None:
        window = self._window
        window.append(block)
        self._looked = {place for place in self._looked if place >= window.offset}
        self._candidates.new_block()
        self._contexts.new_block()
        self._lookups.new_block()
        begin = window.begin
        if self._edge is not None:
            self._follow_edge(begin, first=True)
        hits = self._candidates.find(window.text, begin)
        for place in hits:
            self._look(place)
        if self._edge is not None:
            self._close_edge(len(window.text))
        if last:
            for place in window.lines_before(len(window.text), TAIL_LINES):
                self._look(place)
            for place in self._candidates.find_late(window.text):
                self._look(place)
            if self._edge is not None:
                self._close_edge(len(window.text))
                self._end_edge(window.lines)
        self._rebuilt.look(window, begin)

    def _look(self, place: int) -> None:
        """Looks at the line that holds this place of the window."""
        window = self._window
        start, stop = window.line(place)
        if window.offset + start in self._looked:
            return
        self._looked.add(window.offset + start)
        if self._edge is not None and start >= window.begin:
            self._close_edge(start)
        text = readable(window.text[start:stop])
        if not text:
            return
        found = recognise(text)
        if found is not None:
            self._found(found, text, start, stop)

    def _found(self, found: Finding, text: str, start: int, stop: int) -> None:
        window = self._window
        number = window.number(start)
        command = found.command
        if found.means == "edge-failed":
            command = self._open_edge(number, stop)
        elif found.means == "target-failed":
            self._around(start)
            if self._lookups.take():
                command = commands.command_of(window, found.output, start)
        nearby = ""
        if found.means not in ("edge-failed", "target-failed") and not command and self._lookups.take():
            nearby = commands.command_before(window, start)
        if not found.output and found.means in ("network", "patch"):
            found = replace(found, output=commands.named_before(window, start, found))
        if found.means == "linker-failed":
            self._around(start)
        if found.means in ("refused", "too-large", "not-loaded") and not self._bits32:
            self._bits32 = _bits32(window.text)
        if found.means == "kernel-kill" and len(self._kernel) < MOST_KILLS:
            self._read_kernel(start, number)
        finding = replace(
            found,
            line=number,
            text=shortened(tools_own(text)),
            command=shortened(command, LONGEST_COMMAND),
            nearby=shortened(nearby, LONGEST_COMMAND),
        )
        if finding.means == "edge-failed":
            self._edge = finding
            self._edge_lines = 0
            self._follow_edge(stop)
        else:
            self._kept.add(finding)
        if finding.means in ("edge-failed", "target-failed"):
            self._rebuilt.failed(finding.output, number)

    # An edge of ninja: `FAILED: out`, its command, what it printed, until the next status line.

    def _open_edge(self, number: int, stop: int) -> str:
        window = self._window
        if self._edge is not None:
            self._end_edge(number - 1)
        start = stop + 1
        end = window.text.find(b"\n", start)
        line = window.text[start : end if end >= 0 else len(window.text)]
        return readable(line[:65536]).strip()

    def _follow_edge(self, place: int, first: bool = False) -> None:
        """Looks at all lines of the edge's output, up to a number."""
        if not first and not self._contexts.take():
            return
        text = self._window.text
        close = _STATUS.search(text, max(0, place - 1) if place else 0)
        end = close.start() if close else len(text)
        while self._edge_lines < BLOCK_LINES and place < end:
            self._edge_lines += 1
            edge = self._edge
            self._look_inside(place)
            if self._edge is not edge:
                return
            next_line = text.find(b"\n", place)
            if next_line < 0:
                return
            place = next_line + 1

    def _look_inside(self, place: int) -> None:
        edge, self._edge = self._edge, None
        try:
            self._look(place)
        finally:
            if self._edge is None:
                self._edge = edge

    def _close_edge(self, place: int) -> None:
        """Ends the open edge when a status line stands before this place."""
        window = self._window
        edge = self._edge
        if edge is None:
            return
        begin = max(window.begin, window.start_of(edge.line + 1))
        close = _STATUS.search(window.text, begin, place)
        if close is None:
            return
        number = window.number(close.start())
        for each in window.lines_before(close.start(), CONTEXT_LINES):
            if window.number(each) > edge.line:
                self._look_inside(each)
        if self._edge is edge:
            self._end_edge(number - 1)

    def _end_edge(self, last_line: int) -> None:
        edge = self._edge
        if edge is not None:
            self._kept.add(replace(edge, last_line=last_line))
            self._edge = None

    def _around(self, start: int) -> None:
        if self._contexts.take():
            for place in self._window.lines_before(start, CONTEXT_LINES):
                self._look_inside(place)

    def _read_kernel(self, start: int, number: int) -> None:
        window = self._window
        places = [*window.lines_before(start, 150), start]
        lines = [readable(window.text[slice(*window.line(place))]) for place in places]
        for record in parse_oom_records(lines):
            if record.line == len(lines):
                self._kernel.append(record._replace(line=number))

    def _end(self) -> tuple[str, int]:
        window = self._window
        for place in reversed(window.lines_before(len(window.text), TAIL_LINES)):
            text = tools_own(readable(window.text[slice(*window.line(place))]))
            if _DONE.match(text):
                return shortened(text), window.number(place)
        return "", 0


def _bits32(text: bytes) -> str:
    """The first name of a 32-bit machine in this part of the log, unless a 64-bit one stands there too."""
    match = _BITS32.search(text)
    if match is None or _BITS64.search(text):
        return ""
    return match[0].decode("ascii", "replace")
