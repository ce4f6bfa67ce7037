"""What a tree of unpacked packages lacks to be a guest's root file system, as nothing in it was ever configured.

It writes files only; nothing of the tree is run.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from arm_ci.guests import initrd
from arm_ci.guests.errors import ImageError
from arm_ci.guests.image_recipe import Recipe

PACKAGES = (
    "base-files",
    "base-passwd",
    "busybox-static",
    "ca-certificates",
    "coreutils",
    "dash",
    "dpkg",
    "libc-bin",
    "netbase",
    "python3",
)
"""What every guest in which a worker waits needs, whatever its recipe says."""

CONFIGURED_PACKAGES = ("?essential", "?priority(required)", "busybox-static")
"""What every configured Debian has, as patterns of apt; busybox is for the second stage."""
SECOND_STAGE = "second-stage"
OURS = Path("usr/lib/arm_ci")
PYTHON = OURS / "python"
"""The worker's packages."""
USER = "builder"
USER_ID = 1000
_PASSWD = f"{USER}:*:{USER_ID}:{USER_ID}:Builds run as this user:/home/{USER}:/bin/bash\n"
_FILES = {
    "etc/hostname": "guest\n",
    "etc/hosts": "127.0.0.1 localhost guest\n10.0.2.2 host\n",
    # QEMU's user network forwards to the host's own name servers.
    "etc/resolv.conf": "nameserver 10.0.2.3\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
    "etc/environment": "",
    "etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
}


_CONFIGURED_FILES = {
    # Elsewhere than on x86 it cannot know that it is in no cloud, and asks one after the other for minutes.
    "etc/cloud/cloud.cfg.d/95_arm_ci.cfg": "datasource_list: [NoCloud, None]\nlocale: C.UTF-8\n",
    "etc/fstab": "/dev/vda / ext4 noatime,errors=remount-ro 0 1\n",
    "etc/systemd/network/80-guest.network": "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n",
}


def kernel(root: Path) -> Path:
    """The kernel of a tree; its directory of modules is that after `vmlinuz-`. Raises ImageError."""
    found = sorted((root / "boot").glob("vmlinuz-*"))
    if len(found) != 1:
        raise ImageError(f"the packages have {len(found)} kernels, one was expected")
    return found[0]


def kernel_version(root: Path) -> str:
    """As `uname -r` says it."""
    return kernel(root).name.removeprefix("vmlinuz-")


def python(root: Path) -> str:
    """The version of a tree's Python, such as `3.11`. Raises ImageError."""
    found = [each.name for each in (root / "usr/bin").glob("python3.*") if re.fullmatch(r"python3\.\d+", each.name)]
    if len(found) != 1:
        raise ImageError(f"the packages have {len(found)} versions of Python, one was expected")
    return found[0].removeprefix("python")


def make_initrd(root: Path, recipe: Recipe, files: Path) -> bytes:
    """The initrd that mounts the root disk, and for a waiting worker sets up all the rest. Raises ImageError."""
    modules = root / "usr/lib/modules" / kernel_version(root)
    if not modules.is_dir():
        raise ImageError(f"the kernel's modules are not in {modules.relative_to(root)}")
    if unknown := initrd.unknown_modules(modules, recipe.modules):
        raise ImageError(
            f"{recipe.file}: `modules`: {recipe.kernel} has no {', '.join(f'`{each}`' for each in unknown)}"
        )
    members = {
        "bin": (initrd.DIRECTORY, b""),
        "bin/busybox": (initrd.PROGRAM, _busybox(root).read_bytes()),
        "init": (initrd.PROGRAM, (files / "initrd-init").read_bytes()),
        "setup": (initrd.FILE, (files / "setup").read_bytes()),
        **initrd.module_members(initrd.module_order(modules, recipe.modules)),
    }
    return initrd.archive(members)


def _busybox(root: Path) -> Path:
    for name in ("usr/bin/busybox", "bin/busybox"):
        if (root / name).is_file():
            return root / name
    raise ImageError("the package busybox-static is not among the packages")


def add_users(root: Path) -> None:
    """Debian's own users and groups."""
    for name in ("passwd", "group"):
        text = (root / f"usr/share/base-passwd/{name}.master").read_text(encoding="utf-8")
        _write(root / "etc" / name, text)


def add_worker(root: Path, recipe: Recipe, files: Path) -> None:
    """Users, names, links and certificates, and the waiting worker's own files but for its packages."""
    add_users(root)
    for name, line in (("passwd", _PASSWD), ("group", f"{USER}:*:{USER_ID}:\n")):
        with (root / "etc" / name).open("a", encoding="utf-8") as file:
            file.write(line)
    for name, text in _FILES.items():
        _write(root / name, text)
    _write(root / "etc/ssl/certs/ca-certificates.crt", _certificates(root))
    for path, target in recipe.links:
        link = root / path.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    _write(root / OURS / "session", (files / "session").read_text(encoding="utf-8"))
    for name in ("dev", "proc", "run", "sys"):
        (root / name).mkdir(exist_ok=True)
    info = root / "home" / USER / "worker" / "info"
    info.mkdir(parents=True)
    _write(info / "host", f"a guest made from the recipe {recipe.name}\n")
    _write(info / "admin", "arm_ci\n")


def add_second_stage(root: Path, kernel_root: Path, files: Path) -> None:
    """What a tree needs to configure itself, and the kernel's modules."""
    add_users(root)
    for name, text in {**_FILES, **_CONFIGURED_FILES}.items():
        _write(root / name, text)
    _write(root / SECOND_STAGE, (files / SECOND_STAGE).read_text(encoding="utf-8"))
    (root / SECOND_STAGE).chmod(0o755)
    shutil.move(kernel_root / "usr/lib/modules", root / "usr/lib/modules")


def _certificates(root: Path) -> str:
    """All certificate authorities in one file, which is what programs read."""
    parts = (each.read_text(encoding="ascii") for each in sorted((root / "usr/share/ca-certificates").rglob("*.crt")))
    return "".join(part if part.endswith("\n") else part + "\n" for part in parts)


def add_waiting_worker(root: Path, recipe: Recipe, files: Path) -> None:
    """The waiting worker beside its packages, which are there, and what these are to be in a guest."""
    packages = root / PYTHON
    for name, place in (("waiting_worker.py", "waiting_worker.py"), ("no_msgpack.py", "buildbot_worker/msgpack.py")):
        _write(packages / place, (files / name).read_text(encoding="utf-8"))
    if recipe.architecture != "arm64":
        # The compiled parts are arm64's; these packages do without.
        for path in packages.rglob("*.so"):
            path.unlink()


def leave_out(root: Path, names: Iterable[str]) -> None:
    """Removes what no guest needs on its disk."""
    for name in names:
        shutil.rmtree(root / name, ignore_errors=True)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
