"""Reads a build log of any size and keeps the lines that count: streaming, in bounded memory.

Whole blocks are searched for a few short texts, which costs nothing to speak of; only the lines around a hit are looked
at with care. What is found does not depend on how the bytes are cut into pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from arm_ci.agent.machine.oom_records import parse_oom_records
from arm_ci.agent.output_lines import PREFIX
from arm_ci.agent.report import OomRecord
from arm_ci.diagnosis.reading import logged_commands
from arm_ci.diagnosis.reading.bounded_findings import BoundedFindings
from arm_ci.diagnosis.reading.clean_text import readable, shortened, tools_own
from arm_ci.diagnosis.reading.findings import Finding, LogFindings
from arm_ci.diagnosis.reading.log_window import LONGEST_LINE, LogWindow
from arm_ci.diagnosis.reading.rebuilt_outputs import RebuiltOutputs
from arm_ci.diagnosis.reading.recognisers import recognise
from arm_ci.diagnosis.reading.status_lines import next_status
from arm_ci.diagnosis.reading.telling_lines import Allowance, TellingLines

BLOCK_BYTES = 1 << 18
"""What is searched at once; the memory that the scanner takes is a small multiple of it."""
TAIL_LINES = 40
"""Lines at the end of the log that are all looked at: there stands why it ended."""
CONTEXT_LINES = 14
"""Lines before a build tool's `failed` that are all looked at: there stands why, in whichever words."""
BLOCK_LINES = 60
"""Lines of a failed edge of ninja that are all looked at, from its command on."""
MOST_KILLS = 50
LINES_BELOW = 4
_EXPLAINED_ABOVE = ("target-failed", "linker-failed")
_EXPLAINED_BELOW = ("refused", "crashed", "disk-full")
"""LLVM names the program only below its error."""
_OF_ADDRESSES = ("refused", "too-large", "not-loaded")
"""Where it counts whether the tools were 32-bit programs."""
LONGEST_COMMAND = 4000
_AGENT_PREFIX = PREFIX.encode("ascii")

_HEADERS = (".h", ".hh", ".hpp", ".hxx", ".inc", ".tcc", ".ipp")
_DONE = re.compile(
    r"^\[ *(?P<n>\d+)/(?P=n)\] |^\[100%\] Built target |^ninja: no work to do|^Finished: SUCCESS|^BUILD SUCCESS"
    r"|^Build succeeded"
    r"|^(?:\S*/)?g?make(?:\[\d+\])?: (?:Nothing to be done for|'[^']*' is up to date)|^##\[section\]Finishing"
)
_BITS32 = re.compile(
    rb"\b(?:arm-(?:\w+-)?linux-\w*eabi(?:hf)?|armv[5-7](?:l|hl|hnl|hf|tel|nl)?(?=[-_\s/.;,)]|$)|armhf"
    rb"|i[3-6]86(?:-[\w-]+)?|mingw32(?=[/\\]))"
)
_WINDOWS32 = re.compile(rb"\bwin32\b")
_BITS64 = re.compile(rb"\b(?:x86_64|amd64|aarch64|arm64|mingw64|ppc64|riscv64|s390x)\b")


