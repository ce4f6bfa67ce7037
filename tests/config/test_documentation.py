"""docs/configuration.md has every key of the model, with the model's words, and no key that does not exist."""

import re
from pathlib import Path
from typing import Any

import pytest

from arm_ci.config.model import Board, Compiler, Linker, Site, Worker
from arm_ci.config.project import Project
from arm_ci.config.shapes import Shape, fields_of

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")

HEADINGS = {
    "Site": "site.yaml",
    "Listen": "Servers",
    "Tls": "TLS",
    "Mail": "Mail",
    "GuestLimits": "Limits of guests",
    "Board": "boards.yaml",
    "Guest": "Guests",
    "Compiler": "Compilers",
    "Linker": "Linkers",
    "Project": "projects.yaml",
    "UpstreamVersion": "Upstream version",
    "BuildSystem": "Build systems",
    "Test": "Tests",
    "Matrix": "Matrix",
    "Combination": "Include",
    "Fallback": "Fallback",
    "Exclusion": "Exclude",
    "Selector": "Selectors",
    "Tiers": "Tiers",
    "Worker": "workers.yaml",
}


def records_in(shape: Shape) -> list[type[Any]]:
    inner = [records_in(each) for each in (shape.item,) if each is not None]
    own = records_below(shape.record) if shape.record is not None else []
    return own + [record for records in inner for record in records]


def records_below(record: type[Any]) -> list[type[Any]]:
    return [record] + [below for field in fields_of(record) for below in records_in(field.shape)]


ROOTS = (Site, Board, Compiler, Linker, Project, Worker)
RECORDS = {record.__name__: record for root in ROOTS for record in records_below(root)}


def rows_under(heading: str) -> dict[str, list[str]]:
    """The rows of the first table under a heading, by their key."""
    section = re.split(r"^#+ ", TEXT.partition(f"## {heading}\n")[2], flags=re.MULTILINE)[0]
    table = section.partition("|---|---|---|---|\n")[2].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    return {row[0].strip("` |"): row[1:] for row in rows}


def test_every_part_of_the_model_has_a_section() -> None:
    assert set(RECORDS) == set(HEADINGS)


@pytest.mark.parametrize("name", list(HEADINGS))
def test_the_table_has_exactly_the_keys_of_the_model(name: str) -> None:
    assert list(rows_under(HEADINGS[name])) == [field.name for field in fields_of(RECORDS[name])]


@pytest.mark.parametrize("name", list(HEADINGS))
def test_the_table_says_what_the_model_says(name: str) -> None:
    for key, (_, default, meaning) in rows_under(HEADINGS[name]).items():
        field = next(field for field in fields_of(RECORDS[name]) if field.name == key)
        assert meaning == field.doc
        assert (default == "required") == field.required
