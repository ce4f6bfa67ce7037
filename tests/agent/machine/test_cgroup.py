"""Where a command's cgroup is made, its limits and what is read from it, with files as both versions have them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from arm_ci.agent.machine import cgroup

MOUNTS = {
    1: "30 24 0:27 / {mount} rw,nosuid - cgroup cgroup rw,memory\n",
    2: "30 24 0:27 / {mount} rw,nosuid - cgroup2 cgroup2 rw\n",
}
MEMBERS = {1: "9:name=systemd:/\n4:memory:{path}\n0::/x\n", 2: "0::{path}\n"}


class Kernel:
    """The files of /proc and of a mounted controller."""

    def __init__(self, directory: Path, monkeypatch) -> None:
        self.mount = directory / "cgroup"
        self.mount.mkdir()
        self.files: dict[str, str] = {}
        self.real = cgroup.read_text
        monkeypatch.setattr(cgroup, "read_text", self.read)

    def read(self, path: str) -> str | None:
        return self.files.get(path, None if path.startswith("/proc/") else self.real(path))

    def put(self, version: int, path: str, mounts: str = "") -> None:
        self.files["/proc/self/mountinfo"] = (mounts or MOUNTS[version]).format(mount=self.mount)
        self.files["/proc/self/cgroup"] = MEMBERS[version].format(path=path)

    def write(self, path: str, **values: str) -> Path:
        directory = self.mount / path.strip("/")
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in values.items():
            (directory / name.replace("__", ".")).write_text(text + "\n")
        return directory


@pytest.fixture
def kernel(tmp_path, monkeypatch) -> Kernel:
    return Kernel(tmp_path, monkeypatch)


@pytest.mark.parametrize("version", [1, 2])
def test_our_own_cgroup_is_found(kernel, version):
    kernel.put(version, "/a/b")
    kernel.write("a/b", cgroup__controllers="cpu memory")
    found = cgroup.hierarchy()
    assert found == (version, str(kernel.mount), "/a/b")
    assert found.directory == f"{kernel.mount}/a/b"


def test_a_container_shows_a_part_of_the_tree(kernel):
    kernel.put(1, "/docker/x/build", "30 24 0:27 /docker/x {mount} rw - cgroup cgroup rw,memory\n")
    assert cgroup.hierarchy().path == "/build"


def test_a_kernel_without_the_controller_has_none(kernel):
    kernel.put(2, "/a")
    kernel.write("a", cgroup__controllers="cpu pids")
    assert cgroup.hierarchy() is None
    assert cgroup.make() == (None, "the kernel has no memory cgroup controller on")
    assert not cgroup.could_be_delegated()


def test_nothing_in_proc_is_no_cgroup(kernel):
    kernel.files = {"/proc/self/mountinfo": "", "/proc/self/cgroup": ""}
    assert cgroup.hierarchy() is None


@pytest.mark.parametrize(
    ("version", "unlimited", "lower"),
    [
        (1, {"memory__limit_in_bytes": str((1 << 63) - 4096)}, {"memory__limit_in_bytes": "5000"}),
        (2, {"memory__max": "max"}, {"memory__max": "5000"}),
    ],
)
def test_the_lowest_limit_above_us_counts(kernel, version, unlimited, lower):
    kernel.put(version, "/a/b/c")
    for path, values in (("", unlimited), ("a", lower), ("a/b", unlimited), ("a/b/c", unlimited)):
        kernel.write(path, cgroup__controllers="memory", **values)
    assert cgroup.lowest_limits(cgroup.hierarchy()) == (5000, None)


def test_swap_limits_of_both_versions_are_bytes_of_swap(kernel):
    directory = kernel.write("two", memory__swap__max="100")
    assert cgroup._swap_limit_of(str(directory), 2) == 100
    directory = kernel.write("one", memory__memsw__limit_in_bytes="5000", memory__limit_in_bytes="3000")
    assert cgroup._swap_limit_of(str(directory), 1) == 2000


def test_use_and_events_of_both_versions_are_read(kernel):
    two = kernel.write("two", memory__current="7", memory__swap__current="2", memory__events="low 0\noom 3\noom_kill 2")
    one = kernel.write(
        "one",
        memory__usage_in_bytes="7",
        memory__memsw__usage_in_bytes="9",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 2",
    )
    for version, directory, hits in ((1, one, None), (2, two, 3)):
        made = cgroup.Cgroup(cgroup.Hierarchy(version, str(directory), "/"), "")
        assert made.used_bytes() == (7, 2)
        assert made.events() == (2, hits)


def test_an_older_kernel_has_no_counts(kernel):
    directory = kernel.write("one", memory__usage_in_bytes="7")
    made = cgroup.Cgroup(cgroup.Hierarchy(1, str(directory), "/"), "")
    assert made.used_bytes() == (7, None)
    assert made.events() == (None, None)


@pytest.mark.parametrize(
    ("version", "files"),
    [
        (1, {"memory.limit_in_bytes": "1000", "memory.memsw.limit_in_bytes": "1500"}),
        (2, {"memory.max": "1000", "memory.swap.max": "500"}),
    ],
)
def test_limits_are_written_as_the_version_has_them(kernel, version, files):
    directory = kernel.write("x")
    cgroup.Cgroup(cgroup.Hierarchy(version, str(directory), "/"), "").limit(1000, 500)
    assert {path.name: path.read_text() for path in directory.iterdir()} == files


def test_a_limit_that_the_kernel_refuses_is_told_with_its_file(kernel):
    made = cgroup.Cgroup(cgroup.Hierarchy(2, str(kernel.mount / "gone"), "/"), "")
    with pytest.raises(cgroup.CgroupError) as caught:
        made.limit(1000, None)
    message = f"the kernel refuses the limit: {kernel.mount}/gone/memory.max: No such file or directory"
    assert str(caught.value) == message


def test_in_a_delegated_cgroup_our_processes_go_to_a_leaf_and_children_get_the_controller(kernel):
    kernel.put(2, "/user/x.scope")
    directory = kernel.write(
        "user/x.scope", cgroup__controllers="memory", cgroup__subtree_control="", cgroup__procs="41\n42"
    )
    # A directory does not fill itself as the kernel's does: there is no memory.max in the new one.
    made, refusal = cgroup.make()
    assert made is None
    assert refusal == f"{directory} has no memory controller"
    assert (directory / "cgroup.subtree_control").read_text() == "+memory"
    assert (directory / "arm_ci-rest" / "cgroup.procs").read_text() == "42"
    assert [path.name for path in directory.iterdir() if path.is_dir()] == ["arm_ci-rest"]


def test_in_the_leaf_of_another_build_the_cgroup_is_made_beside_it(kernel):
    kernel.put(2, "/x.scope/arm_ci-rest")
    kernel.write("x.scope/arm_ci-rest", cgroup__controllers="memory")
    kernel.write("x.scope", cgroup__subtree_control="memory pids")
    found, refusal = cgroup._ready(cgroup.hierarchy())
    assert (found.path, refusal) == ("/x.scope", "")


def test_a_cgroup_of_somebody_else_is_refused_as_such(kernel, monkeypatch):
    kernel.put(2, "/a")
    directory = kernel.write("a", cgroup__controllers="memory", cgroup__subtree_control="")
    # Root, who runs these tests on many machines, may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert cgroup.make() == (None, f"{directory} is not delegated to this user")


def test_what_a_killed_agent_left_is_removed_and_that_of_a_living_one_stays(kernel):
    kernel.put(1, "/a")
    directory = kernel.write("a")
    gone, ours = directory / "arm_ci-999999999", directory / f"arm_ci-{os.getppid()}"
    for path in (gone, ours):
        path.mkdir()
    cgroup.make()
    assert not gone.exists()
    assert ours.exists()


@pytest.mark.parametrize("version", [1, 2])
def test_whether_systemd_could_delegate_one_is_known_before_it_is_asked(kernel, version):
    kernel.put(version, "/a")
    kernel.write("a", cgroup__controllers="memory")
    kernel.write("", cgroup__controllers="memory")
    assert cgroup.could_be_delegated() == (version == 2)
