"""From a log alone: kind, culprit and the sentence that a maintainer reads."""

import pytest
from judged import judged, said, scanned

from arm_ci.agent.report import OomRecord
from arm_ci.diagnosis.judging.judge import Ended

NEARLY = "a SIGKILL in a build is nearly always the kernel's, for want of memory"
UNTOLD = "which limit refused it cannot be told from the log"
KILLED = "g++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.\n"

SENTENCES = [
    (
        f"g++ -c -o heavy.o heavy.cpp\n{KILLED}make: *** [Makefile:5: heavy.o] Error 1\n",
        f"oom-kill: cc1plus was killed while compiling heavy.o: {NEARLY}",
        "likely",
    ),
    (
        "[1/1] LINK bin/app\nFAILED: bin/app\ng++ -fuse-ld=gold a.o -o bin/app\n"
        "/usr/bin/ld.gold: fatal error: bin/app: mmap: failed to allocate 1073749752 bytes for output file: Cannot "
        "allocate memory\ncollect2: error: ld returned 1 exit status\nninja: build stopped: subcommand failed.\n",
        f"alloc-failed: ld.gold could not get 1,073,749,752 bytes while linking bin/app: {UNTOLD}",
        "certain",
    ),
    (
        "arm-linux-gnueabihf-g++ -fuse-ld=gold a.o -o bin/app\n/usr/bin/ld.gold: out of memory\n"
        "collect2: error: ld returned 1 exit status\nmake: *** [bin/app] Error 1\n",
        "address-space: ld.gold could not get memory while linking bin/app: the tools are 32-bit programs "
        "(arm-linux-gnueabihf), whose address space ends at 2 to 4 GB",
        "likely",
    ),
    (
        "/usr/bin/ld.bfd: error: bin/app(.debug_info) is too large (0x96000000 bytes)\n",
        "address-space: ld.bfd could not make bin/app: a section of 2,516,582,400 bytes (2.3 GB) does not fit the "
        "linker's 32-bit address space",
        "certain",
    ),
    (
        "make: fork: Cannot allocate memory\n",
        "overcommit: make could not get memory: the kernel would not promise memory for another process",
        "likely",
    ),
    (
        "g++ -o bin/app a.o\n/usr/bin/ld: final link failed: No space left on device\n"
        "collect2: error: ld returned 1 exit status\nmake: *** [bin/app] Error 1\n",
        "disk-full: ld could not write bin/app: no space left on the disk",
        "certain",
    ),
    (
        "FAILED: bin/app\nclang++ -fuse-ld=lld a.o -o bin/app\nclang: error: unable to execute command: Bus error\n"
        "clang: error: linker command failed due to signal (use -v to see invocation)\n",
        "disk-full: ld.lld could not write bin/app: it ended by SIGBUS, as a linker does that maps its output on a "
        "full disk",
        "likely",
    ),
    (
        "FAILED: a.o\ng++ -c a.cpp -o a.o\na.cpp:1:1: internal compiler error: Bus error\n",
        "compiler-crash: cc1plus ended by SIGBUS while compiling a.o",
        "likely",
    ),
    (
        "FAILED: a.o\ng++ -c a.cpp -o a.o\na.cpp:9:1: error: 'x' was not declared in this scope\n",
        "compile-error: a.o does not compile: a.cpp:9:1: error: 'x' was not declared in this scope",
        "certain",
    ),
    (
        "FAILED: app\ng++ a.o -o app\n/usr/bin/ld: a.o: in function `main':\na.cpp:(.text+0x5): undefined reference to "
        "`f()'\ncollect2: error: ld returned 1 exit status\n",
        "link-error: app does not link: a.cpp:(.text+0x5): undefined reference to `f()'",
        "certain",
    ),
    (
        "ninja: error: 'a/lib.a', needed by 'bin/app', missing and no known rule to make it\n",
        "missing-byproduct: ninja knows no rule that makes a/lib.a: bin/app needs it",
        "likely",
    ),
    (
        "configure: error: no acceptable C compiler found in $PATH\n",
        "configure-error: configure could not set the build up: configure: error: no acceptable C compiler found in "
        "$PATH",
        "likely",
    ),
    (
        "error: patch failed: src/a.c:101\nerror: src/a.c: patch does not apply\n",
        "patch-failed: the patch does not apply to src/a.c: error: patch failed: src/a.c:101",
        "likely",
    ),
    (
        "The following tests FAILED:\n\t  5 - unit_memory (Failed)\nErrors while running CTest\n",
        "test-failure: test unit_memory failed: The following tests FAILED:",
        "likely",
    ),
    (
        "Cloning into 'deps/x'...\nfatal: unable to access 'http://h/x.git/': Could not resolve host: h\n",
        "network: git could not fetch deps/x: fatal: unable to access 'http://h/x.git/': Could not resolve host: h",
        "likely",
    ),
    (
        "./gen out.txt\nmake: *** [Makefile:3: out.txt] Terminated\n",
        "killed-other: gen was ended while making out.txt by a request to end (SIGTERM)",
        "certain",
    ),
    (
        "g++ a.o -o app\ncollect2: fatal error: ld terminated with signal 25 [File size limit exceeded]\n"
        "compilation terminated.\nmake: *** [app] Error 1\n",
        "killed-other: ld was ended while linking app by the limit on the size of files (ulimit -f)",
        "certain",
    ),
    (
        "./gen out.txt\nmake: *** [Makefile:3: out.txt] Illegal instruction\n",
        "killed-other: gen was ended while making out.txt by an illegal instruction (SIGILL): code for "
        "another processor",
        "certain",
    ),
    (
        "The runner has received a shutdown signal. This can happen when the runner service is stopped.\n",
        "worker-lost: the connection to the worker broke off",
        "likely",
    ),
    (
        "No output has been received in the last 10m0s, this potentially indicates a stalled build.\n",
        "thrashing: the build was stopped after a long time without output; a machine that swaps looks so, but nothing "
        "shows that it did",
        "possible",
    ),
    (
        "Build timed out (after 60 minutes). Marking the build as aborted.\n",
        "killed-other: the build did not fail by itself: it was stopped because it took too long or was cancelled",
        "likely",
    ),
    (
        "      Reason:       OOMKilled\n      Exit Code:    137\n",
        "oom-kill: a program was killed: its container used up its memory",
        "certain",
    ),
    (
        "[1/2] CXX a.o\n[2/2] LINK app\n",
        "ok: the log ends with the build tool's last step, and nothing failed",
        "likely",
    ),
    ("hello\n", "unknown: nothing in the input says that or why something failed", "possible"),
    ("", "unknown: nothing in the input says that or why something failed", "possible"),
]


