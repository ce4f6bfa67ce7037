"""Reads README.md and docs/ for the tests of this directory: code blocks, links, headings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    language: str
    text: str


def name_of(page: Path) -> str:
    """A page as it is named in messages."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order, without their indentation."""
    return [
        Block(match["language"], re.sub(f"^{match['indent']}", "", match["text"], flags=re.MULTILINE))
        for match in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


def code(page: Path) -> list[str]:
    """Every line of code of a page: of fenced and indented blocks, and code within sentences."""
    text = page.read_text(encoding="utf-8")
    found = [line for block in blocks(page) for line in re.sub(r"\\\n", " ", block.text).splitlines()]
    text = _BLOCK.sub("", text)
    found += [line.strip() for line in text.splitlines() if line.startswith("    ")]
    found += re.findall(r"`([^`\n]+)`", text)
    return found


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
