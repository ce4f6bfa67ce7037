"""The worker that waits in a guest: it imports everything, says that it waits, is told its name, and connects.

    waiting_worker.py PORT

PORT is the channel to the host, of lines of JSON (docs/make-images.md). It begins as root, which setting the clock
needs, and is the unprivileged user `builder` before it connects. It ends with the worker. Its packages are beside it.
"""

import fcntl
import json
import os
import pwd
import random
import struct
import sys
import time
import tty
from pathlib import Path

from buildbot_worker.pb import Worker
from twisted.cred.error import UnauthorizedLogin
from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString
from twisted.python import log

USER = "builder"
KEEPALIVE_SECONDS = 60
CONNECTION_ATTEMPTS = 10
"""Some two minutes. A guest whose master is gone switches itself off."""
_MOST_BYTES = 1 << 16
# linux/random.h
_RNDADDENTROPY = 0x40085203
_RNDRESEEDCRNG = 0x5207


class FaultError(Exception):
    """Why this worker cannot connect, in a sentence for the host."""


class Host:
    """The channel to the host."""

    def __init__(self, port):
        self._port = os.open(port, os.O_RDWR | os.O_NOCTTY)
        if os.isatty(self._port):
            tty.setraw(self._port)
            # A UART may begin with a character of nobody's, which is to be a line of its own.
            os.write(self._port, b"\n")

    def say(self, **said):
        """Sends one line."""
        rest = json.dumps(said).encode() + b"\n"
        while rest:
            rest = rest[os.write(self._port, rest) :]

    def answer(self):
        """Waits for a line, and gives what it says; raises FaultError. Nothing of it is repeated in a message."""
        read = b""
        while b"\n" not in read:
            more = os.read(self._port, 4096)
            if not more:
                # Nobody is at the other end, as before and after a snapshot is resumed.
                time.sleep(0.02)
            read += more
            if len(read) > _MOST_BYTES:
                raise FaultError(f"the host sent no line in {_MOST_BYTES} bytes")
        try:
            answer = json.loads(read.partition(b"\n")[0])
        except ValueError:
            raise FaultError("the host sent something else than a line of JSON") from None
        if not isinstance(answer, dict):
            raise FaultError("the host sent something else than an object of JSON")
        return answer


def value(answer, key, kind, expected):
    """A value of the host's answer; raises FaultError."""
    found = answer.get(key)
    if not isinstance(found, kind) or isinstance(found, bool):
        raise FaultError(f"the host's answer has no `{key}`: {expected} was expected")
    return found


def freshen(seconds, entropy):
    """Sets the clock, and makes the random numbers its own: all guests resumed from a snapshot have the same.

    `entropy` is in hexadecimal digits. Raises FaultError.
    """
    try:
        drawn = bytes.fromhex(entropy)
    except ValueError:
        raise FaultError("the host's `entropy` is not in hexadecimal digits") from None
    time.clock_settime(time.CLOCK_REALTIME, seconds)
    with Path("/dev/random").open("wb", buffering=0) as pool:
        fcntl.ioctl(pool, _RNDADDENTROPY, struct.pack("ii", len(drawn) * 8, len(drawn)) + drawn)
        fcntl.ioctl(pool, _RNDRESEEDCRNG)
    random.seed()


def become(user):
    """Gives up root for good, and has an environment that says nothing of this process."""
    entry = pwd.getpwnam(user)
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ.clear()
    os.environ.update(
        HOME=entry.pw_dir,
        LANG="C.UTF-8",
        LOGNAME=user,
        PATH="/usr/local/bin:/usr/bin:/bin",
        SHELL=entry.pw_shell,
        USER=user,
    )
    os.chdir(entry.pw_dir)


def make(answer):
    """The worker that the host's answer describes; raises FaultError."""
    return Worker(
        value(answer, "host", str, "an address"),
        value(answer, "port", int, "a number"),
        value(answer, "name", str, "a text"),
        value(answer, "password", str, "a text"),
        str(Path.cwd() / "worker"),
        keepalive=KEEPALIVE_SECONDS,
        umask=0o022,
        maxRetries=CONNECTION_ATTEMPTS,
    )


def run(worker):
    """Connects and works until the end; raises FaultError when the master never took the worker."""
    problems = []
    taken = []
    got, failed = worker.bf.gotPerspective, worker.bf.failedToGetPerspective

    def got_perspective(perspective):
        taken.append(True)
        got(perspective)

    def failed_to_get_perspective(why, broker):
        if not why.check(UnauthorizedLogin):
            return failed(why, broker)
        problems.append("the master refuses this name and password")
        return reactor.stop()

    worker.bf.gotPerspective = got_perspective
    worker.bf.failedToGetPerspective = failed_to_get_perspective
    log.startLogging(sys.stdout, setStdout=False)
    reactor.callWhenRunning(worker.startService)
    reactor.addSystemEventTrigger("before", "shutdown", worker.stopService)
    reactor.run()
    if not taken:
        unreached = f"the master could not be reached in {CONNECTION_ATTEMPTS} attempts"
        raise FaultError(problems[0] if problems else unreached)


def main():
    host = Host(sys.argv[1])
    # The first endpoint looks for plugins, which takes its time.
    clientFromString(reactor, "tcp:host=127.0.0.1:port=1")
    try:
        host.say(state="waiting")
        answer = host.answer()
        freshen(value(answer, "time", (int, float), "seconds since 1970"), value(answer, "entropy", str, "a text"))
        become(USER)
        worker = make(answer)
        host.say(state="connecting")
        run(worker)
    except (FaultError, OSError, KeyError) as fault:
        host.say(state="failed", why=str(fault))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
