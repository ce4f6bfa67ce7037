"""Ends what a killed worker or master left running on this machine: commands of builds that no master runs any more.

Run on the worker as `python3 agent.pyz leftovers < request.json`. Ends only processes that carry the mark of this
worker's builds, and a `rm -rf` in this builder's directory that nobody waits for any more: the worker starts those
without a mark. A program that empties its environment or runs as another user is not seen.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any, Callable, Dict, List, Optional

MARK = "ARM_CI_BUILD"
"""Environment variable of every command of a build: BUILDER:CONNECTION:BUILD, the builder's directory and two words.

All builds of an earlier connection between worker and master are over; of this connection, those in this directory.
"""

_LIMIT_SECONDS = 60.0
_PAUSE_SECONDS = 0.05
_LONGEST_COMMAND = 300


def _read(pid: int, name: str) -> List[bytes]:
    """The NUL-terminated words of /proc/PID/NAME (proc(5)); none for a process that is gone or another user's."""
    try:
        with open("/proc/{}/{}".format(pid, name), "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def mark_of(pid: int) -> Optional[str]:
    """The mark that a process carries."""
    start = MARK.encode() + b"="
    for variable in _read(pid, "environ"):
        if variable.startswith(start):
            return os.fsdecode(variable[len(start) :])
    return None


def _same_root(pid: int) -> bool:
    """Whether a process sees the same file system: a chroot or container may use the same paths for other files."""
    try:
        return os.path.samestat(os.stat("/proc/{}/root".format(pid)), os.stat("/proc/self/root"))
    except OSError:
        return False


def is_left_over(pid: int, request: Dict[str, Any]) -> bool:
    """Whether a process belongs to a build of this worker that is over; `mark` in the request is this build's own."""
    mark = mark_of(pid)
    if mark is None:
        return _is_workers_own_rm(pid, request["mark"].rsplit(":", 2)[0])
    own, theirs = request["mark"].rsplit(":", 2), mark.rsplit(":", 2)
    if len(theirs) != 3 or os.path.dirname(theirs[0]) != os.path.dirname(own[0]) or theirs == own:
        return False
    return (theirs[1] != own[1] or theirs[0] == own[0]) and _same_root(pid)


def _is_workers_own_rm(pid: int, builder: str) -> bool:
    # Buildbot's worker removes a checkout with a `rm -rf` of its own, which carries no mark. A person's has a parent.
    words = _read(pid, "cmdline")
    if len(words) < 3 or words[:2] != [b"rm", b"-rf"]:
        return False
    return os.fsdecode(words[2]).startswith(builder + "/") and _is_orphan(pid) and _same_root(pid)


def _is_orphan(pid: int) -> bool:
    """Whether the parent of a process is gone: then it is process 1's or, in a user's session, that of its systemd."""
    fields = _read(pid, "stat")[:1]
    try:
        parent = int(fields[0].rpartition(b")")[2].split()[1])
    except (IndexError, ValueError):
        return False
    return parent == 1 or _read(parent, "comm")[:1] == [b"systemd\n"]


def _chosen(is_meant: Callable[[int], bool]) -> List[int]:
    """The process ids of all that is meant; never our own."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and is_meant(pid)]


def _handle(pid: int) -> Optional[int]:
    """A file descriptor that means this process whatever becomes of its number; None before Python 3.9, Linux 5.3."""
    pidfd_open = getattr(os, "pidfd_open", None)
    try:
        return int(pidfd_open(pid)) if pidfd_open else None
    except OSError:
        return None


def _kill(pid: int, still: Callable[[int], bool]) -> None:
    """Kills a process if it is still the one that was meant."""
    handle = _handle(pid)
    try:
        if not still(pid):
            return
        if handle is None:
            os.kill(pid, signal.SIGKILL)
        else:
            getattr(signal, "pidfd_send_signal")(handle, signal.SIGKILL)  # noqa: B009  (newer than Python 3.7)
    except OSError:
        pass
    finally:
        if handle is not None:
            os.close(handle)


def end(request: Dict[str, Any]) -> Dict[str, List[Dict[str, Any]]]:
    """Ends what is left over of other builds."""
    return _end(lambda pid: is_left_over(pid, request))


def end_this_build(mark: str) -> Dict[str, List[Dict[str, Any]]]:
    """Ends what is left of the build that carries this mark, but for those that we descend from."""
    ours = _ancestors()
    return _end(lambda pid: pid not in ours and mark_of(pid) == mark)


def _ancestors() -> List[int]:
    found = []
    pid = os.getpid()
    while pid > 0 and pid not in found:
        found.append(pid)
        fields = b"".join(_read(pid, "stat")[:1]).rpartition(b")")[2].split()
        pid = int(fields[1]) if len(fields) > 1 else 0
    return found


def _end(is_meant: Callable[[int], bool]) -> Dict[str, List[Dict[str, Any]]]:
    """Kills again and again until nothing is left: a process that was just killed may have started another."""
    parent = os.getppid()
    ended: Dict[int, str] = {}
    limit = time.monotonic() + _LIMIT_SECONDS
    left = _chosen(is_meant)
    while left and time.monotonic() < limit:
        for pid in left:
            if os.getppid() != parent:
                # The worker has died again: by now we are left over ourselves, and others are right.
                raise OSError("the worker is gone")
            command = b" ".join(_read(pid, "cmdline")).decode("utf-8", "replace").strip()
            ended.setdefault(pid, command[:_LONGEST_COMMAND])
            _kill(pid, is_meant)
        time.sleep(_PAUSE_SECONDS)
        left = _chosen(is_meant)
    return {
        "ended": [{"pid": pid, "command": command} for pid, command in ended.items() if pid not in left],
        "remain": [{"pid": pid, "command": ended.get(pid, "")} for pid in left],
    }


def remove_locks(repository: str) -> List[str]:
    """Removes the lock files that a killed git left in a repository's directory; their names, relative to it."""
    removed = []
    for directory, directories, files in os.walk(repository):
        # Nothing in there is locked by name, and there are tens of thousands of directories.
        directories[:] = [name for name in directories if name not in ("objects", "lfs")]
        for name in files:
            if name.endswith(".lock"):
                path = os.path.join(directory, name)
                try:
                    os.remove(path)
                except OSError:
                    continue
                removed.append(os.path.relpath(path, repository))
    return sorted(removed)


def main() -> int:
    try:
        request = json.load(sys.stdin)
        answer: Dict[str, Any] = end(request)
        # While another process is at work there, its locks are not stale.
        answer["locks"] = [] if answer["remain"] else remove_locks(str(request["repository"]))
    except (ValueError, KeyError, TypeError, OSError) as error:
        print("leftovers: cannot answer the request: {}".format(error), file=sys.stderr)
        return 2
    json.dump(answer, sys.stdout, indent=1, sort_keys=True)
    print()
    return 0