@pytest.mark.parametrize(("log", "sentence", "confidence"), SENTENCES)
def test_the_sentence_says_who_what_and_why(log, sentence, confidence):
    verdict = judged(log)
    assert verdict.sentence == sentence
    assert verdict.confidence == confidence


def test_a_kill_far_above_the_logs_end_is_found():
    log = f"{KILLED}make[2]: *** [Makefile:5: heavy.o] Error 1\nmake[1]: *** [all] Error 2\n" + "".join(
        f"[ 50%] Building CXX object lib/file_{number}.cpp.o\n" for number in range(60000)
    )
    verdict = judged(log)
    assert said(verdict) == ("oom-kill", "cc1plus", "heavy.o", None)
    assert verdict.evidence[0].line == 1


def test_the_first_of_several_victims_is_the_culprit_and_the_others_are_evidence():
    log = "".join(f"{KILLED}make[2]: *** [Makefile:5: {name}.o] Error 1\n" for name in "abc")
    verdict = judged(log)
    assert said(verdict) == ("oom-kill", "cc1plus", "a.o", None)
    assert [each.why for each in verdict.evidence[1:]] == ["another failure (b.o)", "another failure (c.o)"]


def test_a_kill_counts_more_than_a_compile_error_before_it():
    log = (
        "b.cpp:1:1: error: 'x' was not declared\nmake: *** [b.o] Error 1\n"
        + KILLED
        + "make: *** [Makefile:5: a.o] Error 1\n"
    )
    assert said(judged(log)) == ("oom-kill", "cc1plus", "a.o", None)


