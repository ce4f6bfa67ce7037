"""How a board that is a guest fits together with the rest of its entry, and with its workers."""

from __future__ import annotations

import re

from arm_ci.config.model import Board, Guest, Worker
from arm_ci.config.problems import shorten
from arm_ci.config.read_tables import Draft
from arm_ci.config.reader import Path

_IMAGE = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_CPU = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")
_LEAST_BYTES = 128 << 20
_RASPI3B_CORES = 4
_RASPI3B_BYTES = 1 << 30
_VIRT_CORES = 8


def check_guest(draft: Draft, board: Board) -> None:
    """Complains about a guest that QEMU could not start."""
    if board.guest is None:
        return
    path: Path = ("boards", board.name)
    _check_names(draft, board.guest, (*path, "guest"))
    _check_machine(draft, board, path)
    if board.guest.machine == "raspi3b":
        _check_raspi3b(draft, board, path)
    elif board.cores > _VIRT_CORES and not draft.findings.broken(*path, "cores"):
        draft.findings.add((*path, "cores"), f"found `{board.cores}`, expected at most 8: QEMU's `virt` has no more")


def _check_names(draft: Draft, guest: Guest, path: Path) -> None:
    findings = draft.findings
    if not _IMAGE.fullmatch(guest.image) and not findings.broken(*path, "image"):
        findings.add(
            (*path, "image"),
            f"found `{shorten(guest.image)}`, expected the name of an image such as `debian-12-arm64`",
        )
    if guest.cpu and not _CPU.fullmatch(guest.cpu):
        findings.add((*path, "cpu"), f"found `{shorten(guest.cpu)}`, expected a processor such as `cortex-a53`")


def _check_machine(draft: Draft, board: Board, path: Path) -> None:
    """What every guest must be, whatever QEMU's machine is."""
    findings = draft.findings
    if board.architecture not in ("arm64", "armhf") and not findings.broken(*path, "architecture"):
        findings.add(
            (*path, "architecture"), f"found `{board.architecture}`, expected `arm64` or `armhf`: the board is a guest"
        )
    if 0 < board.memory < _LEAST_BYTES and not findings.broken(*path, "memory"):
        findings.add((*path, "memory"), f"a guest of {board.memory >> 20} MB cannot boot, expected at least `128M`")


def _check_raspi3b(draft: Draft, board: Board, path: Path) -> None:
    findings = draft.findings
    if board.cores != _RASPI3B_CORES and not findings.broken(*path, "cores"):
        findings.add((*path, "cores"), f"found `{board.cores}`, expected `4`: QEMU's `raspi3b` has four cores")
    if board.memory > _RASPI3B_BYTES and not findings.broken(*path, "memory"):
        findings.add(
            (*path, "memory"), f"found {board.memory >> 20} MB, expected at most `1G`: QEMU's `raspi3b` has no more"
        )
    if board.architecture == "armhf":
        findings.add((*path, "architecture"), "found `armhf`, expected `arm64`: QEMU's `raspi3b` runs 64 bits")
    if board.guest is not None and board.guest.cpu:
        findings.add((*path, "guest", "cpu"), "QEMU's `raspi3b` has its own processor; take this key out")


def check_guest_worker(draft: Draft, worker: Worker) -> None:
    """Complains about keys that mean nothing for a guest."""
    path: Path = ("workers", worker.name)
    for key, given, why in (
        ("local", worker.local, "runs in QEMU, not inside the master"),
        ("password_file", worker.password_file, "gets a password of its own for every build"),
        ("builds", worker.builds != 1, "is started for one build, and thrown away after it"),
    ):
        if given and not draft.findings.broken(*path, key):
            draft.findings.add((*path, key), f"a guest {why}; take this key out")
