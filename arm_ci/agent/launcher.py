"""Stands before a compiler or archiver in the masquerade directory: tells the agent when it begins and how it ends.

Every run of a compiler starts it, so it uses builtin modules only and is copied as this one file. Without an agent, and
for whatever the real program starts in turn, it is the real program: it takes its place.
"""

import _signal  # type: ignore[import-not-found]
import posix
import sys
from _socket import AF_UNIX, SOCK_STREAM, socket

if False:  # for the type checker alone
    import resource

AGENT = b"ARM_CI_AGENT"
"""Environment variable: the name of the agent's abstract Unix socket."""
_NOT_FOUND = 127
# What Python ignores at its start, and a compiler must not.
_PYTHON_IGNORES = (13, 25)  # SIGPIPE, SIGXFSZ
_FORWARDED = (1, 2, 15)  # SIGHUP, SIGINT, SIGTERM


def real_program(name: bytes, directory: bytes, path: bytes) -> "bytes | None":
    """The first program of that name in PATH that is not in the masquerade directory; None when there is none."""
    for place in path.split(b":"):
        if place and place != directory:
            found = place + b"/" + name
            try:
                if posix.access(found, 1):
                    return found
            except OSError:
                continue
    return None


def environment_without(directory: bytes) -> "dict[bytes, bytes]":
    """The environment for the real program: what it starts is part of the same edge."""
    variables = dict(posix.environ)
    variables.pop(AGENT, None)
    places = variables.get(b"PATH", b"").split(b":")
    variables[b"PATH"] = b":".join(place for place in places if place != directory)
    return variables


def connect(name: bytes) -> "socket | None":
    """A connection to the agent, or None when it is gone."""
    connection = socket(AF_UNIX, SOCK_STREAM)
    try:
        connection.connect(b"\0" + name)
    except OSError:
        return None
    return connection


def send(connection: socket, words: "list[bytes]") -> bool:
    """A message: its length in four bytes, then the words with NUL between them. False when nobody takes it."""
    message = b"\0".join(words)
    try:
        connection.sendall(len(message).to_bytes(4, "big") + message)
    except OSError:
        return False
    return True


def spawn(program: bytes, argv: "list[bytes]", environment: "dict[bytes, bytes]") -> int:
    """Starts the real program; returns its process id."""
    if hasattr(posix, "posix_spawn"):
        return posix.posix_spawn(program, argv, environment, setsigdef=_PYTHON_IGNORES)
    pid = posix.fork()
    if pid == 0:
        try:
            for number in _PYTHON_IGNORES:
                _signal.signal(number, _signal.SIG_DFL)
            posix.execve(program, argv, environment)
        finally:
            posix._exit(_NOT_FOUND)
    return pid


def die_by(number: int) -> None:
    """Ends this process by the signal that ended the real program, without a core file of its own."""
    if number not in (1, 2, 9, 13, 15):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != 9:
        _signal.signal(number, _signal.SIG_DFL)
    posix.kill(posix.getpid(), number)
    posix._exit(128 + number)


def forward(pid: int) -> None:
    """Whoever ends us ends the real program; we stay to say how it ended."""

    def pass_on(number: int, _frame: object) -> None:
        try:
            posix.kill(pid, number)
        except OSError:
            pass

    for number in _FORWARDED:
        if _signal.getsignal(number) != _signal.SIG_IGN:
            _signal.signal(number, pass_on)


def wait(pid: int) -> "tuple[int, resource.struct_rusage]":
    """Status and resource use of the real program."""
    while True:
        try:
            _, status, used = posix.wait4(pid, 0)
            return status, used
        except InterruptedError:
            continue


def main(invoked: bytes) -> int:
    """Runs the real program for `invoked`, the path by which we were started."""
    directory, _, name = invoked.rpartition(b"/")
    environment = environment_without(directory)
    program = real_program(name, directory, posix.environ.get(b"PATH", b"/usr/local/bin:/usr/bin:/bin"))
    if program is None:
        posix.write(2, name + b": command not found\n")
        return _NOT_FOUND
    arguments = [_encode(word) for word in sys.argv[1:]]
    argv = [program, *arguments]
    agent = posix.environ.get(AGENT)
    connection = connect(agent) if agent else None
    if connection is None or not send(connection, [b"begin", posix.getcwdb(), *argv]):
        for number in _PYTHON_IGNORES:
            _signal.signal(number, _signal.SIG_DFL)
        posix.execve(program, argv, environment)
    try:
        pid = spawn(program, argv, environment)
    except OSError as error:
        posix.write(2, name + b": " + str(error.strerror).encode() + b"\n")
        return 126
    forward(pid)
    status, used = wait(pid)
    figures = (status, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
    send(connection, [b"end"] + [repr(figure).encode() for figure in figures])
    connection.close()
    if status & 0x7F:
        die_by(status & 0x7F)
    return status >> 8


def _encode(word: str) -> bytes:
    return word.encode(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())
