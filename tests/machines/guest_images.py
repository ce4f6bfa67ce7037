"""What tests with real guests begin with: an image that is made here, and the sample where a guest can fetch it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running import ROOT, free_port
from virtual_machine import HOST_ADDRESS

from arm_ci.cli import repositories
from arm_ci.guests import image_prerequisites, image_recipe, making
from arm_ci.guests.errors import ImageError
from arm_ci.guests.image import Image, ImageStore

_WORKERS = ROOT / "workers"


def kept_images(directory: Path) -> Path:
    """Where images are made: ARM_CI_TEST_IMAGES names a directory that keeps them for the next run."""
    kept = os.environ.get("ARM_CI_TEST_IMAGES")
    return Path(kept).resolve() if kept else directory


def made_image(name: str, images: Path) -> Image:
    """The image of a shipped recipe; the test is skipped where none can be made. It downloads some 300 MB."""
    try:
        image_prerequisites.check("arm64", emulator=True)
    except ImageError as error:
        pytest.skip(str(error))
    wanted = image_recipe.read(_WORKERS / "images", name)
    return making.make_image(ImageStore(images), wanted, _WORKERS / "guest", print)[0]


@contextmanager
def served_sample(directory: Path) -> Iterator[str]:
    """The sample's repository as a guest sees it, while the block runs."""
    repositories.update(directory / "sample.git", ROOT / "samples" / "hungry", "main", "sample")
    port = free_port()
    command = ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", "--export-all", f"--base-path={directory}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        yield f"git://{HOST_ADDRESS}:{port}/sample.git"
        daemon.terminate()
