"""Workers and how they connect; passwords come from secret files and are never shown."""

from __future__ import annotations

import secrets
from typing import Any

from buildbot.plugins import worker as worker_plugins
from twisted.internet.endpoints import quoteStringArgument
from twisted.python import log

from arm_ci.config.model import Config, Listen, Site, Worker
from arm_ci.master.workers.connecting_worker import ConnectingWorker


def password(config: Config, worker: Worker) -> str:
    """The password of a worker; without a file that can be read, one that nobody knows, so that it cannot connect."""
    path = config.password_path(worker)
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        log.msg(f"worker {worker.name} cannot connect: {path} is not there; `arm-ci start` makes it")
    except PermissionError:
        log.msg(f"worker {worker.name} cannot connect: the master's user may not read {path}")
    return secrets.token_urlsafe(32)


def buildbot_worker(config: Config, worker: Worker) -> Any:
    """A worker as Buildbot wants it: inside the master when it is local, a guest, else a machine that connects."""
    properties = {"board": worker.board, "owner": worker.owner} if worker.owner else {"board": worker.board}
    if worker.local:
        return worker_plugins.LocalWorker(worker.name, max_builds=worker.builds, properties=properties)
    if config.boards[worker.board].guest is not None:
        # Imported late: most masters have no guests.
        from arm_ci.master.workers.guest_worker import guest_worker

        return guest_worker(config, worker, properties)
    return ConnectingWorker(
        worker.name,
        password(config, worker),
        max_builds=worker.builds,
        properties=properties,
    )


def protocols(site: Site) -> dict[str, dict[str, str]]:
    """Where workers connect."""
    return {"pb": {"port": endpoint(site.workers)}}


def endpoint(listen: Listen) -> str:
    """An address to listen on as Twisted writes it; the colons of IPv6 would end the word."""
    return f"tcp:{listen.port}:interface={quoteStringArgument(listen.host)}"
