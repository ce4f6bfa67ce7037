"""A project whose one link has much to map and little to keep: sections of zeros, as large as is asked for."""

from __future__ import annotations

from pathlib import Path

_LISTS = """\
cmake_minimum_required(VERSION 3.13)
project(wide LANGUAGES C)
add_executable(wide main.c {sources})
target_link_options(wide PRIVATE {options})
"""
# A section that is not loaded, as debug info is none: the program runs as if it were not there.
_SOURCE = """\
__asm__(".section .debug_wide,\\"\\",%progbits\\n"
        ".zero {size}\\n"
        ".text");
"""


def write(directory: Path, sizes_mb: list[int], options: str = "") -> None:
    """Writes it, with one source for each section; `options` go to the linker's driver."""
    directory.mkdir(parents=True)
    names = [f"wide_{number}.c" for number in range(len(sizes_mb))]
    for name, size in zip(names, sizes_mb, strict=True):
        (directory / name).write_text(_SOURCE.format(size=size * 1_000_000))
    (directory / "main.c").write_text("int main(void) { return 0; }\n")
    (directory / "CMakeLists.txt").write_text(_LISTS.format(sources=" ".join(names), options=options))
