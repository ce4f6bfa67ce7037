"""`--patch FILE --strip N`: a patch of the caller's own, for `arm-ci build` and `arm-ci force`.

It is judged here as far as that needs no source tree; arm_ci.patches.forced applies it.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from arm_ci.cli.options import CommandError
from arm_ci.patches import forced


@dataclass(frozen=True)
class GivenPatch:
    """A patch that the caller named; it may fit some tree."""

    file: str
    text: bytes
    strip: int

    def form_fields(self) -> dict[str, str | int]:
        """The fields of the master's force form. Raises CommandError: a form carries text only."""
        try:
            body = self.text.decode()
        except UnicodeDecodeError as error:
            line = self.text.count(b"\n", 0, error.start) + 1
            raise CommandError(
                f"--patch: {self.file}, line {line} is not UTF-8, and the master's form takes nothing else; "
                "`arm-ci build --patch` and `buildbot try` do"
            ) from error
        return {"main_patch_body": body, "main_patch_level": self.strip}


def add_patch_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--patch` and `--strip`."""
    parser.add_argument("--patch", metavar="FILE", help="a patch of your own, applied before the patch set")
    parser.add_argument(
        "--strip",
        metavar="N",
        help="leading parts of each path in it to leave out (default: 1, as git writes)",
    )


def given_patch(arguments: argparse.Namespace) -> GivenPatch | None:
    """The patch that the caller named, or None. Raises CommandError for one that cannot be applied anywhere."""
    if arguments.patch is None:
        if arguments.strip is not None:
            raise CommandError("--strip: only with --patch")
        return None
    try:
        strip = 1 if arguments.strip is None else forced.parse_strip(arguments.strip)
    except ValueError as error:
        raise CommandError(f"--strip: {error}") from error
    try:
        text = forced.normalised(Path(arguments.patch).read_bytes())
        forced.parse(text, strip)
    except OSError as error:
        raise CommandError(f"--patch: {arguments.patch}: {error.strerror}") from error
    except forced.ForcedPatchError as error:
        raise CommandError(f"--patch: {arguments.patch}: {error}") from error
    return GivenPatch(arguments.patch, text, strip)