def test_in_a_parallel_build_a_message_and_its_target_are_brought_together_by_name():
    log = (
        "src/a.cpp:1:1: error: 'x' was not declared\n"
        "g++: fatal error: Killed signal terminated program cc1plus\n"
        "compilation terminated.\n"
        "make[2]: *** [dir/b.cpp.o] Error 1\n"
        "make[2]: *** [dir/a.cpp.o] Error 1\n"
        "make[1]: *** [all] Error 2\n"
    )
    verdict = judged(log)
    assert said(verdict) == ("oom-kill", "cc1plus", "dir/b.cpp.o", None)
    assert "dir/a.cpp.o" in verdict.evidence[-1].why


@pytest.mark.parametrize(
    ("end", "program"),
    [
        ("make: *** [Makefile:3: a.o] Killed", "clang++"),
        ("make: *** [Makefile:3: a.o] Error 137", "clang++"),
        (
            "/bin/bash: line 1: 26843 Killed                  clang++ -c a.cpp -o a.o\nmake: *** [a.o] Error 137",
            "clang++",
        ),
    ],
)
def test_clang_dies_without_a_word_and_is_named_all_the_same(end, program):
    log = f"clang++ -c a.cpp -o a.o\nclang++ -c b.cpp -o b.o\n{end}\nmake: *** Waiting for unfinished jobs....\n"
    assert said(judged(log)) == ("oom-kill", program, "a.o", None)


def test_the_assemblers_errors_that_come_first_are_not_the_cause():
    log = (
        "g++ -pipe -c a.cpp -o a.o\n{standard input}: Assembler messages:\n"
        "{standard input}:1135: Warning: end of file not at end of a line; newline inserted\n"
        "{standard input}:1136: Error: unbalanced parenthesis in operand 1.\n"
        f"{KILLED}make: *** [Makefile:3: a.o] Error 1\n"
    )
    assert said(judged(log)) == ("oom-kill", "cc1plus", "a.o", None)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (f"FAILED: a.o\ng++ -c a.cpp -o a.o\n{KILLED}[2/3] CXX b.o\nb.cpp:1:1: warning: x\n", "a.o"),
        (f"FAILED: [code=1] a.o a.d\ng++ -c a.cpp -o a.o\n{KILLED}", "a.o"),
        (f"12:00:01 [1/3] CXX a.o\n12:00:02 FAILED: a.o\n12:00:02 g++ -c a.cpp -o a.o\n12:00:02 {KILLED}", "a.o"),
        (f"FAILED: /usr/bin/g++ -c a.cpp -o a.o\n{KILLED}", "a.o"),
        (f"ninja: job failed: /usr/bin/g++ -c a.cpp -o a.o\n{KILLED}", "a.o"),
    ],
)
def test_ninjas_block_names_the_edge_in_old_and_new_words(log, expected):
    assert judged(log).output == expected


def test_a_build_within_an_edge_is_looked_into():
    log = (
        "[1/2] Performing build step for 'zookeeper'\nFAILED: zk-prefix/zk-build\ncd zk && make\n"
        f"{KILLED}make[3]: *** [Makefile:5: zk.o] Error 1\nmake[2]: *** [all] Error 2\n[2/2] CXX b.o\n"
    )
    assert judged(log).output == "zk.o"


RETRIED = (
    f"[1/2] CXX heavy.o\nFAILED: heavy.o\ng++ -c h.cpp -o heavy.o\n{KILLED}ninja: build stopped: subcommand failed.\n"
)


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        ("[1/2] g++ -c h.cpp -o heavy.o\n[2/2] g++ -o app heavy.o\n", "ok"),
        (f"[1/2] CXX heavy.o\nFAILED: heavy.o\ng++ -c h.cpp -o heavy.o\n{KILLED}", "oom-kill"),
        ("[2/2] CXX other.o\n", "oom-kill"),
        ("[2/2] g++ -c i.cpp -I heavy.o.d -o i.o\n", "oom-kill"),
    ],
)
def test_a_second_try_counts_only_when_it_made_the_same_output(second, kind):
    assert judged(RETRIED + second).kind == kind


def test_a_command_that_ended_well_is_ok_and_says_what_failed_once():
    verdict = judged(RETRIED, ended=Ended(exit_status=0))
    assert verdict.sentence == "ok: the command ended with exit status 0, although heavy.o failed once (oom-kill)"
    assert verdict.evidence[0].line == 4


