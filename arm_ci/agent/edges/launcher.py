"""Stands before a compiler or archiver in the masquerade directory: asks the agent to begin, and says how it ended.

The agent may let it wait, may have it run the real program once more when memory killed it, and may change the command.
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
GO = b"go"
AGAIN = b"again"
DONE = b"done"
REFUSED = b"refused"
"""The agent's replies: the command may start, changed when words follow; it starts once more; its end is taken note of;
nothing starts any more."""
_NOT_FOUND = 127
_NOT_EXECUTABLE = 126
_NO_SUCH_FILE = 2  # ENOENT
_NO_FORMAT = 8  # ENOEXEC
# What Python ignores at its start, and a compiler must not.
_PYTHON_IGNORES = (13, 25)  # SIGPIPE, SIGXFSZ
_FORWARDED = (1, 2, 3, 15)  # SIGHUP, SIGINT, SIGQUIT, SIGTERM
_PATIENCE_SECONDS = 30
_SEND_TIMEOUT = (1, 21)  # SOL_SOCKET, SO_SNDTIMEO of the kernel's generic ABI, which x86 and ARM have


def places_of(path: bytes, invoked: bytes) -> "tuple[list[bytes], list[bytes]]":
    """The directories of PATH without the one that we were started from: those behind it, and all.

    It is known by what it is, for it may be spelt in many ways.
    """
    behind: "list[bytes]" = []
    every: "list[bytes]" = []
    own = posix.stat(invoked.rpartition(b"/")[0] or b".")
    is_behind = False
    for place in path.split(b":"):
        try:
            found = posix.stat(place or b".")
        except OSError:
            found = None
        if found is not None and (found.st_ino, found.st_dev) == (own.st_ino, own.st_dev):
            is_behind = True
            continue
        every.append(place)
        if is_behind:
            behind.append(place)
    return behind, every


def real_program(name: bytes, places: "list[bytes]", known: bytes) -> bytes:
    """The first program of that name in these directories, otherwise the one that was known to the agent.

    That one is meant by who calls us by our path, as CMake does: it found us where the agent knew it.
    """
    for place in places:
        found = (place or b".") + b"/" + name
        try:
            if posix.access(found, posix.X_OK) and posix.stat(found).st_mode & 0o170000 == 0o100000:
                return found
        except OSError:
            continue
    return known


def given_locale() -> "bytes | None":
    """LC_CTYPE as we were given it: in a C locale Python sets it (PEP 538), and compilers would speak otherwise."""
    now = posix.environ.get(b"LC_CTYPE")
    if now not in (b"C.UTF-8", b"C.utf8", b"UTF-8"):
        return now
    try:
        file = posix.open(b"/proc/self/environ", posix.O_RDONLY)
        given = b"\0"
        while True:
            part = posix.read(file, 1 << 20)
            if not part:
                break
            given += part
        posix.close(file)
    except OSError:
        return now
    start = given.find(b"\0LC_CTYPE=")
    return None if start < 0 else given[start + 10 : given.find(b"\0", start + 1)]


def environment_with(places: "list[bytes]") -> "dict[bytes, bytes]":
    """The environment for the real program: what it starts is part of the same edge."""
    variables = dict(posix.environ)
    variables.pop(AGENT, None)
    if b"PATH" in variables:
        variables[b"PATH"] = b":".join(places)
    locale = given_locale()
    if locale is not None:
        variables[b"LC_CTYPE"] = locale
    else:
        variables.pop(b"LC_CTYPE", None)
    return variables


def connect(name: bytes) -> "socket | None":
    """A connection to the agent, or None when it is gone."""
    connection = socket(AF_UNIX, SOCK_STREAM)
    try:
        # An agent that hangs must not hang the build. The value is a struct timeval: two longs.
        size = 8 if sys.maxsize > 1 << 32 else 4
        connection.setsockopt(*_SEND_TIMEOUT, _PATIENCE_SECONDS.to_bytes(size, sys.byteorder) + bytes(size))
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


def receive(connection: socket) -> "list[bytes]":
    """A message of the agent's, however long that takes; without words when the agent is gone."""
    length = _receive_exactly(connection, 4)
    return _receive_exactly(connection, int.from_bytes(length, "big")).split(b"\0") if length else []


