"""What README.md and docs/ show is what happens: their YAML loads, their commands print what stands there.

A YAML block that begins with `# FILE.yaml` is merged into the shipped file of that name: mappings key by key, lists of
entries behind those that are there, other lists in place of them. A `console` block runs on the result.
"""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from reading import PAGES, ROOT, blocks, name_of

from arm_ci.cli import main
from arm_ci.config import ConfigError, load

FILES = ("site.yaml", "boards.yaml", "toolchains.yaml", "projects.yaml", "workers.yaml")
RUN_HERE = ("check", "matrix", "patches list")
EXAMPLES = [page for page in PAGES if any(block.language in ("yaml", "console") for block in blocks(page))]


def merged(old, new):
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}
    if isinstance(old, list) and isinstance(new, list) and all(isinstance(entry, dict) for entry in new):
        return old + new
    return new


def file_of(block):
    """The file that a YAML block is for, or nothing."""
    match = re.match(r"# (\w+\.yaml)\n", block.text)
    return match[1] if block.language == "yaml" and match else None


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the shipped configuration to change, in the current directory."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    for name in ("patches", "samples"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARM_CI_SITE", "config")
    return tmp_path / "config"


def merge(config, block):
    path = config / file_of(block)
    whole = merged(yaml.safe_load(path.read_text(encoding="utf-8")), yaml.safe_load(block.text))
    path.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")


def lines_match(shown, printed):
    """Whether lines are those printed; a line `...` stands for any number of them."""
    pattern = "\n".join(".*" if line.strip() == "..." else re.escape(line) for line in shown)
    # Places in files move with every edit of the shipped configuration.
    pattern = re.sub(r"\\\.yaml:\d+", r"\\.yaml:\\d+", pattern)
    return re.fullmatch(pattern, "\n".join(printed), re.DOTALL) is not None


@pytest.mark.parametrize("page", EXAMPLES, ids=name_of)
def test_every_example_loads_and_prints_what_stands_there(page, copy, capsys):
    for block in blocks(page):
        if file_of(block):
            merge(copy, block)
            try:
                load(Path("config"))
            except ConfigError as error:
                pytest.fail(f"{name_of(page)}:\n{block.text}\n" + "\n".join(map(str, error.problems)))
        if block.language == "console":
            for command, shown in commands(block):
                assert command.startswith(RUN_HERE), command
                assert main(shlex.split(command)) == 0
                printed = capsys.readouterr().out.rstrip("\n").splitlines()
                assert lines_match(shown, printed), f"{name_of(page)}: arm-ci {command} prints:\n" + "\n".join(printed)


def commands(block):
    """Each command of a console block with the lines shown below it."""
    for part in re.split(r"^\$ arm-ci ", block.text, flags=re.MULTILINE)[1:]:
        command, *shown = part.rstrip("\n").splitlines()
        yield command, shown


def test_a_block_is_for_a_file_of_the_configuration():
    named = {file_of(block) for page in EXAMPLES for block in blocks(page)} - {None, "series.yaml"}
    assert named <= set(FILES)


def test_lists_of_entries_grow_and_other_lists_are_replaced():
    assert merged({"a": [{"x": 1}], "b": [1]}, {"a": [{"y": 2}], "b": [2]}) == {"a": [{"x": 1}, {"y": 2}], "b": [2]}
