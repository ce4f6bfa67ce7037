"""What bootstrap.sh does to swap and kernel of systems that are not here: its functions on a small tree.

The script's absolute paths lead into a directory of the test, and its files belong to whoever runs the test.
"""

import getpass
import grp
import os
import subprocess
from pathlib import Path

import pytest

from arm_ci.plan.packages import BOOTSTRAP

ME = f"{getpass.getuser()}:{grp.getgrgid(os.getgid()).gr_name}"


class Tree:
    """A root directory with a few files, and the script's functions working on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "bin").mkdir()
        self.log = root / "log"
        text = BOOTSTRAP.read_text(encoding="utf-8").removesuffix('main "$@"\n')
        for directory in ("/etc/", "/boot/", "/var/", "/usr/lib/", "/run/"):
            text = text.replace(directory, f"{root}{directory}").replace(f"/var{root}", "/var")
        self.functions = text.replace("root:root", ME)

    def file(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def program(self, name: str) -> None:
        """A program that notes how it was called."""
        self.file(f"bin/{name}", f'#!/bin/sh\necho "{name} $*" >>"{self.log}"\n').chmod(0o755)

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def run(self, code: str, dry_run: str = "no") -> list[str]:
        """Output of a piece of script after the functions, and how many changes there were."""
        start = f"dry_run={dry_run} cmdline=no reboot='' memory_mib=900 present_mib=0 swap=4G systemd=no\n"
        done = subprocess.run(
            ["sh", "-c", f'{self.functions}\n{start}\n{code}\necho "changes: $changes; restart:$reboot"'],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": f"{self.root}/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        assert done.stderr == ""
        return [line.replace(str(self.root), "") for line in done.stdout.splitlines()]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "root").mkdir()
    return Tree(tmp_path / "root")


# -- swap --------------------------------------------------------------------------------------------------------------

DPHYS = "# CONF_SWAPSIZE is in MB\nCONF_SWAPSIZE=200\n#CONF_MAXSWAP=2048\n"


def test_dphys_swapfile_gets_the_size_and_a_limit_that_allows_it(tree: Tree) -> None:
    file = tree.file("etc/dphys-swapfile", DPHYS)
    tree.program("dphys-swapfile")
    assert tree.run("swap_space") == [
        "change: swap of 4096 MB by dphys-swapfile (was 200)",
        "changes: 1; restart:",
    ]
    assert file.read_text() == "# CONF_SWAPSIZE is in MB\n#CONF_MAXSWAP=2048\nCONF_SWAPSIZE=4096\nCONF_MAXSWAP=4096\n"
    assert tree.calls() == ["dphys-swapfile swapoff", "dphys-swapfile setup", "dphys-swapfile swapon"]
    assert tree.run("swap_space") == ["as it is: swap of 4096 MB by dphys-swapfile", "changes: 0; restart:"]


def test_rpi_swap_gets_a_file_of_that_size_at_the_next_start(tree: Tree) -> None:
    tree.file("etc/rpi/swap.conf", "[Main]\n")
    tree.file("etc/dphys-swapfile", DPHYS)
    assert tree.run("swap_space") == [
        "change: swap of 4096 MB by rpi-swap, /etc/rpi/swap.conf.d/80-arm-ci-worker.conf",
        "changes: 1; restart: swap",
    ]
    written = (tree.root / "etc/rpi/swap.conf.d/80-arm-ci-worker.conf").read_text()
    assert "\n[Main]\nMechanism=swapfile\n[File]\nFixedSizeMiB=4096\n" in written
    assert tree.run("swap_space")[-1] == "changes: 0; restart:"
    assert (tree.root / "etc/dphys-swapfile").read_text() == DPHYS


def test_zram_generator_gets_as_much_as_there_is_ram_and_a_file_brings_the_rest(tree: Tree) -> None:
    tree.file("usr/lib/systemd/system-generators/zram-generator", "")
    (tree.root / "var").mkdir()
    assert tree.run("present_mib=0 wanted_mib=4096; with_zram_generator; echo $present_mib", dry_run="yes") == [
        "would: zram as large as the RAM, /etc/systemd/zram-generator.conf.d/80-arm-ci-worker.conf",
        "900",
        "changes: 1; restart:",
    ]
    assert tree.run("with_zram_generator")[-1] == "changes: 1; restart: zram"
    file = tree.root / "etc/systemd/zram-generator.conf.d/80-arm-ci-worker.conf"
    assert file.read_text().endswith("[zram0]\nzram-size = ram\n")
    assert tree.run("with_zram_generator")[-1] == "changes: 0; restart:"


def test_a_swap_file_is_made_and_entered_once(tree: Tree) -> None:
    tree.file("etc/fstab", "/dev/root / ext4 defaults 0 1\n")
    (tree.root / "var").mkdir()
    for program in ("swapon", "mkswap"):
        tree.program(program)
    code = "present_mib=0 wanted_mib=64; with_swap_file"
    assert tree.run(code) == [
        "change: swap file /var/swap.arm-ci-worker, 64 MB",
        "change: swap file in /etc/fstab",
        "changes: 2; restart:",
    ]
    made = tree.root / "var/swap.arm-ci-worker"
    assert (made.stat().st_size, made.stat().st_mode & 0o777) == (64 * 1024**2, 0o600)
    # No hole in it: the kernel refuses a swap file with one.
    assert made.stat().st_blocks * 512 >= made.stat().st_size
    assert tree.calls() == [f"mkswap {made}", f"swapon {made}"]
    assert (tree.root / "etc/fstab").read_text() == (f"/dev/root / ext4 defaults 0 1\n{made} none swap sw,nofail 0 0\n")
    assert tree.run(code)[-2:] == ["as it is: swap file in /etc/fstab", "changes: 0; restart:"]


def test_swap_that_is_there_is_enough_when_a_tenth_is_missing(tree: Tree) -> None:
    code = "awk() { echo 3700; }; swap_space"
    assert tree.run(code) == ["as it is: swap, 3700 MB of it", "changes: 0; restart:"]


def test_a_disk_without_room_gets_no_swap_file(tree: Tree) -> None:
    (tree.root / "var").mkdir()
    code = "df() { printf 'x\\nx x x 1048576\\n'; }; present_mib=0 wanted_mib=4096; with_swap_file"
    assert tree.run(code) == [
        "note: no swap file of 4096 MB: only 1024 MB of disk are free; give --swap a smaller size",
        "changes: 0; restart:",
    ]


@pytest.mark.parametrize(
    ("memory", "free_mib", "swap"), [(416, 99999, 2048), (900, 99999, 3584), (8000, 99999, 8192), (900, 4096, 1024)]
)
def test_automatic_swap_depends_on_the_ram_and_on_the_disk(tree: Tree, memory: int, free_mib: int, swap: int) -> None:
    code = f"df() {{ printf 'x\\nx x x {free_mib * 1024}\\n'; }}; memory_mib={memory}; automatic_swap_mib"
    assert tree.run(code)[0] == str(swap)


def test_sizes_are_read_as_in_the_configuration(tree: Tree) -> None:
    assert tree.run("size_mib 12G; size_mib 925M; size_mib 2048K; size_mib 1T")[:4] == ["12288", "925", "2", "1048576"]


# -- the kernel's command line -----------------------------------------------------------------------------------------

LACKING = "has_memory_cgroup() { return 1; }; has_pressure() { return 1; }; "


def test_missing_words_are_said_and_written_only_when_asked(tree: Tree) -> None:
    file = tree.file("boot/firmware/cmdline.txt", "console=tty1 root=PARTUUID=1-02 rootwait\n")
    assert tree.run(f"{LACKING}command_line") == [
        "note: the kernel's command line lacks cgroup_enable=memory psi=1: builds are watched less sharply; --cmdline "
        "writes that into /boot/firmware/cmdline.txt",
        "changes: 0; restart:",
    ]
    assert tree.run(f"{LACKING}cmdline=yes; command_line") == [
        "change: kernel: /boot/firmware/cmdline.txt gets cgroup_enable=memory psi=1",
        "changes: 1; restart: kernel",
    ]
    assert file.read_text() == "console=tty1 root=PARTUUID=1-02 rootwait cgroup_enable=memory psi=1\n"
    assert tree.run(f"{LACKING}cmdline=yes; command_line") == [
        "as it is: kernel: /boot/firmware/cmdline.txt has cgroup_enable=memory psi=1",
        "changes: 0; restart: kernel",
    ]


def test_an_older_raspberry_pi_os_has_the_file_elsewhere(tree: Tree) -> None:
    file = tree.file("boot/cmdline.txt", "rootwait psi=1")
    assert tree.run(f"{LACKING}cmdline=yes; command_line")[0] == (
        "change: kernel: /boot/cmdline.txt gets cgroup_enable=memory"
    )
    assert file.read_text() == "rootwait psi=1 cgroup_enable=memory\n"


def test_grub_gets_a_file_of_ours(tree: Tree) -> None:
    tree.program("update-grub")
    assert tree.run(f"{LACKING}cmdline=yes; command_line")[0] == (
        "change: kernel: /etc/default/grub.d/arm-ci-worker.cfg with cgroup_enable=memory psi=1"
    )
    file = tree.root / "etc/default/grub.d/arm-ci-worker.cfg"
    assert file.read_text().endswith('GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX cgroup_enable=memory psi=1"\n')
    assert tree.calls() == ["update-grub "]
    assert tree.run(f"{LACKING}cmdline=yes; command_line") == [
        "as it is: kernel: /etc/default/grub.d/arm-ci-worker.cfg has cgroup_enable=memory psi=1",
        "changes: 0; restart: kernel",
    ]


def test_a_machine_with_neither_is_told_so(tree: Tree) -> None:
    code = f"{LACKING}cmdline=yes; command() {{ return 1; }}; command_line"
    assert tree.run(code)[0] == (
        "note: the kernel's command line lacks cgroup_enable=memory psi=1, and there is neither a cmdline.txt nor GRUB "
        "to write that to"
    )


# -- all of it ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_changes_nothing(tree: Tree) -> None:
    tree.file("etc/fstab", "x\n")
    tree.file("boot/firmware/cmdline.txt", "rootwait\n")
    before = {path: path.read_bytes() for path in tree.root.rglob("*") if path.is_file()}
    tree.run(f"{LACKING}cmdline=yes; present_mib=0 wanted_mib=64; with_swap_file; command_line", dry_run="yes")
    assert {path: path.read_bytes() for path in tree.root.rglob("*") if path.is_file()} == before
