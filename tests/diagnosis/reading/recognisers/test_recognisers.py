"""Each message of each tool means what it says, and names the program, output and bytes that it names."""

# ruff: noqa: RUF001  (letters and quotes as the tools print them)

import pytest

from arm_ci.agent.edges.command_line import COMPILED_HERE
from arm_ci.diagnosis.reading.recognisers import recognise

ENDS = [
    ("g++: fatal error: Killed signal terminated program cc1plus", "killed", "cc1plus", 9),
    ("g++: fatal error: Getötet signal terminated program cc1plus", "killed", "cc1plus", 9),
    ("gcc: 致命错误：已杀死 signal terminated program cc1", "killed", "cc1", 9),
    ("gcc: erreur fatale: le signal Processus arrêté a terminé le programme cc1", "killed", "cc1", 9),
    ("g++: fatal error: Terminado (killed) signal terminated program cc1plus", "killed", "cc1plus", 9),
    # A language that nobody foresaw: gcc says `fatal error` for the signals from outside alone.
    ("g++: fatal error: Gwrthodwyd signal terminated program cc1plus", "killed", "cc1plus", 0),
    ("c++: internal compiler error: Killed (program cc1plus)", "killed", "cc1plus", 9),
    ("g++: Internal error: Killed (program cc1plus)", "killed", "cc1plus", 9),
    ("arm-linux-gnueabihf-gcc-4.9.2: internal compiler error: Killed (program lto1)", "killed", "lto1", 9),
    ("g++: fatal error: Terminated signal terminated program cc1plus", "terminated", "cc1plus", 15),
    (
        "g++: internal compiler error: Segmentation fault signal terminated program cc1plus",
        "crashed",
        "cc1plus",
        11,
    ),
    ("collect2: fatal error: ld terminated with signal 9 [Killed]", "killed", "ld", 9),
    ("collect2: error: ld terminated with signal 9 [Killed: 9]", "killed", "ld", 9),
    ("collect2: fatal error: ld mit Signal 9 [Getötet] beendet", "killed", "ld", 9),
    ("collect2: fatal error: ld terminated with signal 7 [Bus error], core dumped", "crashed", "ld", 7),
    ("collect2: fatal error: ld terminated with signal 25 [File size limit exceeded]", "file-limit", "ld", 25),
    ("lto-wrapper: fatal error: gcc terminated with signal 9 [Killed]", "killed", "gcc", 9),
    ("clang: error: unable to execute command: Killed", "killed", "", 9),
    ("clang-14: error: unable to execute command: Segmentation fault (core dumped)", "crashed", "", 11),
    (
        "clang: error: clang frontend command failed with exit code 139 (use -v to see invocation)",
        "crashed",
        "clang",
        11,
    ),
    ("clang: error: clang frontend command failed with exit code 137 (use -v to see invocation)", "killed", "clang", 9),
    ("Killed", "killed", "", 9),
    ("Getötet", "killed", "", 9),
    ("Terminated", "terminated", "", 15),
    ("Segmentation fault (core dumped)", "crashed", "", 11),
    ("Speicherzugriffsfehler (Speicherabzug geschrieben)", "crashed", "", 11),
    ("Illegal instruction", "crashed", "", 4),
    ("zsh: killed     make -j4", "killed", "", 9),
    ("[1]    16970 bus error  zig cc -o test test.c", "crashed", "", 7),
    ("internal compiler error: Illegal instruction", "crashed", "", 4),
    ("error: command '/usr/bin/gcc' failed with signal 9", "killed", "", 9),
    ("process didn't exit successfully: `rustc --crate-name x` (signal: 9, SIGKILL: kill)", "killed", "", 9),
    ("subprocess.CalledProcessError: Command '['make']' died with <Signals.SIGKILL: 9>.", "killed", "", 9),
    ("subprocess.CalledProcessError: Command 'make' returned non-zero exit status -9.", "killed", "", 9),
    ("xargs: cc: terminated by signal 9", "killed", "cc", 9),
    ("app.service: Main process exited, code=killed, status=9/KILL", "killed", "", 9),
    ("ninja: build stopped: interrupted by user.", "terminated", "ninja", 2),
]


