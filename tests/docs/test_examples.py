"""What README.md and docs/ show is what happens: their YAML loads, their commands print what stands there.

A YAML block that begins with `# FILE.yaml` is laid over the file of that name in a site directory: mappings key by key,
anything else in place of what was there. A `console` block runs on the result.
"""

import re
import shlex

import pytest
import yaml
from reading import PAGES, ROOT, blocks, name_of
from sites import WORKERS, whole_site

from arm_ci.cli import main
from arm_ci.config import ConfigError, load

FILES = ("site.yaml", "boards.yaml", "toolchains.yaml", "projects.yaml", "workers.yaml")
RUN_HERE = ("check", "config", "matrix", "patches list")
EXAMPLES = [page for page in PAGES if any(block.language in ("yaml", "console") for block in blocks(page))]


def file_of(block):
    """The file that a YAML block is for, or nothing."""
    match = re.match(r"# (\w+\.yaml)\n", block.text)
    return match[1] if block.language == "yaml" and match else None


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site with a worker of every board, as the current directory; a page's blocks become its files."""
    monkeypatch.chdir(whole_site(tmp_path))
    monkeypatch.setenv("ARM_CI_SITE", ".")
    return tmp_path


def put(site, block):
    """Lays a block over the site's file of its name, as a site's file lies over the catalogue's."""
    path = site / file_of(block)
    # The machines of a page that names some are those alone.
    old = {} if path.name == "workers.yaml" and path.read_text(encoding="utf-8") == WORKERS else read(path)
    path.write_text(yaml.safe_dump(merged(old, yaml.safe_load(block.text)), sort_keys=False), encoding="utf-8")


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def merged(old, new):
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}
    return new


def lines_match(shown, printed):
    """Whether lines are those printed; a line `...` stands for any number of them."""
    pattern = "\n".join(".*" if line.strip() == "..." else re.escape(line) for line in shown)
    # Places in files move with every edit of the shipped configuration.
    pattern = re.sub(r"\\\.yaml:\d+", r"\\.yaml:\\d+", pattern)
    return re.fullmatch(pattern, "\n".join(printed), re.DOTALL) is not None


@pytest.mark.parametrize("page", EXAMPLES, ids=name_of)
def test_every_example_loads_and_prints_what_stands_there(page, site, capsys):
    for block in blocks(page):
        if file_of(block):
            put(site, block)
            try:
                load(site)
            except ConfigError as error:
                pytest.fail(f"{name_of(page)}:\n{block.text}\n" + "\n".join(map(str, error.problems)))
        if block.language == "console":
            for command, shown in commands(block):
                assert command.startswith(RUN_HERE), command
                assert main(shlex.split(command)) == 0
                printed = capsys.readouterr().out.replace(str(ROOT), "/srv/arm_ci").replace(str(site), "/srv/ci")
                printed = printed.rstrip("\n").splitlines()
                assert lines_match(shown, printed), f"{name_of(page)}: arm-ci {command} prints:\n" + "\n".join(printed)


def commands(block):
    """Each command of a console block with the lines shown below it."""
    for part in re.split(r"^\$ arm-ci ", block.text, flags=re.MULTILINE)[1:]:
        command, *shown = part.rstrip("\n").splitlines()
        yield command, shown


def test_a_block_is_for_a_file_of_the_configuration():
    named = {file_of(block) for page in EXAMPLES for block in blocks(page)} - {None, "series.yaml"}
    assert named <= set(FILES)


def test_blocks_are_laid_over_each_other_as_a_site_lies_over_the_catalogue():
    assert merged({"a": {"x": 1, "y": [1]}, "b": [1]}, {"a": {"y": [2]}}) == {"a": {"x": 1, "y": [2]}, "b": [1]}
