"""What can go wrong with guests and their images."""

from __future__ import annotations


class ImageError(Exception):
    """An image cannot be made, found or used; the message names the image and what to do."""


class GuestError(Exception):
    """A guest did not come up, or cannot be used. `str()` is one sentence that names the cause."""

    def __init__(self, cause: str, console: str = "", transient: bool = False) -> None:
        super().__init__(cause)
        self.console = console
        """The tail of its console, or empty."""
        self.transient = transient
        """Whether it may go well next time, with nothing mended: QEMU was killed, the guest was too slow."""


def not_installed(what: str, package: str) -> str:
    """The sentence about something that one of Debian's packages brings, with the command that installs it."""
    return f"{what} is not installed: sudo apt-get install --no-install-recommends {package}"


class MissingToolError(ImageError):
    """A program or a file of another package is not installed; the message has the command that installs it."""

    def __init__(self, what: str, package: str) -> None:
        super().__init__(not_installed(what, package))