@pytest.mark.parametrize(("line", "means", "program", "signal"), ENDS)
def test_the_end_of_a_process_is_read_in_any_language(line, means, program, signal):
    found = recognise(line)
    assert found is not None
    assert (found.means, found.program, found.signal) == (means, program, signal)


@pytest.mark.parametrize(
    "line",
    [
        "The command '/bin/sh -c make' returned a non-zero code: 137",
        "ERROR: Job failed: exit code 137",
        "##[error]Process completed with exit code 137.",
        "rc=137",
        "[ERROR] exit status 137",
        'failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 137',
        "make failed with return code 137: exit status: 137",
        "      Exit Code:    137",
        '"ExitCode": 137',
    ],
)
def test_an_exit_status_of_137_is_a_kill_that_somebody_passes_on(line):
    found = recognise(line)
    assert found is not None
    assert (found.means, found.signal, found.status) == ("killed", 9, 137)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("/bin/bash: line 1: 26843 Killed                  clang++ -c eat.cpp -o eat.o", "clang++ -c eat.cpp -o eat.o"),
        ("./build.sh: line 12:  4242 Getötet                 ./gen out.txt", "./gen out.txt"),
        ("/bin/sh: 1: 4242 Killed   ./gen out.txt", "./gen out.txt"),
    ],
)
def test_a_shell_names_the_command_that_was_killed(line, command):
    found = recognise(line)
    assert found is not None
    assert (found.means, found.command) == ("killed", command)


MAKE = [
    ("make: *** [Makefile:5: heavy.o] Error 1", "heavy.o", 0, 1, None),
    ("make[2]: *** [heavy.o] Error 4", "heavy.o", 2, 4, None),
    ("make: *** [spin.o] Fehler 137", "spin.o", 0, 137, None),
    ("make: *** [Makefile:5: gen/tables.cpp] Killed", "gen/tables.cpp", 0, None, 9),
    ("make: *** [x] Getötet", "x", 0, None, 9),
    ("make: *** [x] Segmentation fault (core dumped)", "x", 0, None, 11),
    ("make[1]: *** [Makefile:390：src/a.sym.o] 错误 1", "src/a.sym.o", 1, 1, None),
    ("gmake[2]: *** [a/build.make:164 : examples/cpp/Stack] Erreur 1", "examples/cpp/Stack", 2, 1, None),
    ("1583.6 [ERROR]    make[2]: *** [Makefile:1157: insn-emit.o] Error 1", "insn-emit.o", 2, 1, None),
    ("2024-01-02T03:04:05.678Z make: *** [Makefile:5: heavy.o] Error 1", "heavy.o", 0, 1, None),
    ("scons: *** [build/x.os] Error 4", "build/x.os", 0, 4, None),
]


@pytest.mark.parametrize(("line", "output", "level", "status", "signal"), MAKE)
def test_make_names_the_target_that_failed_in_old_and_new_words(line, output, level, status, signal):
    found = recognise(line)
    assert found is not None
    assert (found.means, found.output, found.level) == ("target-failed", output, level)
    assert (found.status, found.signal) == (status, signal)


@pytest.mark.parametrize(
    "line",
    [
        "make: *** Waiting for unfinished jobs....",
        "make: *** Deleting file 'x.o'",
        "make: [Makefile:3: clean] Error 1 (ignored)",
        "make: *** [Makefile:3: clean] Error 1 (ignored)",
        "make: Target 'all' not remade because of errors.",
    ],
)
def test_other_lines_of_make_are_no_failed_target(line):
    found = recognise(line)
    assert found is None or found.means != "target-failed"


