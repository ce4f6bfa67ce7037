"""A master for builds that are to fail for a real want of something, and workers that want for it."""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connecting import ConnectingWorker, marked
from running import ROOT, Site
from scarcity import processes
from waiting import limit, wait_for

from arm_ci.agent.report import Report

MIB = 1 << 20
WORKERS = 16
"""One for each provocation: a worker that comes and goes is quarantined."""

_PROJECT = """\
{name}:
  directory: {sample}
  branches: [main]
  timeout: {timeout}
  admission: {admission}
  cmake:
    options: [-DHUNGRY_SOURCES=1, -DHUNGRY_COMPILE_MB={compile}, -DHUNGRY_LINK_MB={link}]
    targets: [all]
  matrix: {{boards: [local], compilers: [gcc], linkers: [bfd, lld], generators: [ninja, make]}}
"""
_DIALS = (
    # name, MB to compile the one hungry source, MB to link, how long it may be silent, whether edges are let in
    ("compile", 500, 30, "10m", "true"),
    ("link", 100, 300, "10m", "false"),
    ("small", 100, 100, "10m", "true"),
    ("silent", 1000, 30, "20s", "true"),
)
SOURCE = "CMakeFiles/hungry.dir/generated/feed_0.cpp.o"
"""The output of the one hungry source."""


@dataclass(frozen=True)
class Provoked:
    """A build that ended, and what is said of it."""

    site: Site
    build: dict[str, Any]

    @property
    def sentence(self) -> str:
        return str(self.build["state_string"])

    def data(self, name: str) -> bytes:
        """A part of the build's data."""
        address = f"{self.site.url}api/v2/builds/{self.build['buildid']}/data/{name}/value"
        with urllib.request.urlopen(address, timeout=limit(30)) as answer:
            return bytes(answer.read())

    @property
    def verdict(self) -> dict[str, Any]:
        return dict(json.loads(self.data("verdict")))

    @property
    def report(self) -> Report:
        return Report.from_text(gzip.decompress(self.data("report")).decode())

    def said(self) -> tuple[str, str | None, str, str | None, str | None]:
        """Kind, scope, confidence, program, output."""
        found = self.verdict
        return found["kind"], found["scope"], found["confidence"], found["program"], found["output"]

    def evidence(self) -> dict[str, str]:
        """The first piece of evidence of each source."""
        found: dict[str, str] = {}
        for each in self.verdict["evidence"]:
            found.setdefault(each["source"], each["text"])
        return found

    def advice(self) -> str:
        """All advice, one a line."""
        return "\n".join(each["text"] for each in self.verdict["advice"])

    def figures(self) -> str:
        """What all advice rests on, one a line."""
        return "\n".join(each["because"] for each in self.verdict["advice"])


def make_site(directory: Path) -> Site:
    """A running master with the sample in four sizes; whoever calls stops it."""
    sample = ROOT / "samples" / "hungry"
    projects = "".join(
        _PROJECT.format(
            name=name, sample=sample, compile=compile_mb, link=link_mb, timeout=timeout, admission=admission
        )
        for name, compile_mb, link_mb, timeout, admission in _DIALS
    )
    names = "".join(f"pc-{number}: {{board: local}}\n" for number in range(WORKERS))
    # What is written already is not to be read as a format.
    site = Site.make(directory, projects=projects.replace("{", "{{").replace("}", "}}"), workers=names)
    patches = directory / "patches"
    patches.mkdir()
    for name, *_ in _DIALS:
        (patches / name).symlink_to(ROOT / "patches" / "sample")
    site.write_site(f"patches: {patches}")
    started = site.arm_ci("start")
    assert started.returncode == 0, started.stderr
    return site


@contextmanager
def worker(
    site: Site, number: int, before: Sequence[str] = (), place: Path | None = None, **variables: str
) -> Iterator[ConnectingWorker]:
    """A worker that is connected while the block runs; `before` and `variables` as for its start."""
    made = ConnectingWorker.make(site, f"pc-{number}", place=place)
    made.start(before, **variables)
    try:
        made.wait_until_connected()
        yield made
    finally:
        made.kill()
        for process in marked(made.directory):
            os.kill(process, signal.SIGKILL)


def provoke(site: Site, variant: str) -> Provoked:
    """Builds a variant with one edge at a time, and waits for its end."""
    site.arm_ci("force", "--variant", variant, "--jobs", "1", "--wait")
    return Provoked(site, site.last_build(variant))


def words_of(pid: int) -> list[str]:
    """The command line of a process; empty when it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def compiling(made: ConnectingWorker) -> int | None:
    """The cc1plus of the hungry source, when it runs."""
    assert made.process is not None
    found = processes("cc1plus", made.process.pid)
    return next((pid for pid in found if any("feed_0" in word for word in words_of(pid))), None)


@contextmanager
def once(found: Callable[[], Any], act: Callable[[Any], None]) -> Iterator[None]:
    """While the block runs, does something with what `found` gives, once it gives something."""
    thread = threading.Thread(target=lambda: act(wait_for(found)))
    thread.start()
    try:
        yield
    finally:
        thread.join()
