"""A memory cgroup of the command's own, where this user can make one: version 2, version 1, or a systemd scope.

It tells kills of this build from kills elsewhere, and it can hold a limit. Nothing is left behind.
"""

from __future__ import annotations

import os
import time
from typing import Dict, List, NamedTuple, Optional, Tuple

from .facts import read_number, read_text

# Version 1 has no word for "no limit" but the largest number of pages.
_UNLIMITED = 1 << 60
_EMPTY_SECONDS = 2.0
_NAME_PREFIX = "arm_ci-"
"""Of a cgroup's name; the agent's process id comes after it."""
_LEAF = _NAME_PREFIX + "rest"


class Hierarchy(NamedTuple):
    """A mounted memory controller, and where in it this process is."""

    version: int
    mount: str
    path: str
    """Our own cgroup below `mount`, beginning with a slash."""

    @property
    def directory(self) -> str:
        """That cgroup's directory."""
        return self.mount + ("" if self.path == "/" else self.path)


class CgroupError(Exception):
    """A limit was asked for that cannot be set here; the message says why."""


def _mounts() -> Dict[int, Tuple[str, str]]:
    """Version -> mount point and the cgroup that it shows, from /proc/self/mountinfo (proc(5))."""
    found: Dict[int, Tuple[str, str]] = {}
    for line in (read_text("/proc/self/mountinfo") or "").splitlines():
        left, _, right = line.partition(" - ")
        words, rest = left.split(), right.split()
        if len(words) < 5 or len(rest) < 3:
            continue
        if rest[0] == "cgroup2":
            found.setdefault(2, (words[4], words[3]))
        elif rest[0] == "cgroup" and "memory" in rest[2].split(","):
            found.setdefault(1, (words[4], words[3]))
    return found