REFUSED = [
    ("cc1plus: out of memory allocating 541736 bytes after a total of 10244096 bytes", "cc1plus", "", 541736),
    ("cc1plus.exe: out of memory allocating 3154664 bytes", "cc1plus", "", 3154664),
    ("virtual memory exhausted: Cannot allocate memory", "", "", None),
    ("cc1plus: out of memory", "cc1plus", "", None),
    ("/usr/bin/ld.bfd: final link failed: memory exhausted", "ld.bfd", "", None),
    ("/usr/bin/ld: failed to set dynamic section sizes: Memory exhausted", "ld", "", None),
    ("/usr/bin/ld.gold: out of memory", "ld.gold", "", None),
    (
        "../gold/ld: fatal error: lib.so: mmap: failed to allocate 1522064056 bytes for output file: "
        "Cannot allocate memory",
        "ld.gold",
        "lib.so",
        1522064056,
    ),
    ("ld.lld: error: failed to open bin/app: Cannot allocate memory", "ld.lld", "bin/app", None),
    ("mold: fatal: obj/big.o: mmap failed: Cannot allocate memory", "mold", "", None),
    ("mimalloc: error: unable to allocate memory (72704 bytes)", "mold", "", 72704),
    ("LLVM ERROR: out of memory", "", "", None),
    ("terminate called after throwing an instance of 'std::bad_alloc'", "", "", None),
    ("memory allocation of 2097152 bytes failed", "", "", 2097152),
    ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "", "", None),
    ('Exception in thread "main" java.lang.OutOfMemoryError: Java heap space', "", "", None),
    ("{standard input}: Fatal error: virtual memory exhausted", "as", "", None),
    ("ar: libbig.a: Cannot allocate memory", "ar", "", None),
]


@pytest.mark.parametrize(("line", "program", "output", "asked"), REFUSED)
def test_a_refused_request_names_who_asked_and_for_how_much(line, program, output, asked):
    found = recognise(line)
    assert found is not None
    assert (found.means, found.program, found.output, found.bytes) == ("refused", program, output, asked)


@pytest.mark.parametrize(
    ("line", "means", "program"),
    [
        ("unable to fork: Cannot allocate memory", "fork-refused", ""),
        ("c++: error: vfork: Cannot allocate memory", "fork-refused", "c++"),
        ("make[1]: execvp: printf: Cannot allocate memory", "fork-refused", "make"),
        ("ninja: fatal: posix_spawn: Cannot allocate memory", "fork-refused", "ninja"),
        ("OSError: [Errno 12] Cannot allocate memory", "fork-refused", "python3"),
        ("-bash: fork: Cannot allocate memory", "fork-refused", "bash"),
        ('java.io.IOException: Cannot run program "ld": error=12, Cannot allocate memory', "fork-refused", ""),
        (
            "/usr/lib/gcc/12/cc1plus: error while loading shared libraries: libisl.so.23: failed to map segment from "
            "shared object",
            "not-loaded",
            "cc1plus",
        ),
        (
            "/usr/bin/ld.mold: error while loading shared libraries: libz.so.1: failed to map segment from shared "
            "object",
            "not-loaded",
            "mold",
        ),
        ("/usr/bin/ld.bfd: error: bin/app(.debug_info) is too large (0x96000000 bytes)", "too-large", "ld.bfd"),
        ("mold: fatal: ftruncate failed: Invalid argument", "too-large", "mold"),
    ],
)
def test_other_refusals_are_told_apart(line, means, program):
    found = recognise(line)
    assert found is not None
    assert (found.means, found.program) == (means, program)