def test_bfd_that_claims_success_is_not_believed():
    log = "/usr/bin/ld.bfd: error: bin/app(.debug_info) is too large (0x96000000 bytes)\n[2/2] LINK bin/app\n"
    assert said(judged(log, ended=Ended(exit_status=0))) == ("address-space", "ld.bfd", "bin/app", 0x96000000)


@pytest.mark.parametrize(
    "log",
    [
        "[ RUN      ] Oom.Kill\n"
        "[ 1.5] Out of memory: Killed process 4 (cc1plus) total-vm:9kB, anon-rss:8kB, file-rss:0kB\n"
        "[  FAILED  ] Oom.Kill (1 ms)\nmake: *** [check] Error 1\n",
        "terminate called after throwing an instance of 'std::bad_alloc'\n[  FAILED  ] Oom.Alloc (1 ms)\n",
        "virtual memory exhausted: Cannot allocate memory\nFAIL: oom-test\nmake[1]: *** [test-suite.log] Error 1\n",
    ],
)
def test_what_a_failed_test_prints_of_memory_is_not_the_builds(log):
    assert judged(log).kind == "test-failure"


def test_a_test_run_that_was_killed_itself_is_an_oom_kill():
    log = "[  FAILED  ] Slow.Test (1 ms)\nmake: *** [Makefile:9: check] Killed\n"
    assert judged(log).kind == "oom-kill"


def test_what_configure_tries_in_vain_is_not_the_failure():
    log = (
        "conftest.c:1:1: error: 'x' undeclared\ncollect2: error: ld returned 1 exit status\nconfigure: error: no zlib\n"
    )
    assert judged(log).kind == "configure-error"


CC1PLUS = OomRecord(
    "cc1plus", 42, "cgroup", "/job", anonymous_bytes=880 << 20, limit_bytes=925 << 20, text="Killed process 42", line=7
)
FIREFOX = OomRecord("firefox", 43, "system", text="Killed process 43 (firefox)", line=9)


def test_a_kernel_record_of_the_same_program_makes_it_certain_with_figures():
    verdict = judged(f"{KILLED}make: *** [Makefile:5: heavy.o] Error 1\n", records=[FIREFOX, CC1PLUS])
    assert verdict.sentence == (
        "oom-kill: cc1plus was killed while compiling heavy.o: it held 880 MB, the cgroup's limit was 925 MB"
    )
    assert (verdict.confidence, verdict.scope) == ("certain", "cgroup")
    assert (verdict.used_bytes, verdict.had_bytes) == (880 << 20, 925 << 20)
    assert (verdict.evidence[0].source, verdict.evidence[0].line) == ("kernel log", 7)


def test_a_kill_that_the_kernels_log_does_not_have_was_somebody_elses():
    verdict = judged(f"{KILLED}make: *** [Makefile:5: heavy.o] Error 1\n", records=[FIREFOX])
    assert verdict.sentence == (
        "killed-other: cc1plus was killed while compiling heavy.o, but not by the kernel for want of memory: its OOM "
        "killer ended firefox"
    )


def test_an_oom_kill_of_a_stranger_does_not_make_a_compile_error_memory():
    verdict = judged("FAILED: a.o\ng++ -c a.cpp -o a.o\na.cpp:9:1: error: x\n", records=[FIREFOX])
    assert verdict.kind == "compile-error"
    assert verdict.evidence[-1].text == "Killed process 43 (firefox)"


def test_a_log_of_the_kernel_alone_is_read():
    log = (
        "[ 1.1] python3 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
        "[ 1.2] memory: usage 102400kB, limit 102400kB, failcnt 50\n"
        "[ 1.3] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=a,mems_allowed=0,oom_memcg=/d,"
        "task_memcg=/d,task=python3,pid=4242,uid=0\n"
        "[ 1.4] Memory cgroup out of memory: Killed process 4242 (python3) total-vm:161856kB, anon-rss:92160kB, "
        "file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:344kB oom_score_adj:0\n"
    )
    verdict = judged(log)
    assert verdict.sentence == "oom-kill: python3 was killed: it held 90 MB, the cgroup's limit was 100 MB"
    assert verdict.scope == "cgroup"


def test_docker_that_says_it_was_not_memory_is_believed():
    assert judged("State:{\nExitCode:137,\nOOMKilled:false,\n}\n").sentence == (
        "killed-other: a program was killed, and its container says that it was not for memory"
    )


