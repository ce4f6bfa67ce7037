"""Makes an image from a recipe: packages, our files, a disk. No program of the guest is run, but for a recipe that asks
for a configured Debian: second_stage.py has the guest itself do that.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from arm_ci.guests import debian, namespace, second_stage, tree
from arm_ci.guests.errors import ImageError
from arm_ci.guests.image import Image, ImageStore
from arm_ci.guests.image_recipe import Recipe

Say = Callable[[str], None]

DISK = "disk.qcow2"
_RAW = "disk.raw"
KERNEL = "kernel"
INITRD = "initrd"
DEVICETREE = "board.dtb"
_HOST_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armhf"}
# Of a guest's packages these are only for the initrd, which has what it needs of them.
_NOT_ON_DISK = ("boot", "usr/lib/modules", "usr/share/initramfs-tools", "var/cache/apt", "var/lib/apt/lists")
_COMPILE = """\
import os, py_compile
for top in ("/usr/lib/python{version}", "/usr/lib/python3", "/{packages}"):
    for directory, _, names in os.walk("/tree" + top):
        if "/test" not in directory:
            for name in names:
                if name.endswith(".py"):
                    path = os.path.join(directory, name)
                    py_compile.compile(path, dfile=path[len("/tree"):], quiet=2)
"""


def key_of(recipe: Recipe, files: Path) -> str:
    """SHA-256, in hexadecimal, of everything that decides what an image is: the recipe, the files that go in, and the
    code that puts them there."""
    here = Path(__file__).parent
    ours = [here / name for name in ("debian.py", "initrd.py", "making.py", "second_stage.py", "tree.py")]
    digest = hashlib.sha256()
    for path in [recipe.file, *sorted(each for each in files.iterdir() if each.is_file()), *ours]:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def make_image(store: ImageStore, recipe: Recipe, files: Path, say: Say, again: bool = False) -> tuple[Image, bool]:
    """The image of a recipe, and whether it had to be made; `again`: it is made whatever there is.

    `files` is the directory of what goes in; `say` gets a line for each step. Raises ImageError, OSError.
    """
    key = key_of(recipe, files)

    def wait() -> None:
        say(f"{recipe.name}: another process is making this image; waiting for it")

    with store.only_maker(recipe.name, wait):
        if not again:
            try:
                found = store.get(recipe.name)
            except ImageError:
                pass
            else:
                if found.key == key:
                    return found, False
        with store.making() as directory:
            return store.publish(_Making(recipe, files, directory, say).make(key)), True


@dataclass
class _Making:
    """An image that is being made in a directory of its own."""

    recipe: Recipe
    files: Path
    directory: Path
    say: Say

    def make(self, key: str) -> Image:
        started = time.monotonic()
        recipe = self.recipe
        version = self.waiting_worker() if recipe.inside == "worker" else self.configured()
        return Image(
            directory=self.directory,
            name=recipe.name,
            key=key,
            architecture=recipe.architecture,
            machine=recipe.machine,
            disk=DISK,
            kernel=KERNEL,
            initrd=INITRD,
            devicetree=DEVICETREE if recipe.devicetree else "",
            append=recipe.append,
            handover=recipe.handover,
            resumes=recipe.resumes,
            made_at=time.time(),
            build_seconds=round(time.monotonic() - started, 1),
            about={"description": recipe.description, "suite": recipe.suite, "kernel": version},
        )

    def waiting_worker(self) -> str:
        """A disk with a worker that our own init starts; the version of its kernel."""
        root = self.directory / "root"
        self.unpack(root, [*tree.PACKAGES, self.recipe.kernel, *self.recipe.packages], keep_archives=True)
        with self.step("the kernel and its initrd"):
            version = self.take_kernel(root)
        with self.step("what the packages lack"):
            tree.add_worker(root, self.recipe, self.files)
            debian.register(root)
        self.add_packages(root)
        with self.step("the disk"):
            tree.leave_out(root, _NOT_ON_DISK)
            self.make_disk(root, journal=False)
            self.finish_disk()
        return version

    def configured(self) -> str:
        """A disk with a whole Debian, which it configures itself; the version of its kernel."""
        root, kernel_root = self.directory / "root", self.directory / "kernel-root"
        self.unpack(root, [*tree.CONFIGURED_PACKAGES, *self.recipe.packages], keep_archives=True)
        self.unpack(kernel_root, ["busybox-static", self.recipe.kernel])
        with self.step("the kernel and its initrd"):
            version = self.take_kernel(kernel_root)
            tree.add_second_stage(root, kernel_root, self.files)
            namespace.remove(kernel_root)
        with self.step("the disk"):
            packages = len(list((root / debian.ARCHIVES).glob("*.deb")))
            self.make_disk(root, journal=True)
        with self.step(f"configuring {packages} packages in the guest itself"):
            second_stage.run(
                self.directory,
                self.recipe.architecture,
                kernel=KERNEL,
                initrd=INITRD,
                append=re.sub(r"init=\S+", f"init=/{tree.SECOND_STAGE} panic=1", self.recipe.append),
                disk=_RAW,
                packages=packages,
                say=self.say,
            )
        with self.step("packing the disk"):
            self.finish_disk()
        return version

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Says when a step begins and how long it took."""
        self.say(f"{self.recipe.name}: {what} ...")
        started = time.monotonic()
        yield
        self.say(f"{self.recipe.name}: {what}: {time.monotonic() - started:.1f} s")

    def unpack(self, root: Path, packages: Iterable[str], keep_archives: bool = False) -> None:
        """Packages of the recipe's Debian."""
        recipe = self.recipe
        packages = list(dict.fromkeys(packages))
        with self.step(f"{len(packages)} packages of {recipe.suite} for {recipe.architecture}, and what they need"):
            debian.unpack(
                root,
                suite=recipe.suite,
                mirror=recipe.mirror,
                architecture=recipe.architecture,
                packages=packages,
                say=self.say,
                keep_archives=keep_archives,
            )

    def take_kernel(self, root: Path) -> str:
        """Kernel, initrd and device tree go beside the disk; the kernel's version."""
        version = tree.kernel_version(root)
        shutil.copyfile(tree.kernel(root), self.directory / KERNEL)
        (self.directory / INITRD).write_bytes(tree.make_initrd(root, self.recipe, self.files))
        if self.recipe.devicetree:
            found = sorted((root / "usr/lib").glob(f"linux-image-*/**/{self.recipe.devicetree}"))
            if not found:
                raise ImageError(
                    f"{self.recipe.file}: `devicetree`: {self.recipe.kernel} has no {self.recipe.devicetree}"
                )
            shutil.copyfile(found[0], self.directory / DEVICETREE)
        return version

    def add_packages(self, root: Path) -> None:
        """The worker's own packages, and everything of Python in the form in which it is read fastest."""
        version = tree.python(root)
        target = root / tree.PYTHON
        with self.step(f"the worker's packages for Python {version}"):
            command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-compile"]
            command += ["--no-deps", "--require-hashes", "--only-binary=:all:", f"--python-version={version}"]
            command += ["--platform=manylinux2014_aarch64", "--target", str(target)]
            command += ["--requirement", str(self.files / "requirements.txt")]
            namespace.run(command, "installing the worker's packages", outside=True, more_environment=os.environ)
            tree.add_waiting_worker(root, self.recipe, self.files)
        with self.step(f"compiling with Python {version}"):
            self.compile(root, version)

    def compile(self, root: Path, version: str) -> None:
        """Compiles Python's modules with that very Python, of this machine's architecture."""
        machine = platform.machine()
        if machine not in _HOST_ARCHITECTURES:
            raise ImageError(f"images are made on {', '.join(_HOST_ARCHITECTURES)}, not on {machine}")
        toolbox = self.directory / "toolbox"
        debian.unpack(
            toolbox,
            suite=self.recipe.suite,
            mirror=self.recipe.mirror,
            architecture=_HOST_ARCHITECTURES[machine],
            packages=["python3-minimal"],
            say=self.say,
        )
        (toolbox / "tree").mkdir()
        script = 'mount --bind "$1" "$2/tree" && exec chroot "$2" /usr/bin/python3 -I -S -c "$3"'
        program = _COMPILE.format(version=version, packages=tree.PYTHON)
        namespace.run(["sh", "-c", script, "sh", root, toolbox, program], "compiling Python's modules")
        namespace.remove(toolbox)

    def make_disk(self, root: Path, journal: bool) -> None:
        """The root disk as a plain file; the tree is removed. What is thrown away after each build needs no journal."""
        script = 'chown -R "$3:$3" "$1"/home/* && exec mke2fs -q -F -t ext4 -m 0 -O "$5" -d "$1" "$2" "$4"'
        if journal:
            script = script.partition("&& ")[2]
        words: list[str | Path] = [root, self.directory / _RAW, str(tree.USER_ID), f"{self.recipe.disk_bytes >> 10}k"]
        words.append("has_journal" if journal else "^has_journal")
        namespace.run(["sh", "-c", script, "sh", *words], "making the file system")
        namespace.remove(root)

    def finish_disk(self) -> None:
        """The root disk as guests use it, without what is empty."""
        raw = self.directory / _RAW
        convert = ["qemu-img", "convert", "-O", "qcow2", str(raw), str(self.directory / DISK)]
        namespace.run(convert, "making the disk", outside=True)
        raw.unlink()