DISK = [
    ("/usr/bin/ld.bfd: final link failed: No space left on device", "ld.bfd", ""),
    ("/usr/bin/ld.gold: fatal error: bin/app: No space left on device", "ld.gold", "bin/app"),
    ("ld.lld: error: failed to open bin/app: No space left on device", "ld.lld", "bin/app"),
    ("mold: failed to write to an output file. Disk full?", "mold", ""),
    ("heavy.cpp:19:1: fatal error: error writing to /tmp/ccX.s: No space left on device", "", ""),
    ("/tmp/ccX.s: Fatal error: sub/h.o: No space left on device", "as", "sub/h.o"),
    ("{standard input}: Fatal error: can't close h.o: No space left on device", "as", "h.o"),
    (
        "/tmp/ccX.s: Fatal error: can't write 10 bytes to section .text of h.o: 'No space left on device'",
        "as",
        "h.o",
    ),
    ("fatal error: error in backend: IO failure on output stream: No space left on device", "", ""),
    ("LLVM ERROR: IO failure on output stream: No space left on device", "", ""),
    ("ar: libbig.a: No space left on device", "ar", ""),
    ("tar: x/y.cpp: Cannot write: No space left on device", "tar", ""),
    ("fatal: write error: No space left on device", "git", ""),
    ("error: failed to write x.rmeta: No space left on device (os error 28)", "", ""),
    ("/usr/bin/ld : échec de l'édition de liens finale : Aucun espace disponible sur le périphérique", "ld", ""),
    ("cp: error writing 'x': Disk quota exceeded", "cp", ""),
]


@pytest.mark.parametrize(("line", "program", "output"), DISK)
def test_a_full_disk_is_told_by_whoever_could_not_write(line, program, output):
    found = recognise(line)
    assert found is not None
    assert (found.means, found.program, found.output) == ("disk-full", program, output)


OTHERS = [
    ("src/a.cpp:2:32: error: no member named 'x' in 'Y'", "compile", "", ""),
    ("a.c:1:10: fatal error: x.h: No such file or directory", "compile", "", ""),
    ('src/a.cu(303): error: identifier "x" is undefined', "compile", "", ""),
    ("cc1plus: all warnings being treated as errors", "compile", "cc1plus", ""),
    ("c++: error: unrecognized command line option '-std=c++98x'", "driver", "c++", ""),
    ("{standard input}:1135: Error: end of file not at end of a line", "assembler", "as", ""),
    ("src/a.cpp:2:39: internal compiler error: Bus error", "crashed", "", ""),
    ("/usr/bin/ld: a.o: undefined reference to `f()'", "link", "ld", ""),
    ("ld.lld: error: undefined symbol: f()", "link", "ld.lld", ""),
    ("mold: error: undefined symbol: f()", "link", "mold", ""),
    ("/usr/bin/ld: cannot find -lfoo: No such file or directory", "link", "ld", ""),
    ("collect2: error: ld returned 1 exit status", "linker-failed", "ld", ""),
    ("collect2: erreur: ld a retourné le statut de sortie 1", "linker-failed", "ld", ""),
    ("clang: error: linker command failed with exit code 1 (use -v to see invocation)", "linker-failed", "ld", ""),
    ("ninja: error: 'a/lib.a', needed by 'b', missing and no known rule to make it", "missing", "ninja", "a/lib.a"),
    ("make: *** No rule to make target 'a/lib.a', needed by 'b'.  Stop.", "missing", "make", "a/lib.a"),
    ("CMake Error at CMakeLists.txt:20 (find_package):", "configure", "cmake", ""),
    ("configure: error: C compiler cannot create executables", "configure", "configure", ""),
    ('../meson.build:12:0: ERROR: Dependency "foo" not found', "configure", "meson", ""),
    ("No match for argument: pkgconfig(x) >= 2.0", "configure", "dnf5", ""),
    ("E: Unable to locate package libfoo-dev", "configure", "apt-get", ""),
    ("Error: Package: devtoolset-11-11.1-2.el7.aarch64 (centos-sclo-rh)", "configure", "yum", ""),
    ("error: patch failed: mm/a.c:9", "patch", "git", "mm/a.c"),
    ("error: mm/a.c: patch does not apply", "patch", "git", "mm/a.c"),
    ("1 out of 5 hunks FAILED -- saving rejects to file config.sh.rej", "patch", "patch", "config.sh"),
    ("fatal: unable to access 'https://x/y.git/': Could not resolve host: x", "network", "git", ""),
    ("Failed to clone 'extern/x' a second time, aborting", "network", "git", "extern/x"),
    ("curl: (22) The requested URL returned error: 404", "network", "curl", ""),
    ("2024-01-02 03:04:05 ERROR 404: Not Found.", "network", "wget", ""),
    ("E: Failed to fetch http://deb/x.deb  404  Not Found", "network", "apt", ""),
    ("\t 66 - MFHDF-test (Subprocess aborted)", "test", "MFHDF-test", ""),
    ("[  FAILED  ] Suite.Name (3 ms)", "test", "Suite.Name", ""),
    ("FAIL: unit_memory", "test", "unit_memory", ""),
    (" 5/10 suite / unit FAIL            0.01s   exit status 1", "test", "suite / unit", ""),
    ("FAILED tests/test_x.py::test_y - assert 1 == 2", "test", "tests/test_x.py::test_y", ""),
    ("116 runs, 259 assertions, 0 failures, 1 errors, 0 skips", "test", "", ""),
    ("      Reason:       OOMKilled", "oom-status", "", ""),
    ("app.service: Failed with result 'oom-kill'.", "oom-status", "", ""),
    ("OOMKilled:false,", "not-oom", "", ""),
    ("The runner has received a shutdown signal. This can happen when it is stopped.", "worker-lost", "", ""),
    ("java.io.IOException: Backing channel 'JNLP4 x' is disconnected.", "worker-lost", "", ""),
    ("The self-hosted runner: x lost communication with the server.", "worker-lost", "", ""),
    ("No output has been received in the last 10m0s", "silent", "", ""),
    ("command timed out: 1200 seconds without output running [b'make'], attempting to kill", "silent", "", ""),
    ("Build timed out (after 60 minutes). Marking the build as aborted.", "timed-out", "", ""),
]


