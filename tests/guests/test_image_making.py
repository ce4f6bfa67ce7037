"""Making an image: what goes in, what decides whether it is made again, and that nothing half made stays."""

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import fake_making
import pytest

from arm_ci.guests import image_prerequisites, image_recipe, making, namespace, second_stage
from arm_ci.guests.errors import ImageError
from arm_ci.guests.image import Image, ImageStore

WORKERS = Path(__file__).parents[2] / "workers"


class Workshop:
    """A store, a recipe and programs that only seem to make something."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = directory / "log"
        monkeypatch.setattr(namespace, "PATH", fake_making.install(directory / "bin", self.log))
        monkeypatch.setattr(making.sys, "executable", directory / "bin" / "pip")
        self.directory = directory
        self.store = ImageStore(directory / "images")
        self.files = directory / "guest"
        shutil.copytree(WORKERS / "guest", self.files)
        self.said: list[str] = []
        self.write(fake_making.RECIPE)

    def write(self, text: str) -> None:
        (self.directory / "mine.yaml").write_text(text)

    def make(self, again: bool = False) -> tuple[Image, bool]:
        self.said.clear()
        chosen = image_recipe.read(self.directory, "mine")
        return making.make_image(self.store, chosen, self.files, self.said.append, again)

    def calls(self, program: str) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in lines if line.startswith(f"{program} ")]

    @property
    def tree(self) -> Path:
        """What was on the disk that was made last."""
        return self.log.with_name("log.tree")

    def left_over(self) -> list[str]:
        return sorted(each.name for each in self.store.directory.glob(".half-made-*"))


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return Workshop(tmp_path, monkeypatch)


def test_an_image_has_disk_kernel_initrd_and_says_what_it_is(workshop: Workshop) -> None:
    image, made = workshop.make()
    assert made
    assert sorted(each.name for each in image.directory.iterdir()) == ["disk.qcow2", "image.json", "initrd", "kernel"]
    assert (image.name, image.architecture, image.machine, image.handover) == ("mine", "arm64", "virt", "virtio-serial")
    assert image.resumes
    assert image.append == "root=/dev/vda quiet"
    assert image.about == {"description": "For tests", "kernel": "6.1", "suite": "bookworm"}
    assert workshop.store.get("mine") == image
    assert workshop.left_over() == []


def test_each_step_is_said_and_what_mmdebstrap_does(workshop: Workshop) -> None:
    workshop.make()
    assert [line.rpartition(": ")[0] if line.endswith(" s") else line for line in workshop.said] == [
        "mine: 12 packages of bookworm for arm64, and what they need ...",
        "  downloading packages with apt...",
        "mine: 12 packages of bookworm for arm64, and what they need",
        "mine: the kernel and its initrd ...",
        "mine: the kernel and its initrd",
        "mine: what the packages lack ...",
        "mine: what the packages lack",
        "mine: the worker's packages for Python 3.11 ...",
        "mine: the worker's packages for Python 3.11",
        "mine: compiling with Python 3.11 ...",
        "  downloading packages with apt...",
        "mine: compiling with Python 3.11",
        "mine: the disk ...",
        "mine: the disk",
    ]


def test_the_disk_has_what_unconfigured_packages_lack(workshop: Workshop) -> None:
    workshop.make()
    tree = workshop.tree
    assert (tree / "etc/passwd").read_text().splitlines() == [
        "root:*:0:0:root:/root:/bin/bash",
        "builder:*:1000:1000:Builds run as this user:/home/builder:/bin/bash",
    ]
    assert (tree / "etc/group").read_text() == "root:*:0:\nbuilder:*:1000:\n"
    assert (tree / "etc/ssl/certs/ca-certificates.crt").read_text() == "one\ntwo\n"
    assert (tree / "etc/resolv.conf").read_text() == "nameserver 10.0.2.3\n"
    assert str((tree / "usr/bin/cc").readlink()) == "gcc"
    assert (tree / "home/builder/worker/info/host").read_text() == "a guest made from the recipe mine\n"
    packages = tree / "usr/lib/arm_ci/python"
    assert (packages / "waiting_worker.py").read_text() == (WORKERS / "guest/waiting_worker.py").read_text()
    assert (packages / "buildbot_worker/msgpack.py").read_text() == (WORKERS / "guest/no_msgpack.py").read_text()
    assert (packages / "compiled.so").exists()
    assert (tree / "var/lib/dpkg/status").read_text() == (
        "Package: systemd\nStatus: install ok installed\nVersion: 1\n"
    )
    assert not (tree / "boot").exists()
    assert not (tree / "usr/lib/modules").exists()
    assert stat.S_IMODE((tree / "etc/passwd").stat().st_mode) == 0o644


def test_packages_compiled_for_arm64_stay_out_of_other_guests(workshop: Workshop) -> None:
    workshop.write(fake_making.RECIPE.replace("arm64", "armhf"))
    workshop.make()
    assert not (workshop.tree / "usr/lib/arm_ci/python/compiled.so").exists()


def test_the_same_again_does_nothing(workshop: Workshop) -> None:
    first, _ = workshop.make()
    workshop.log.unlink()
    second, made = workshop.make()
    assert not made
    assert second == first
    assert not workshop.log.exists()
    assert workshop.said == []


def _change_recipe(workshop: Workshop) -> None:
    workshop.write(fake_making.RECIPE + "disk: 16G\n")


def _change_comment(workshop: Workshop) -> None:
    workshop.write("# Why\n" + fake_making.RECIPE)


def _change_file(workshop: Workshop) -> None:
    with (workshop.files / "session").open("a") as file:
        file.write("# more\n")


@pytest.mark.parametrize("change", [_change_recipe, _change_comment, _change_file])
def test_any_change_of_recipe_or_files_makes_it_anew(workshop: Workshop, change: Callable[[Workshop], None]) -> None:
    first, _ = workshop.make()
    change(workshop)
    second, made = workshop.make()
    assert made
    assert second.key != first.key


def test_it_is_made_again_when_asked(workshop: Workshop) -> None:
    workshop.make()
    assert workshop.make(again=True)[1]


def test_a_broken_image_is_made_again(workshop: Workshop) -> None:
    image, _ = workshop.make()
    image.path("kernel").unlink()
    assert workshop.make()[1]
    assert workshop.store.get("mine").path("kernel").read_text() == "kernel\n"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (
            "fail",
            "unpacking Debian's packages for arm64 failed: mmdebstrap ended with 25\n"
            "I: downloading packages with apt...\na progress bar\nE: apt-get update --error-on=any failed",
        ),
        (
            "full",
            "making the file system failed: sh ended with 1\n"
            "mke2fs: No space left on device while populating file system",
        ),
    ],
)
def test_a_failure_says_what_was_being_done_and_leaves_nothing(workshop: Workshop, how: str, message: str) -> None:
    workshop.log.with_name(f"log.{how}").touch()
    with pytest.raises(ImageError) as raised:
        workshop.make()
    assert str(raised.value) == message
    assert workshop.left_over() == []
    assert workshop.store.list() == []


def test_a_failure_leaves_the_image_that_was_there(workshop: Workshop) -> None:
    first, _ = workshop.make()
    workshop.log.with_name("log.fail").touch()
    with pytest.raises(ImageError):
        workshop.make(again=True)
    assert workshop.store.get("mine") == first


def test_an_interruption_leaves_nothing(workshop: Workshop) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    chosen = image_recipe.read(workshop.directory, "mine")
    with pytest.raises(KeyboardInterrupt):
        making.make_image(workshop.store, chosen, workshop.files, interrupt)
    assert workshop.left_over() == []


def test_a_module_that_the_kernel_does_not_have_is_a_mistake_of_the_recipe(workshop: Workshop) -> None:
    workshop.write(fake_making.RECIPE.replace("[ext4]", "[ext4, ext5]"))
    with pytest.raises(ImageError) as raised:
        workshop.make()
    assert str(raised.value) == f"{workshop.directory}/mine.yaml: `modules`: linux-image-cloud-arm64 has no `ext5`"


def test_a_device_tree_that_the_kernel_does_not_have_is_a_mistake_of_the_recipe(workshop: Workshop) -> None:
    workshop.write(fake_making.RECIPE + "devicetree: board.dtb\n")
    with pytest.raises(ImageError) as raised:
        workshop.make()
    why = "`devicetree`: linux-image-cloud-arm64 has no board.dtb"
    assert str(raised.value) == f"{workshop.directory}/mine.yaml: {why}"


CONFIGURED = fake_making.RECIPE.replace("inside: worker", "inside: systemd").replace(
    "handover: virtio-serial\nresumes: true\n", ""
)


def test_a_whole_debian_is_configured_by_the_guest_itself(workshop: Workshop) -> None:
    workshop.write(CONFIGURED.replace("quiet", "init=/sbin/init"))
    image, _ = workshop.make()
    (call,) = workshop.calls("qemu-system-aarch64")
    assert "-append root=/dev/vda init=/second-stage panic=1 " in call
    assert image.append == "root=/dev/vda init=/sbin/init"
    assert (workshop.tree / "second-stage").stat().st_mode & 0o111
    assert (workshop.tree / "usr/lib/modules/6.1").is_dir()
    assert not (image.directory / "console").exists()


def test_what_stopped_the_configuring_is_said_with_the_console(workshop: Workshop) -> None:
    workshop.write(CONFIGURED)
    workshop.log.with_name("log.panic").touch()
    with pytest.raises(ImageError) as raised:
        workshop.make()
    assert str(raised.value) == (
        "configuring the packages in the guest failed: configuring failed\n"
        "Setting up systemd (252) ...\narm_ci: second stage: configuring failed\n"
    )
    assert workshop.left_over() == []


@pytest.mark.parametrize(
    ("console", "said"),
    [
        ("", "the guest starts"),
        ("Unpacking libc6:arm64 (2.36) ...\nUnpacking bash (5) ...\n", "unpacking bash, 2 of 9"),
        ("Unpacking bash (5) ...\nSetting up bash (5) ...\n", "configuring bash, 1 of 9"),
    ],
)
def test_how_far_the_configuring_is(console: str, said: str) -> None:
    assert second_stage.progress(console, 9) == said


def test_missing_programs_are_told_with_the_line_that_installs_them(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = workshop.directory / "few"
    directory.mkdir()
    for name in ("unshare", "setpriv", "mke2fs"):
        shutil.copy(workshop.directory / "bin" / name, directory)
    monkeypatch.setattr(namespace, "PATH", str(directory))
    monkeypatch.setattr(image_prerequisites, "KEYRING", directory / "none")
    with pytest.raises(ImageError) as raised:
        image_prerequisites.check("arm64", emulator=True)
    assert str(raised.value) == (
        "mmdebstrap, newuidmap, qemu-img, qemu-system-aarch64, Debian's keys: not on this machine; install with: "
        "sudo apt install mmdebstrap uidmap qemu-utils qemu-system-arm debian-archive-keyring"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "somebody:100000:65536\n",
            "user `ada` has no range in /etc/subuid and /etc/subgid, to which files of an image could belong: "
            "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ada",
        ),
        ("ada:100000:65536\n", "user namespaces cannot be made on this machine: unshare: Operation not permitted"),
    ],
)
def test_an_ordinary_user_without_a_range_of_users_is_told_how_to_get_one(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, given: str, message: str
) -> None:
    unshare = workshop.directory / "bin" / "unshare"
    unshare.write_text("#!/bin/sh\necho 'unshare: Operation not permitted' >&2\nexit 1\n")
    ranges = workshop.directory / "ranges"
    ranges.write_text(given)
    monkeypatch.setattr(image_prerequisites, "KEYRING", ranges)
    monkeypatch.setattr(image_prerequisites, "RANGES", (ranges, ranges))
    monkeypatch.setattr(image_prerequisites.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(image_prerequisites.os, "getuid", lambda: 1000)
    monkeypatch.setattr(image_prerequisites.getpass, "getuser", lambda: "ada")
    with pytest.raises(ImageError) as raised:
        image_prerequisites.check("arm64", emulator=False)
    assert str(raised.value) == message
