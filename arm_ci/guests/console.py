"""What a guest wrote to its console: the beginning and the end are kept, however much there is."""

from __future__ import annotations

import re
from collections import deque

_PANIC = re.compile(r"Kernel panic - not syncing: ?(.*)")
_FAULT = re.compile(r"^(?:\[[^]]*\] )?arm_ci: (.+)$", re.MULTILINE)
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


class Console:
    """Takes what comes, as it comes."""

    # Both together, with three bytes for each that is no text, fit into a line of the keeper (qmp.Lines).
    HEAD_BYTES = 128 << 10
    TAIL_BYTES = 128 << 10

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._dropped_bytes = 0

    def feed(self, data: bytes) -> None:
        """More of it."""
        room = self.HEAD_BYTES - len(self._head)
        self._head += data[:room]
        rest = data[room:] if room > 0 else data
        if rest:
            self._tail.append(rest)
            self._tail_bytes += len(rest)
        while self._tail_bytes > self.TAIL_BYTES:
            lost = self._tail.popleft()
            self._tail_bytes -= len(lost)
            self._dropped_bytes += len(lost)

    def text(self) -> str:
        """All that is kept, readable: without what moves a terminal's cursor."""
        head = _readable(bytes(self._head))
        if not self._tail:
            return head
        gap = f"\n[{self._dropped_bytes} bytes are left out]\n" if self._dropped_bytes else ""
        return head + gap + _readable(b"".join(self._tail))

    def tail(self, lines: int = 20) -> str:
        """The last lines."""
        return "\n".join(self.text().splitlines()[-lines:])

    def fault(self) -> str:
        """Why the image's own programs gave up, in their words (workers/guest/initrd-init); empty: they have not."""
        found = _FAULT.findall(self.text())
        return str(found[-1]).strip() if found else ""

    def panic(self) -> str:
        """Why the guest's kernel gave up, in its own words; empty: it has not."""
        found = _PANIC.search(self.text())
        return (found[1].strip() or "it did not say why") if found else ""


def _readable(data: bytes) -> str:
    return _CONTROLS.sub("", data.decode(errors="replace").replace("\r", ""))
