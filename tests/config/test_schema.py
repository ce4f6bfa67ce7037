"""The JSON schemas that editors read."""

import json
from pathlib import Path

import pytest

from arm_ci.config.schema import main, schemas, texts

SHIPPED = Path(__file__).resolve().parents[2] / "config"


def test_the_shipped_schemas_are_those_of_the_model() -> None:
    here = {path.name: path.read_text(encoding="utf-8") for path in (SHIPPED / "schema").glob("*.json")}
    assert here == texts(), "stale; run: python -m arm_ci.config.schema config/schema"


@pytest.mark.parametrize("name", ["boards", "toolchains", "projects", "workers"])
def test_each_shipped_file_names_its_schema(name: str) -> None:
    first = (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema=schema/{name}.json"
    assert (SHIPPED / "schema" / f"{name}.json").is_file()


def test_a_board_may_be_a_part_of_one_that_ships_or_take_it_out() -> None:
    board, *others = schemas()["boards"]["additionalProperties"]["anyOf"]
    assert "required" not in board
    assert others == [{"type": "null"}, {"enum": ["off", False]}]
    assert board["additionalProperties"] is False
    assert board["properties"]["swap"]["description"] == "Swap, for example `12G`."


def test_only_parts_of_what_is_merged_may_be_left_out() -> None:
    project = schemas()["projects"]["additionalProperties"]["anyOf"][0]
    version, matrix = project["properties"]["version"]["anyOf"][0], project["properties"]["matrix"]
    assert "required" not in {*project, *version, *matrix}
    # A list replaces the one that ships.
    assert matrix["properties"]["exclude"]["items"]["required"] == ["match", "reason"]
    assert schemas()["workers"]["additionalProperties"]["required"] == ["board"]
    assert schemas()["site"]["properties"]["mail"]["anyOf"][0]["required"] == ["sender", "recipients"]


def test_a_selector_takes_one_value_or_a_list() -> None:
    project = schemas()["projects"]["additionalProperties"]["anyOf"][0]
    matrix = project["properties"]["matrix"]["properties"]
    match = matrix["exclude"]["items"]["properties"]["match"]["properties"]
    assert match["board"]["anyOf"] == [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]


def test_the_command_writes_a_file_for_each(tmp_path: Path) -> None:
    assert main([str(tmp_path / "schema")]) == 0
    written = sorted(path.name for path in (tmp_path / "schema").iterdir())
    assert written == ["boards.json", "projects.json", "site.json", "toolchains.json", "workers.json"]
    assert json.loads((tmp_path / "schema" / "site.json").read_text(encoding="utf-8"))["title"] == "site.yaml"


def test_the_command_says_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err == "usage: python -m arm_ci.config.schema DIR\n"
