"""Debian's packages, of any architecture, unpacked into a directory. None is configured: no program of theirs runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from arm_ci.guests import namespace

_HOOKS = "/usr/share/mmdebstrap/hooks/merged-usr"
_LEFT_OUT = ("doc", "doc-base", "info", "lintian", "locale", "man")


ARCHIVES = "var/cache/apt/archives"
_KEEP_ARCHIVES = ("--skip=download/empty", "--skip=cleanup/apt", "--skip=essential/unlink")


def unpack(
    root: Path,
    *,
    suite: str,
    mirror: str,
    architecture: str,
    packages: Iterable[str],
    say: Callable[[str], None],
    keep_archives: bool = False,
) -> None:
    """Unpacks packages (or patterns of apt) and what they depend on into a directory that does not exist yet.

    `mirror` empty: Debian's own, with security updates; `keep_archives`: the packages' files stay in `ARCHIVES`. Raises
    ImageError.
    """
    command = [
        "mmdebstrap",
        "--mode=root",
        "--variant=extract",
        "--format=directory",
        f"--architectures={architecture}",
        # One at a time: a pattern such as `?essential` cannot be in a list.
        *(f"--include={each}" for each in packages),
        f"--hook-dir={_HOOKS}",
        '--aptopt=Apt::Install-Recommends "false"',
        '--aptopt=APT::Sandbox::User "root"',
        *(f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in _LEFT_OUT),
        *(_KEEP_ARCHIVES if keep_archives else ()),
        suite,
        str(root),
        *([mirror] if mirror else []),
    ]
    namespace.run(command, f"unpacking Debian's packages for {architecture}", say=lambda line: _say(line, say))


def register(root: Path) -> int:
    """Has the tree's dpkg know the packages whose files were kept, as installed: builds ask it what is there.

    How many there are. Raises ImageError.
    """
    archives = sorted((root / ARCHIVES).glob("*.deb"))
    stanzas = []
    for archive in archives:
        lines: list[str] = []
        namespace.run(
            ["dpkg-deb", "--field", archive], "reading a package's description", outside=True, say=lines.append
        )
        stanzas.append("\n".join([lines[0], "Status: install ok installed", *lines[1:]]) + "\n")
    (root / "var/lib/dpkg/status").write_text("\n".join(stanzas), encoding="utf-8")
    return len(archives)


def _say(line: str, say: Callable[[str], None]) -> None:
    """Passes on mmdebstrap's own account, without its progress bars."""
    if line.startswith("I: "):
        say(f"  {line[3:]}")