def hierarchy(pid: Optional[int] = None) -> Optional[Hierarchy]:
    """The memory controller that counts a process (this one); None when there is none."""
    mounts = _mounts()
    for line in (read_text("/proc/{}/cgroup".format(pid or "self")) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        version = _version_of(controllers)
        if version not in mounts:
            continue
        mount, root = mounts[version]
        found = Hierarchy(version, mount, _below(root, path))
        if version == 1 or "memory" in (read_text(found.directory + "/cgroup.controllers") or "").split():
            return found
    return None


def _version_of(controllers: str) -> int:
    """The version of a hierarchy that may have the memory controller, by its controllers (cgroups(7)); 0: not it."""
    if "memory" in controllers.split(","):
        return 1
    return 0 if controllers else 2


def _below(root: str, path: str) -> str:
    """A cgroup's path below what the mount shows, which in a container is a part of the tree."""
    if root != "/" and (path + "/").startswith(root + "/"):
        return path[len(root) :] or "/"
    return path


def _limit_of(directory: str, version: int) -> Optional[int]:
    value = read_number(directory + ("/memory.max" if version == 2 else "/memory.limit_in_bytes"))
    return None if value is None or value >= _UNLIMITED else value


def _swap_limit_of(directory: str, version: int) -> Optional[int]:
    if version == 2:
        return read_number(directory + "/memory.swap.max")
    both = read_number(directory + "/memory.memsw.limit_in_bytes")
    memory = read_number(directory + "/memory.limit_in_bytes")
    return None if both is None or memory is None or both >= _UNLIMITED else max(0, both - memory)


def _upwards(found: Hierarchy) -> List[str]:
    """The directories from our own cgroup up to the mount."""
    directories = []
    path = found.path.rstrip("/")
    while path:
        directories.append(found.mount + path)
        path = path.rpartition("/")[0]
    return [*directories, found.mount]


def lowest_limits(found: Hierarchy) -> Tuple[Optional[int], Optional[int]]:
    """The lowest memory and swap limits of a cgroup and those above it; None: unlimited."""
    directories = _upwards(found)
    return (
        _lowest([_limit_of(each, found.version) for each in directories]),
        _lowest([_swap_limit_of(each, found.version) for each in directories]),
    )


def limited(found: Hierarchy) -> List[str]:
    """The directories of a cgroup and those above it that have a memory limit."""
    return [each for each in _upwards(found) if _limit_of(each, found.version) is not None]


def _lowest(limits: List[Optional[int]]) -> Optional[int]:
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


class Cgroup:
    """A cgroup that was made for one command."""

    def __init__(self, found: Hierarchy, how: str) -> None:
        self.found = found
        self.how = how
        """`own cgroup (v1)`, ..., as the report says it."""

    @property
    def path(self) -> str:
        """As the kernel's log names it."""
        return self.found.path

    def take_in(self, pid: int) -> None:
        """Moves a process into it. Raises OSError."""
        _write(self.found.directory + "/cgroup.procs", str(pid))

    def limit(self, memory_bytes: Optional[int], swap_bytes: Optional[int]) -> None:
        """Sets limits. Raises CgroupError where the kernel refuses."""
        directory, version = self.found.directory, self.found.version
        try:
            if memory_bytes is not None:
                _write(directory + ("/memory.max" if version == 2 else "/memory.limit_in_bytes"), str(memory_bytes))
            if swap_bytes is not None and version == 2:
                _write(directory + "/memory.swap.max", str(swap_bytes))
            elif swap_bytes is not None and memory_bytes is not None:
                _write(directory + "/memory.memsw.limit_in_bytes", str(memory_bytes + swap_bytes))
        except OSError as error:
            raise CgroupError("the kernel refuses the limit: {}: {}".format(error.filename, error.strerror)) from error

    def used_bytes(self) -> Tuple[Optional[int], Optional[int]]:
        """Memory and swap in use."""
        directory = self.found.directory
        if self.found.version == 2:
            return read_number(directory + "/memory.current"), read_number(directory + "/memory.swap.current")
        memory = read_number(directory + "/memory.usage_in_bytes")
        both = read_number(directory + "/memory.memsw.usage_in_bytes")
        return memory, None if both is None or memory is None else max(0, both - memory)

    def events(self) -> Tuple[Optional[int], Optional[int]]:
        """Kills in it, and how often it was out of memory itself (version 2 only)."""
        name = "/memory.events" if self.found.version == 2 else "/memory.oom_control"
        found = {}
        for line in (read_text(self.found.directory + name) or "").splitlines():
            key, _, value = line.partition(" ")
            if value.isdigit():
                found[key] = int(value)
        return found.get("oom_kill"), found.get("oom")

    def processes(self) -> List[int]:
        """What is in it."""
        return [int(word) for word in (read_text(self.found.directory + "/cgroup.procs") or "").split()]

    def remove(self) -> None:
        """Removes it; what still runs in it goes to where we are."""
        ours = hierarchy()
        if ours is not None:
            for pid in self.processes():
                try:
                    _write(ours.directory + "/cgroup.procs", str(pid))
                except OSError:
                    pass
        limit = time.monotonic() + _EMPTY_SECONDS
        while True:
            try:
                os.rmdir(self.found.directory)
                return
            except OSError:
                # A process that has just ended is counted for a moment.
                if time.monotonic() > limit or not os.path.isdir(self.found.directory):
                    return
                time.sleep(0.02)


def make() -> Tuple[Optional[Cgroup], str]:
    """A cgroup below our own for a command of this process, and why there is none when there is none."""
    found = hierarchy()
    if found is None:
        return None, "the kernel has no memory cgroup controller on"
    if found.version == 2:
        found, refusal = _ready(found)
        if refusal:
            return None, refusal
    _remove_stale(found.directory)
    own = Hierarchy(found.version, found.mount, "{}/{}{}".format(found.path.rstrip("/"), _NAME_PREFIX, os.getpid()))
    try:
        os.mkdir(own.directory)
    except OSError as error:
        return None, "{}: {}".format(own.directory, error.strerror)
    made = Cgroup(own, "own cgroup (v{})".format(found.version))
    if _limit_is_there(own):
        return made, ""
    made.remove()
    return None, "{} has no memory controller".format(found.directory)


def could_be_delegated() -> bool:
    """Whether a cgroup that systemd makes for this user would have a memory controller: version 2, switched on."""
    mounts, found = _mounts(), hierarchy()
    if 2 not in mounts or (found is not None and found.version == 1):
        return False
    return "memory" in (read_text(mounts[2][0] + "/cgroup.controllers") or "").split()


def _is_systemds(found: Hierarchy) -> bool:
    """Whether systemd alone arranges this cgroup: root may write there, and should not."""
    if os.geteuid() != 0 or found.path == "/" or not os.path.isdir("/run/systemd/system"):
        return False
    for name in ("trusted.delegate", "user.delegate"):
        try:
            if os.getxattr(found.directory, name) == b"1":
                return False
        except OSError:
            continue
    return True


def _remove_stale(directory: str) -> None:
    """What agents left behind that were killed."""
    try:
        names = [name for name in os.listdir(directory) if name.startswith(_NAME_PREFIX) and name != _LEAF]
    except OSError:
        return
    for name in names:
        if not os.path.exists("/proc/" + name[len(_NAME_PREFIX) :]):
            try:
                os.rmdir("{}/{}".format(directory, name))
            except OSError:
                pass  # processes of its build still run in it


def _limit_is_there(own: Hierarchy) -> bool:
    return os.path.exists(own.directory + ("/memory.max" if own.version == 2 else "/memory.limit_in_bytes"))


def _ready(found: Hierarchy) -> Tuple[Hierarchy, str]:
    """Sees to it that children of our cgroup (version 2) have the memory controller.

    A cgroup with children that have controllers holds no processes itself: those go to a leaf. That is done only in a
    cgroup that was delegated, which is one whose files are ours (systemd's Delegate=), and for root.
    """
    directory = found.directory
    if os.path.basename(directory) == _LEAF:
        # A build before this one, or beside it, made the leaf that we are in.
        found = Hierarchy(2, found.mount, found.path.rpartition("/")[0] or "/")
        directory = found.directory
    control = directory + "/cgroup.subtree_control"
    if "memory" in (read_text(control) or "").split():
        return found, ""
    if not os.access(control, os.W_OK) or not os.access(directory, os.W_OK) or _is_systemds(found):
        return found, "{} is not delegated to this user".format(directory)
    leaf = "{}/{}".format(directory, _LEAF)
    try:
        if found.path != "/":
            os.makedirs(leaf, exist_ok=True)
            for pid in (read_text(directory + "/cgroup.procs") or "").split():
                _write(leaf + "/cgroup.procs", pid)
        _write(control, "+memory")
    except OSError as error:
        return found, "{}: {}".format(control, error.strerror)
    return found, ""
