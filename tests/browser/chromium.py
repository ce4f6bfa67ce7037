"""The browser of these tests: Debian's Chromium with a user directory of its own, patient with a busy machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect, sync_playwright
from waiting import limit

CHROMIUM = shutil.which("chromium")
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt-get install chromium"),
]
_PATIENCE_SECONDS = 60
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def opened(directory: Path, width: int = 1400, height: int = 1000, **more: Any) -> Iterator[BrowserContext]:
    """A browser whose windows have this size; `directory` is for its user's data, `more` for Playwright."""
    patience_ms = 1000 * limit(_PATIENCE_SECONDS)
    expect.set_options(timeout=patience_ms)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            directory,
            executable_path=CHROMIUM,
            args=_ARGUMENTS,
            headless=True,
            viewport={"width": width, "height": height},
            **more,
        )
        context.set_default_timeout(patience_ms)
        yield context
        context.close()


def builder_id(site: Any, name: str) -> int:
    """The number by which the web UI's addresses name a builder."""
    (builder,) = site.get(f"builders?name={name}")["builders"]
    return int(builder["builderid"])
