"""Workers that are guests: model -> the latent worker that starts QEMU."""

from __future__ import annotations

from typing import Any

from arm_ci.config.model import Board, Config, Worker
from arm_ci.guests import git_service
from arm_ci.guests.latent_worker import GuestWorker
from arm_ci.guests.machine import RASPI3B_BYTES, Machine

_KERNEL_BYTES = 32 << 20
_KERNEL_SHARE = 50


def guest_worker(config: Config, worker: Worker, properties: dict[str, str]) -> Any:
    """A worker of a board with `guest`."""
    board = config.boards[worker.board]
    guest = board.guest
    if guest is None:
        raise ValueError(f"board {board.name} is no guest")
    state = config.path(config.site.state)
    return GuestWorker(
        worker.name,
        images=str(state / "images"),
        image=guest.image,
        kind=guest.machine,
        runs=str(state / "guests"),
        guest=Machine(board.cores, ram_bytes(board), board.swap, guest.cpu),
        network=git_service.network_option(_repositories(config, board)),
        port=config.site.workers.port,
        boot_seconds=float(guest.boot),
        most_bytes=config.site.guests.memory,
        cores=config.site.guests.cores,
        properties=properties,
    )


def _repositories(config: Config, board: Board) -> list[str]:
    """Those of this machine that the board's builds fetch from."""
    projects = [each for each in config.projects.values() if board.name in each.matrix.boards]
    return sorted({url for url in map(config.repository_url, projects) if git_service.is_here(url)})


def ram_bytes(board: Board) -> int:
    """The RAM that a guest is given, so that its system can use what the board's entry says.

    A kernel keeps a 64th of it for its table of pages, and its own code and data.
    """
    if board.guest is not None and board.guest.machine == "raspi3b":
        return RASPI3B_BYTES
    return board.memory + board.memory // _KERNEL_SHARE + _KERNEL_BYTES
