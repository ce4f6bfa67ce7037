"""Real compilers, linkers and build tools fail here, each for a known reason, and the verdict finds it."""

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest
from judged import judged
from waiting import limit

pytestmark = pytest.mark.real

HAS = {
    name: shutil.which(name) is not None for name in ("clang++", "ld.gold", "ld.lld", "mold", "ninja", "cmake", "git")
}


class Place:
    """A directory with a few sources, where commands are run under limits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("a.cpp", "int main() { return 0; }\n")
        self.write("bad.cpp", "int main() { return x; }\n")
        self.write("undefined.cpp", "int f();\nint main() { return f(); }\n")
        self.write("heavy.cpp", '#include <map>\n#include <regex>\nstd::regex r("a");\n')
        self.write("end.py", "import os, sys\nos.kill(os.getpid(), int(sys.argv[1]))\n")
        # Stand-ins that end as the real ones do when something kills them.
        for name in ("cc1plus", "ld"):
            self.write(f"kill/{name}", "#!/bin/sh\nkill -${SIGNAL:-9} $$\n").chmod(0o755)

    def write(self, name: str, text: str) -> Path:
        place = self.path / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
        return place

    def run(self, command: str, address_bytes: int | None = None, **environment: str) -> bytes:
        def limited() -> None:
            if address_bytes:
                resource.setrlimit(resource.RLIMIT_AS, (address_bytes, address_bytes))

        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.path,
            env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=limited,
            timeout=limit(120),
            check=False,
        )
        return done.stdout


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def culprit(log: bytes) -> tuple[str, str | None, str | None]:
    verdict = judged(log)
    return verdict.kind, verdict.program, verdict.output


NINJA = """\
rule compile
  command = g++ $flags -c $in -o $out
rule link
  command = g++ $flags $in -o $out
rule run
  command = $command
build a.o: compile a.cpp
build bad.o: compile bad.cpp
build killed.o: compile a.cpp
  flags = -Bkill/
build undefined.o: compile undefined.cpp
build app: link undefined.o
build gold: link undefined.o
  flags = -fuse-ld=gold
build lld: link undefined.o
  flags = -fuse-ld=lld
build mold: link undefined.o
  flags = -fuse-ld=mold
build killed: link a.o
  flags = -Bkill/
build text: run
  command = python3 end.py 9
build text15: run
  command = python3 end.py 15