def _receive_exactly(connection: socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        try:
            part = connection.recv(size - len(data))
        except OSError:
            part = b""
        if not part:
            return b""
        data += part
    return data


def spawn(program: bytes, argv: "list[bytes]", environment: "dict[bytes, bytes]", mask: "set[int]") -> int:
    """Starts the real program with this mask of blocked signals; returns its process id. Raises OSError."""
    if hasattr(posix, "posix_spawn"):
        return posix.posix_spawn(program, argv, environment, setsigdef=_PYTHON_IGNORES, setsigmask=mask)
    pid = posix.fork()
    if pid == 0:
        try:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
            become(program, argv, environment)
        finally:
            posix._exit(_NOT_FOUND)
    return pid


def become(program: bytes, argv: "list[bytes]", environment: "dict[bytes, bytes]") -> int:
    """Takes the place of the real program; where that cannot be, the exit status that a shell would give."""
    for number in _PYTHON_IGNORES:
        _signal.signal(number, _signal.SIG_DFL)
    try:
        posix.execve(program, argv, environment)
    except OSError as error:
        if error.errno == _NO_FORMAT:
            # A script without a first line that names its interpreter.
            posix.execve(b"/bin/sh", [b"/bin/sh", program, *argv[1:]], environment)
        posix.write(2, program + b": " + str(error.strerror).encode() + b"\n")
        return _NOT_FOUND if error.errno == _NO_SUCH_FILE else _NOT_EXECUTABLE


def die_by(number: int) -> None:
    """Ends this process by the signal that ended the real program, without a core file of its own."""
    if number not in (1, 2, 9, 13, 15):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != 9:
        _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (number,))
    posix.kill(posix.getpid(), number)
    posix._exit(128 + number)


def forward(pid: int) -> "list[tuple[int, object]]":
    """Whoever ends us ends the real program; we stay to say how it ended. Returns what the signals did before."""

    def pass_on(number: int, _frame: object) -> None:
        try:
            posix.kill(pid, number)
        except OSError:
            pass

    wanted = [number for number in _FORWARDED if _signal.getsignal(number) != _signal.SIG_IGN]
    return [(number, _signal.signal(number, pass_on)) for number in wanted]


def wait(pid: int) -> "tuple[int, resource.struct_rusage]":
    """Status and resource use of the real program."""
    while True:
        try:
            _, status, used = posix.wait4(pid, 0)
            return status, used
        except InterruptedError:
            continue


def main(invoked: bytes, known: bytes) -> int:
    """Runs the real program for `invoked`, the path by which we were started; `known` is where the agent found it."""
    # Until the real program runs, a signal that ends it ends us, without a word of Python's.
    mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, _FORWARDED)
    if _signal.getsignal(2) != _signal.SIG_IGN:
        _signal.signal(2, _signal.SIG_DFL)
    behind, every = places_of(posix.environ.get(b"PATH", b""), invoked)
    environment = environment_with(every)
    program = real_program(invoked.rpartition(b"/")[2], behind, known)
    argv = [program, *map(_encode, sys.argv[1:])]
    agent = posix.environ.get(AGENT)
    connection = connect(agent) if agent else None
    if connection is None or not send(connection, [b"begin", _directory(), *argv]):
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        return become(program, argv, environment)
    status: "int | None" = None
    while status is None:
        # While it waits a signal ends it.
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        reply = receive(connection)
        if reply[:1] != [GO]:
            # There is no agent any more, or it is ending the build: whoever started us ends as well.
            die_by(15)
        # What the agent has changed is to run instead, this time.
        words = reply[1:] or argv
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _FORWARDED)
        try:
            pid = spawn(words[0], words, environment, mask)
        except OSError:
            # No room for one process more, or no program: it is no edge that we could speak of.
            send(connection, [b"forget"])
            _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
            return become(words[0], words, environment)
        status = end_of(pid, connection, mask)
    connection.close()
    if status & 0x7F:
        die_by(status & 0x7F)
    return status >> 8


def end_of(pid: int, connection: socket, mask: "set[int]") -> "int | None":
    """Waits for the real program and tells the agent how it ended; the status, or None when it is to run again."""
    handlers = forward(pid)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
    status, used = wait(pid)
    for number, handler in handlers:
        _signal.signal(number, handler)
    figures = (status, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
    is_heard = send(connection, [b"end"] + [repr(figure).encode() for figure in figures])
    return None if status and is_heard and receive(connection)[:1] == [AGAIN] else status


def _directory() -> bytes:
    try:
        return posix.getcwdb()
    except OSError:
        return b""  # it has been removed


def _encode(word: str) -> bytes:
    return word.encode(sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())