def test_a_worker_that_was_lost_explains_the_kills_after_it():
    log = "The runner has received a shutdown signal.\n##[error]Process completed with exit code 137.\n"
    assert judged(log).kind == "worker-lost"


def test_an_oom_kill_explains_a_worker_that_was_lost_after_it():
    log = f"{KILLED}make: *** [Makefile:5: heavy.o] Error 1\njava.nio.channels.ClosedChannelException\n"
    assert judged(log).kind == "oom-kill"


def test_nothing_but_the_commands_signal_is_a_possible_oom_kill():
    verdict = judged("", ended=Ended(signal=9))
    assert (verdict.kind, verdict.confidence) == ("oom-kill", "possible")
    assert judged("", ended=Ended(exit_status=137)).kind == "oom-kill"
    assert judged("", ended=Ended(signal=15)).kind == "killed-other"


def test_a_silent_build_that_was_stopped_is_possibly_thrashing():
    verdict = judged("[1/9] CXX a.o\n", ended=Ended(silent_seconds=1200.0))
    assert verdict.sentence == (
        "thrashing: the build was stopped after 20 min without output; a machine that swaps looks so, but nothing "
        "shows that it did"
    )
    assert verdict.confidence == "possible"


def test_32_bits_are_not_claimed_where_a_64_bit_name_stands_too():
    log = "aarch64-linux-gnu-g++ -o a a.o\narmhf\n/usr/bin/ld.gold: out of memory\nmake: *** [a] Error 1\n"
    assert scanned(log).bits32 == ""
    assert judged(log).kind == "alloc-failed"


def test_evidence_quotes_the_line_and_says_why_it_counts():
    verdict = judged(f"x\n\n{KILLED}make: *** [Makefile:5: heavy.o] Error 1\n")
    assert [vars(each) for each in verdict.evidence] == [
        {
            "source": "log",
            "line": 3,
            "text": "g++: fatal error: Killed signal terminated program cc1plus",
            "why": "the process ended by SIGKILL",
        }
    ]


def test_clang_is_called_by_the_name_it_was_started_with():
    log = (
        "FAILED: x.o\nclang++-14 -c x.cpp -o x.o\nStack dump:\n"
        "0.\tProgram arguments: /usr/lib/llvm-14/bin/clang -cc1 x.cpp\n"
        "clang: error: clang frontend command failed with exit code 139 (use -v to see invocation)\n"
    )
    assert said(judged(log)) == ("compiler-crash", "clang++-14", "x.o", None)
    assert judged("clang: error: unknown argument: '-foo'\n").program == "clang"


def test_cmake_names_the_place_first_and_the_reason_on_the_next_line():
    log = "CMake Error at CMakeLists.txt:3 (message):\n\n  no zlib\n\n-- Configuring incomplete, errors occurred!\n"
    assert judged(log).sentence == (
        "configure-error: cmake could not set the build up: CMake Error at CMakeLists.txt:3 (message): no zlib"
    )


def test_what_fails_while_cmake_tries_the_compiler_is_no_compile_of_the_build():
    log = (
        "CMake Error at /usr/share/cmake-3.25/Modules/CMakeTestCCompiler.cmake:70 (message):\n  The C compiler\n\n"
        "    FAILED: cmTC_1 \n    clang: error: invalid linker name in argument '-fuse-ld=mold'\n"
        "    ninja: build stopped: subcommand failed.\n\n-- Configuring incomplete, errors occurred!\n"
    )
    verdict = judged(log)
    assert said(verdict) == ("configure-error", "cmake", None, None)
    assert verdict.sentence == (
        "configure-error: cmake could not set the build up: "
        "clang: error: invalid linker name in argument '-fuse-ld=mold'"
    )


def test_what_nothing_explains_shows_where_the_log_ends():
    verdict = judged("going on\nTraceback (most recent call last):\nKeyError: 3\n\n", ended=Ended(1))
    assert verdict.kind == "unknown"
    assert verdict.sentence == (
        "unknown: the command ended with exit status 1, and nothing says why; its last line: KeyError: 3"
    )
    assert [(each.line, each.text) for each in verdict.evidence] == [(3, "KeyError: 3")]