build server: link lib/missing.a
"""


@pytest.mark.skipif(not HAS["ninja"], reason="no ninja")
@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ("killed.o a.o bad.o -k 0", ("oom-kill", "cc1plus", "killed.o")),
        ("killed", ("oom-kill", "ld", "killed")),
        ("text", ("oom-kill", "python3", "text")),
        ("text15", ("killed-other", "python3", "text15")),
        ("bad.o", ("compile-error", "cc1plus", "bad.o")),
        ("app", ("link-error", "ld", "app")),
        pytest.param(
            "gold", ("link-error", "ld.gold", "gold"), marks=pytest.mark.skipif(not HAS["ld.gold"], reason="no gold")
        ),
        pytest.param(
            "lld", ("link-error", "ld.lld", "lld"), marks=pytest.mark.skipif(not HAS["ld.lld"], reason="no lld")
        ),
        pytest.param(
            "mold", ("link-error", "mold", "mold"), marks=pytest.mark.skipif(not HAS["mold"], reason="no mold")
        ),
        ("server", ("missing-byproduct", "ninja", "lib/missing.a")),
    ],
)
def test_edges_of_ninja(place, targets, expected):
    place.write("build.ninja", NINJA)
    assert culprit(place.run(f"ninja {targets}")) == expected


@pytest.mark.parametrize(
    ("rule", "signal", "expected"),
    [
        ("g++ -Bkill/ -c a.cpp -o out.o", "9", ("oom-kill", "cc1plus", "out.o")),
        ("g++ -Bkill/ -c a.cpp -o out.o", "15", ("killed-other", "cc1plus", "out.o")),
        ("g++ -Bkill/ -c a.cpp -o out.o", "11", ("compiler-crash", "cc1plus", "out.o")),
        ("g++ -Bkill/ -c a.cpp -o out.o", "7", ("compiler-crash", "cc1plus", "out.o")),
        ("g++ -c a.cpp && g++ -Bkill/ a.o -o out.o", "9", ("oom-kill", "ld", "out.o")),
        ("g++ -c a.cpp && g++ -Bkill/ a.o -o out.o", "7", ("disk-full", "ld", "out.o")),
        ("g++ -c a.cpp && g++ -Bkill/ a.o -o out.o", "25", ("killed-other", "ld", "out.o")),
        ("python3 end.py 9", "", ("oom-kill", "python3", "out.o")),
        ("python3 end.py 9; exit $$?", "", ("oom-kill", "python3", "out.o")),
        ("bash -c 'python3 end.py 9; exit $$?'", "", ("oom-kill", "python3", "out.o")),
        ("python3 end.py 4", "", ("killed-other", "python3", "out.o")),
    ],
)
def test_targets_of_make(place, rule, signal, expected):
    place.write("Makefile", f"out.o:\n\t{rule}\n")
    assert culprit(place.run("make", SIGNAL=signal)) == expected


def test_a_kill_in_a_parallel_make_of_several_directories(place):
    place.write(
        "sub/Makefile", "all: x.o y.o\nx.o:\n\tg++ -c ../a.cpp -o x.o\ny.o:\n\tg++ -B../kill/ -c ../a.cpp -o y.o\n"
    )
    place.write(
        "Makefile", "all: sub other.o\n.PHONY: sub\nsub:\n\t$(MAKE) -C sub\nother.o:\n\tg++ -c heavy.cpp -o other.o\n"
    )
    assert culprit(place.run("make -j4")) == ("oom-kill", "cc1plus", "y.o")


@pytest.mark.parametrize("megabytes", [40, 60, 80])
def test_gcc_under_a_limit_on_addresses(place, megabytes):
    place.write("Makefile", "heavy.o:\n\tg++ -O2 -c heavy.cpp -o heavy.o\n")
    log = place.run(f"ulimit -v {megabytes * 1024}; make")
    assert culprit(log) == ("alloc-failed", "cc1plus", "heavy.o"), log.decode()


@pytest.mark.skipif(not HAS["clang++"], reason="no clang")
@pytest.mark.parametrize("megabytes", [40, 120])
def test_clang_under_a_limit_on_addresses(place, megabytes):
    log = place.run("clang++ -O2 -c heavy.cpp -o heavy.o", address_bytes=megabytes << 20)
    assert culprit(log)[:2] == ("alloc-failed", "clang++"), log.decode()


@pytest.mark.skipif(not HAS["cmake"], reason="no cmake")
def test_cmake_its_makefiles_and_its_tests(place):
    lists = "cmake_minimum_required(VERSION 3.10)\nproject(x CXX)\nadd_executable(app ok.cpp)\n"
    lists += "add_executable(bad bad.cpp)\n"
    place.write("cm/CMakeLists.txt", f"{lists}enable_testing()\nadd_test(NAME unit_memory COMMAND app)\n")
    place.write("cm/ok.cpp", "int main() { return 1; }\n")
    place.write("cm/bad.cpp", "int main() { return y; }\n")
    place.run("cmake -S cm -B build")
    assert culprit(place.run("make -C build -j4")) == ("compile-error", "cc1plus", "CMakeFiles/bad.dir/bad.cpp.o")
    assert culprit(place.run("make -C build app; cd build && ctest")) == ("test-failure", "unit_memory", None)
    place.write("cm/CMakeLists.txt", f"{lists}find_package(NoSuchThing REQUIRED)\n")
    assert culprit(place.run("cmake -S cm -B build")) == ("configure-error", "cmake", None)


@pytest.mark.skipif(not HAS["git"], reason="no git")
def test_git_and_patch(place):
    place.write("p.diff", "--- a/a.cpp\n+++ b/a.cpp\n@@ -1,3 +1,3 @@\n foo\n-bar\n+baz\n qux\n")
    assert culprit(place.run("git init -q .; git apply p.diff")) == ("patch-failed", "git", "a.cpp")
    assert culprit(place.run("git clone http://127.0.0.1:9/x.git deps/x")) == ("network", "git", "deps/x")
    if shutil.which("patch"):
        assert culprit(place.run("patch -p1 < p.diff")) == ("patch-failed", "patch", "a.cpp")


@pytest.fixture
def full_disk(place):
    """A file system of 64 KB with next to nothing free."""
    full = place.path / "full"
    full.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(full)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    (full / "fill").write_bytes(bytes(60000))
    yield full
    subprocess.run(["umount", str(full)], check=True)


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("g++ -static a.cpp -o full/app", "ld"),
        ("g++ -static -fuse-ld=bfd a.cpp -o full/app", "ld.bfd"),
        pytest.param(
            "g++ -static -fuse-ld=gold a.cpp -o full/app",
            "ld.gold",
            marks=pytest.mark.skipif(not HAS["ld.gold"], reason="no gold"),
        ),
        pytest.param(
            "g++ -static -fuse-ld=lld a.cpp -o full/app",
            "ld.lld",
            marks=pytest.mark.skipif(not HAS["ld.lld"], reason="no lld"),
        ),
        pytest.param(
            "g++ -static -fuse-ld=mold a.cpp -o full/app",
            "mold",
            marks=pytest.mark.skipif(not HAS["mold"], reason="no mold"),
        ),
        ("g++ -O2 -c heavy.cpp -o full/heavy.o", "as"),
        ("TMPDIR=full g++ -O2 -c heavy.cpp -o heavy.o", "cc1plus"),
        pytest.param(
            "clang++ -O2 -c heavy.cpp -o full/heavy.o",
            "clang++",
            marks=pytest.mark.skipif(not HAS["clang++"], reason="no clang"),
        ),
    ],
)
def test_a_full_disk(place, full_disk, command, program):
    place.write("Makefile", f"target:\n\t{command}\n")
    log = place.run("make")
    assert culprit(log)[:2] == ("disk-full", program), log.decode()
