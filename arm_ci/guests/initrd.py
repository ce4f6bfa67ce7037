"""The first file system of a machine: a cpio archive with busybox, modules of the kernel, a script."""

from __future__ import annotations

import lzma
from collections.abc import Iterable, Mapping
from pathlib import Path

DIRECTORY = 0o040755
PROGRAM = 0o100755
FILE = 0o100644


def archive(members: Mapping[str, tuple[int, bytes]]) -> bytes:
    """An archive of these members: path -> mode and content (cpio's format newc, the kernel's
    Documentation/driver-api/early-userspace/buffer-format.rst). A directory must come before what is in it."""
    parts = [_member(name, content, mode) for name, (mode, content) in members.items()]
    return b"".join([*parts, _member("TRAILER!!!", b"", 0)])


def _member(name: str, content: bytes, mode: int) -> bytes:
    path = name.encode() + b"\0"
    # inode, mode, owner, group, links, time, size, device (4 numbers), length of the name, checksum (unused here)
    numbers = (0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
    header = b"070701" + b"".join(b"%08X" % number for number in numbers) + path
    return header + b"\0" * (-len(header) % 4) + content + b"\0" * (-len(content) % 4)


def module_members(modules: Iterable[Path]) -> dict[str, tuple[int, bytes]]:
    """Modules as members of an archive, unpacked, with the list `modules/order` in the order of loading."""
    members = {"modules": (DIRECTORY, b"")}
    order = []
    for module in modules:
        order.append(module.name.removesuffix(".xz"))
        members[f"modules/{order[-1]}"] = (FILE, _content(module))
    members["modules/order"] = (FILE, "".join(f"{name}\n" for name in order).encode())
    return members


def module_order(root: Path, wanted: Iterable[str]) -> tuple[Path, ...]:
    """The modules below a directory that these names need, each after those that it depends on.

    A name without a file is built into the kernel and left out.
    """
    files = {_name(path): path for pattern in ("*.ko", "*.ko.xz") for path in root.rglob(pattern)}
    ordered: list[Path] = []

    def add(name: str) -> None:
        path = files.get(name.replace("-", "_"))
        if path is not None and path not in ordered:
            for needed in _depends(_content(path)):
                add(needed)
            ordered.append(path)

    for name in wanted:
        add(name)
    return tuple(ordered)


def unknown_modules(root: Path, wanted: Iterable[str]) -> list[str]:
    """Those of these names that the kernel of this directory of modules has neither as a module nor built in."""
    built_in = {_name(Path(line)) for line in (root / "modules.builtin").read_text(encoding="utf-8").split()}
    known = built_in | {_name(path) for pattern in ("*.ko", "*.ko.xz") for path in root.rglob(pattern)}
    return [name for name in wanted if name.replace("-", "_") not in known]


def _name(module: Path) -> str:
    return module.name.partition(".")[0].replace("-", "_")


def _content(module: Path) -> bytes:
    packed = module.read_bytes()
    return lzma.decompress(packed) if module.suffix == ".xz" else packed


def _depends(module: bytes) -> list[str]:
    """What a module says that it depends on, in its section .modinfo."""
    _, found, rest = module.partition(b"\0depends=")
    return [name for name in rest.partition(b"\0")[0].decode().split(",") if name] if found else []
