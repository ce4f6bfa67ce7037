"""Has a guest configure the packages on its own disk: QEMU runs it once, while its image is made."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from arm_ci.guests import namespace
from arm_ci.guests.errors import ImageError
from arm_ci.guests.machine import DEFAULT_CPU, PROGRAMS, VIRT

_MEMORY_MB = 1024
_DONE = "arm_ci: second stage: done"
_SAY_SECONDS = 15.0
_SILENT_SECONDS = 900.0
"""A guest that says nothing for so long hangs. Under emulation some packages take minutes."""
_TAIL_CHARACTERS = 2000


def run(
    directory: Path,
    architecture: str,
    *,
    kernel: str,
    initrd: str,
    append: str,
    disk: str,
    packages: int,
    say: Callable[[str], None],
) -> None:
    """Runs it to its end. The files are of that directory, the disk is in QEMU's format `raw` and is changed.

    `packages` is how many will be configured. Raises ImageError with the tail of the console.
    """
    console = directory / "console"
    command = [
        *namespace.as_ourselves(),
        *(PROGRAMS[architecture], "-M", VIRT[architecture], "-cpu", DEFAULT_CPU[architecture]),
        *("-smp", "2", "-m", str(_MEMORY_MB), "-display", "none", "-monitor", "none", "-no-reboot", "-nic", "none"),
        *("-kernel", str(directory / kernel), "-initrd", str(directory / initrd), "-append", append),
        *("-drive", f"if=none,id=root,file={directory / disk},format=raw,cache=unsafe,discard=unmap"),
        *("-device", "virtio-blk-pci,drive=root", "-serial", f"file:{console}"),
    ]
    with subprocess.Popen(
        command,
        env=namespace.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            _watch(process, console, packages, say)
        finally:
            process.kill()
        said = process.stderr.read() if process.stderr else ""
    text = _read(console)
    if _DONE not in text:
        why = re.findall(r"arm_ci: (?:second stage: )?(.+)", text)
        cause = why[-1].strip() if why else said.strip() or "the machine stopped before it had finished"
        raise ImageError(f"configuring the packages in the guest failed: {cause}\n{text[-_TAIL_CHARACTERS:]}")
    console.unlink()


def _watch(process: subprocess.Popen[str], console: Path, packages: int, say: Callable[[str], None]) -> None:
    """Says how far it is until it ends; raises ImageError when it has been silent for too long."""
    started = said = heard = time.monotonic()
    length = 0
    while process.poll() is None:
        time.sleep(0.5)
        now = time.monotonic()
        text = _read(console)
        if len(text) > length:
            length, heard = len(text), now
        if now - heard > _SILENT_SECONDS:
            raise ImageError(
                f"configuring the packages in the guest failed: it said nothing for {_SILENT_SECONDS:.0f} s\n"
                f"{text[-_TAIL_CHARACTERS:]}"
            )
        if now - said > _SAY_SECONDS:
            said = now
            say(f"  {progress(text, packages)}, {now - started:.0f} s")


def progress(console: str, packages: int) -> str:
    """How far the second stage is, from what it said."""
    done = re.findall(r"^Setting up (\S+)", console, re.MULTILINE)
    if done:
        return f"configuring {done[-1]}, {len(done)} of {packages}"
    unpacked = re.findall(r"^Unpacking (\S+)", console, re.MULTILINE)
    return f"unpacking {unpacked[-1]}, {len(unpacked)} of {packages}" if unpacked else "the guest starts"


def _read(console: Path) -> str:
    try:
        return console.read_text(encoding="utf-8", errors="replace").replace("\r", "")
    except FileNotFoundError:
        return ""
