"""How fast a build log is read, and in how much memory: `python benchmarks/log_throughput.py [MEGABYTES]`.

Each shape of log is made piece by piece while it is read, so that the memory is the scanner's; only the time within
the scanner counts. A shape below 50 MB/s on one core, or one that takes more than 40 MB over an empty log's memory, is
exit status 1.
"""

from __future__ import annotations

import multiprocessing
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator

from arm_ci.diagnosis.judging.judge import judge
from arm_ci.diagnosis.reading.log_scanner import LogScanner

LEAST_MEGABYTES_PER_SECOND = 50.0
MOST_MEGABYTES = 40.0
PIECE_BYTES = 1 << 16

Shape = Callable[[], Iterator[bytes]]


def _lines(make: Callable[[int], str]) -> Iterator[bytes]:
    """Pieces of some 64 KB without end, of numbered lines."""
    number = 0
    while True:
        lines = []
        count = 0
        while count < PIECE_BYTES:
            line = make(number)
            lines.append(line)
            count += len(line) + 1
            number += 1
        yield ("\n".join(lines) + "\n").encode()


def _ordinary() -> Iterator[bytes]:
    includes = " ".join(f"-I/usr/include/failing/signal{each}/bits" for each in range(12))

    def line(number: int) -> str:
        name = f"src/memory_{number}.cpp"
        if number % 10 == 9:
            return f"/home/user/{name}:12:7: warning: unused variable 'error' [-Wunused-variable]\n   12 |   int error;"
        return (
            f"[{number}/40000] /usr/bin/c++ -DOOM_KILL=137 -DUSE_MEMORYWATCHER=1 -Werror -Wall {includes} -O2 -g "
            f"-MD -MT CMakeFiles/x.dir/{name}.o -o CMakeFiles/x.dir/{name}.o -c /home/user/{name}"
        )

    return _lines(line)


def _cmake_makefiles() -> Iterator[bytes]:
    return _lines(lambda number: f"[ {number % 100:2}%] Building CXX object lib/CMakeFiles/x.dir/file_{number}.cpp.o")


def _coloured() -> Iterator[bytes]:
    return _lines(lambda number: f"\x1b[32m[{number}/9]\x1b[0m \x1b[1mBuilding\x1b[0m \x1b[35mx{number}.o\x1b[m\x1b[K")


def _progress() -> Iterator[bytes]:
    return _lines(lambda number: f"\r  {number % 100} 1000M  {number} 0:00:01\r" * 40)


def _short_lines() -> Iterator[bytes]:
    while True:
        yield b"a\n" * (PIECE_BYTES // 2)


def _one_line() -> Iterator[bytes]:
    while True:
        yield b"x" * PIECE_BYTES


def _one_line_of_errors() -> Iterator[bytes]:
    while True:
        yield b"error: killed FAILED: make: *** [x] Error 137 " * (PIECE_BYTES // 46)


def _zeros() -> Iterator[bytes]:
    while True:
        yield bytes(PIECE_BYTES)


def _noise() -> Iterator[bytes]:
    source = random.Random(1)
    pieces = [source.randbytes(PIECE_BYTES) for _ in range(16)]
    while True:
        yield from pieces


def _compile_errors() -> Iterator[bytes]:
    return _lines(lambda number: f"src/a{number}.cpp:{number}:3: error: 'x{number}' was not declared in this scope")


def _make_errors() -> Iterator[bytes]:
    return _lines(lambda number: f"make[2]: *** [Makefile:{number}: file_{number}.o] Error 1")


def _ninja_errors() -> Iterator[bytes]:
    return _lines(lambda number: f"[{number}/9] CXX a\nFAILED: out{number}.o \ng++ -c a.cpp -o out{number}.o\nKilled")


def _kills() -> Iterator[bytes]:
    return _lines(
        lambda number: f"g++: fatal error: Killed signal terminated program cc1plus\nmake: *** [a{number}.o] Error 1"
    )


def _kernel() -> Iterator[bytes]:
    return _lines(
        lambda number: (
            f"[{number}.5] Out of memory: Killed process {number} (cc1plus) total-vm:9kB, anon-rss:8kB, file-rss:0kB"
        )
    )


def _names() -> Iterator[bytes]:
    name = "a" * 200
    return _lines(lambda number: f"make: *** [{name}b] Error 1" if number % 500 == 0 else name * 3)


def _open_edge() -> Iterator[bytes]:
    yield b"FAILED: a.o\ng++ -c a.cpp -o a.o\n"
    yield from _lines(lambda number: f"a.cpp:{number}: note: [{number}/] ninja :")


def _crash_reports() -> Iterator[bytes]:
    return _lines(lambda number: "Stack dump:\nPLEASE submit a bug report to x\nLLVM ERROR: out of memory")


def _every_word() -> Iterator[bytes]:
    return _lines(
        lambda number: (
            f"{number} error: CMake Error failed killed terminated due to signal SIGKILL collect2 cc1 out of memory "
            "cannot allocate memory exhausted bad_alloc No space left disk full quota exceeded fatal: 137 oom-kill"
        )
    )


SHAPES: dict[str, Shape] = {
    "ordinary: long command lines, warnings": _ordinary,
    "CMake's makefiles, short lines": _cmake_makefiles,
    "colours in every line": _coloured,
    "progress bars (carriage returns)": _progress,
    "lines of one letter": _short_lines,
    "one line without end": _one_line,
    "one line of errors without end": _one_line_of_errors,
    "zeros": _zeros,
    "random bytes": _noise,
    "compile errors without end": _compile_errors,
    "make errors without end": _make_errors,
    "failed edges of ninja without end": _ninja_errors,
    "kills without end": _kills,
    "kernel records without end": _kernel,
    "a failed output's name without end": _names,
    "a failed edge that never ends": _open_edge,
    "crash reports without end": _crash_reports,
    "every word that is looked for, in every line": _every_word,
}


def measure(name: str, megabytes: int) -> tuple[float, float, str]:
    """MB/s within the scanner, peak memory of the process in MB, and the kind of the verdict."""
    scanner = LogScanner()
    fed = 0
    spent = 0.0
    for piece in SHAPES[name]():
        begin = time.process_time()
        scanner.feed(piece)
        spent += time.process_time() - begin
        fed += len(piece)
        if fed >= megabytes << 20:
            break
    begin = time.process_time()
    verdict = judge(scanner.finish())
    spent += time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return fed / (1 << 20) / spent, peak, verdict.kind


def _empty() -> float:
    judge(LogScanner().finish())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(arguments: list[str]) -> int:
    """Prints the table."""
    megabytes = int(arguments[0]) if arguments else 100
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        empty = pool.apply(_empty)
        print(f"{megabytes} MB of each shape; an empty log takes {empty:.0f} MB")
        print(f"{'log':46} {'MB/s':>7} {'peak MB':>8}  verdict")
        good = True
        for name in SHAPES:
            speed, peak, kind = pool.apply(measure, (name, megabytes))
            good = good and speed >= LEAST_MEGABYTES_PER_SECOND and peak - empty <= MOST_MEGABYTES
            print(f"{name:46} {speed:7.0f} {peak:8.0f}  {kind}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
