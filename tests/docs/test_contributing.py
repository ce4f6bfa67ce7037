"""The pages for whoever carries on name files that there are, and their picture of the house is the contract's."""

import re
import tomllib
import xml.etree.ElementTree as ET

import pytest
from reading import PAGES, ROOT, code, name_of

SVG = "{http://www.w3.org/2000/svg}"
CONTRIBUTING = [page for page in PAGES if page.parent.name == "contributing" or page.name == "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", CONTRIBUTING, ids=name_of)
def test_every_file_and_directory_that_a_page_names_is_there(page):
    named = {
        word for line in code(page) for word in re.findall(r"(?:arm_ci|tests|benchmarks|config|workers)/[\w./-]*", line)
    }
    assert [word for word in sorted(named) if not (ROOT / word).exists()] == []


def floors_of_the_picture():
    """The names on each floor of house.svg, the top floor first."""
    picture = ET.parse(ROOT / "docs" / "images" / "house.svg").getroot()
    rows = {}
    for text in picture.iter(f"{SVG}text"):
        if text.get("class") == "name":
            rows.setdefault(int(text.get("y")), set()).add(text.text)
    return [rows[y] for y in sorted(rows)]


def floors_of_the_contract():
    """The same of import-linter's contract of layers."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    house = next(each for each in contracts if each["type"] == "layers" and each.get("containers") == ["arm_ci"])
    return [set(re.split(r"\s*[|:]\s*", layer)) for layer in house["layers"]]


def test_the_picture_of_the_house_is_the_contract_that_imports_are_checked_with():
    assert floors_of_the_picture() == floors_of_the_contract()