class LogScanner:
    """Fed with the bytes of a log in pieces of any size; asked once at the end."""

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._window = LogWindow()
        self._telling_lines = TellingLines()
        self._bounded = BoundedFindings()
        self._context_allowance = Allowance(first=200, per_block=1)
        self._command_allowance = Allowance(first=200, per_block=1)
        self._bits_allowance = Allowance(first=20, per_block=0)
        self._rebuilt = RebuiltOutputs()
        self._edge: Finding | None = None
        self._edge_lines = 0
        self._edge_end = 0
        self._fragment_allowance = Allowance(first=200, per_block=1)
        self._looked: set[int] = set()
        self._rest: list[int] = []
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
        last, last_line = self._last()
        findings = self._bounded.all()
        return LogFindings(
            findings=findings,
            left_out=self._bounded.left_out,
            lines=self._window.lines,
            bytes=self._bytes,
            bits32=self._bits32,
            rebuilt=self._rebuilt.names(),
            succeeded=done,
            succeeded_line=done_line,
            last=last,
            last_line=last_line,
            kernel=tuple(self._kernel),
        )

    def _last(self) -> tuple[str, int]:
        """The last line with words, and its number."""
        window = self._window
        for place in reversed(window.lines_before(len(window.text), TAIL_LINES)):
            start, stop = window.line(place)
            words = readable(window.text[start:stop]).strip()
            if words and not _is_agents(window.text, start):
                return shortened(words), window.number(start)
        return "", 0

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
        self._telling_lines.new_block()
        for allowance in (self._context_allowance, self._command_allowance, self._fragment_allowance):
            allowance.new_block()
        begin = window.begin
        if self._edge is not None:
            self._follow(begin)
        self._look(self._telling_lines.find(window.text, begin))
        self._close_edge(len(window.text))
        self._look_at_rest()
        if last:
            self._look(window.lines_before(len(window.text), TAIL_LINES))
            self._look(self._telling_lines.find_late(window.text))
            self._end_edge(window.lines)
            self._look_at_rest()
        self._rebuilt.look(window, begin)

    def _look(self, places: Iterable[int]) -> None:
        """Looks at the lines that hold these places of the window, and at those that they lead to."""
        self._look_at_rest()
        for place in places:
            if self._edge is not None and place >= self._window.begin:
                # The status line itself is looked for to its end.
                self._close_edge(self._window.line(place)[1])
            self._look_at(place)
            self._look_at_rest()

    def _look_at_rest(self) -> None:
        while self._rest:
            self._look_at(self._rest.pop())

    def _look_at(self, place: int) -> None:
        window = self._window
        start, stop = window.line(place)
        if window.offset + start in self._looked or _is_agents(window.text, start):
            return
        if stop - start > LONGEST_LINE and not self._fragment_allowance.take():
            return
        self._looked.add(window.offset + start)
        text = readable(window.text[start:stop])
        if start and window.text[start - 1] not in b"\r\n":
            # The middle of a long line is not the beginning of a message.
            text = "... " + text
        found = recognise(text) if text else None
        if found is not None:
            self._found(found, text, start, stop)

    def _found(self, found: Finding, text: str, start: int, stop: int) -> None:
        number = self._window.number(start)
        text = self._with_reason(found, text, stop)
        finding = replace(found, line=number, text=shortened(tools_own(text)))
        if finding.means == "edge-failed":
            self._open_edge(finding, stop)
            return
        if finding.means == "target-failed":
            self._rebuilt.failed(finding.output, number)
        finding = self._with_names(self._with_command(finding, start), start)
        self._look_around(finding, start, stop)
        self._bounded.add(finding)

    def _with_command(self, finding: Finding, start: int) -> Finding:
        """With the command that made its output, or else with the last one before it."""
        if finding.means != "target-failed" and finding.command:
            return finding
        if not self._command_allowance.take():
            return finding
        if finding.means == "target-failed":
            command = logged_commands.command_of(self._window, finding.output, start)
            return replace(finding, command=shortened(command, LONGEST_COMMAND))
        nearby = logged_commands.command_before(self._window, start)
        return replace(finding, nearby_command=shortened(nearby, LONGEST_COMMAND))

    def _with_names(self, finding: Finding, start: int) -> Finding:
        """With the output, the source and the program that only lines before it name."""
        window = self._window
        if not finding.output and finding.means in ("network", "patch"):
            finding = replace(finding, output=logged_commands.named_before(window, start, finding))
        if finding.source.endswith(_HEADERS):
            finding = replace(finding, source=logged_commands.includer(window, start) or finding.source)
        if finding.means == "fork-refused" and not finding.program:
            finding = replace(finding, program=logged_commands.speaker_before(window, start))
        return finding

    def _look_around(self, finding: Finding, start: int, stop: int) -> None:
        """Looks at what else the log says near a finding, now or when this line is done."""
        window = self._window
        if finding.means in _OF_ADDRESSES and not self._bits32 and self._bits_allowance.take():
            self._bits32 = _bits32(window.text)
        if finding.means == "kernel-kill" and len(self._kernel) < MOST_KILLS:
            self._read_kernel(start, finding.line)
        if finding.means in _EXPLAINED_ABOVE:
            self._look_later(window.lines_before(start, CONTEXT_LINES))
        if finding.means in _EXPLAINED_BELOW:
            self._look_later(window.lines_after(stop, LINES_BELOW))

    def _with_reason(self, found: Finding, text: str, stop: int) -> str:
        """CMake names the place first, and says on the next line with words what is wrong."""
        if found.means != "configure" or not text.endswith(":"):
            return text
        for place in self._window.lines_after(stop, LINES_BELOW):
            start, end = self._window.line(place)
            if words := readable(self._window.text[start:end]).strip():
                return f"{text} {words}"
        return text

    def _look_later(self, places: list[int]) -> None:
        if self._context_allowance.take():
            self._rest.extend(reversed(places))

    # An edge of ninja: `FAILED: out`, its command, what it printed, until the next status line.

    def _open_edge(self, edge: Finding, stop: int) -> None:
        text = self._window.text
        self._rebuilt.failed(edge.output, edge.line)
        end = stop if edge.command else text.find(b"\n", stop + 1)
        if not edge.command:
            line = text[stop + 1 : min(end if end >= 0 else len(text), stop + (1 << 16))]
            edge = replace(edge, command=shortened(readable(line).strip(), LONGEST_COMMAND))
        if self._edge is not None and edge.line < self._edge.line:
            self._bounded.add(replace(edge, last_line=self._edge.line - 1))
            return
        self._end_edge(edge.line - 1)
        self._edge = edge
        self._edge_lines = 0
        # Its own command is no status line, and may hold what looks like one.
        self._edge_end = self._window.offset + (end if end >= 0 else len(text))
        self._follow(stop + 1)

    def _follow(self, place: int) -> None:
        """Looks at all lines of the edge's output from this place on, up to a number."""
        text = self._window.text
        places = self._window.lines_after(place - 1, BLOCK_LINES - self._edge_lines)
        if places:
            close = next_status(text, place, places[-1] + LONGEST_LINE)
            places = [each for each in places if close < 0 or each < close]
        self._edge_lines += len(places)
        self._look_later(places)

    def _close_edge(self, place: int) -> None:
        """Ends the open edge when a status line stands before this place."""
        window = self._window
        if self._edge is None:
            return
        edge = self._edge
        begin = max(window.begin, self._edge_end - window.offset)
        if begin >= place:
            return
        close = next_status(window.text, begin, place)
        self._edge_end = window.offset + place
        if close < 0:
            return
        number = window.number(close)
        self._end_edge(number - 1)
        if number - edge.line > BLOCK_LINES:
            # The end of a long output, where a tool says how it ended.
            self._look_later(window.lines_before(close, CONTEXT_LINES))

    def _end_edge(self, last_line: int) -> None:
        if self._edge is not None:
            self._bounded.add(replace(self._edge, last_line=last_line))
            # Within its output the edge names what it makes, a crashed linker for example its whole command.
            self._rebuilt.failed(self._edge.output, last_line)
            self._edge = None

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


def _is_agents(text: bytes, start: int) -> bool:
    """Whether the agent says this line: what it says of an edge is in its report."""
    return text.startswith(_AGENT_PREFIX, start)


def _bits32(text: bytes) -> str:
    """The first name of a 32-bit machine in this part of the log, unless a 64-bit one stands there too."""
    match = _BITS32.search(text)
    if match is None and b".exe: " in text:
        # A word that stands in many logs: only where the tools are Windows programs it says something.
        match = _WINDOWS32.search(text)
    if match is None or _BITS64.search(text):
        return ""
    return match[0].decode("ascii", "replace")