@pytest.mark.parametrize(("line", "means", "program", "output"), OTHERS)
def test_other_failures_have_their_reason(line, means, program, output):
    found = recognise(line)
    assert found is not None
    assert (found.means, found.program, found.output) == (means, program, output)


SPEAKS_OF_IT = [
    "src/oom.cpp:12:3: warning: 'killed' is deprecated: out of memory handler [-Wdeprecated]",
    "src/oom.cpp:12:3: note: Cannot allocate memory",
    '   12 |   return "g++: fatal error: Killed signal terminated program cc1plus";',
    "      |   No space left on device",
    "cc -DOOM_MSG='\"Cannot allocate memory\"' -Werror -c x.c -o out_of_memory.o",
    "checking whether malloc can run out of memory... no",
    "[ 10%] Building CXX object src/CMakeFiles/x.dir/memory_exhausted.cpp.o",
    'echo "No space left on device"',
    "-- Performing Test HAVE_KILLED - Failed",
    "Installing: /usr/include/killed.h",
    "test_out_of_memory_is_reported ... ok",
    "ok 137 - memory exhausted",
    "[       OK ] Oom.Killed (137 ms)",
    "Killed mutants: 12",
    "Завершено",
    "Beendet",
    "Complété",
    "x.cpp:3:1: error: static assertion failed: out of memory",
    "[137/2000] CXX obj/a.o",
    "12 tests failed with 2 known issues",
    "downloading 137 of 138",
    "/usr/bin/ld: warning: a.o: missing .note.GNU-stack section implies executable stack",
    "gcc version 13.7.137",
]


@pytest.mark.parametrize("line", SPEAKS_OF_IT)
def test_a_line_that_merely_speaks_of_memory_or_kills_is_neither(line):
    found = recognise(line)
    assert found is None or found.means in ("compile", "test"), found


@pytest.mark.parametrize(
    "line",
    [
        "a: error while loading shared libraries: b.so: cannot open shared object file: No such file or directory",
        "a: error while loading shared libraries: b.so: failed to map segment from shared object: Permission denied",
    ],
)
def test_a_library_that_is_missing_or_may_not_be_executed_is_not_a_matter_of_memory(line):
    found = recognise(line)
    assert found is None or found.means != "not-loaded"


def test_why_a_helper_did_not_compile_is_no_reason_for_anything():
    reason = "failed to resolve host big port 3632: Temporary failure in name resolution"
    assert recognise(reason) is not None
    assert recognise(COMPILED_HERE + reason) is None
