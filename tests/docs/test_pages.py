"""README.md and docs/ name what there is: every command, no option or file that does not exist."""

import argparse
import re

import pytest
from reading import PAGES, ROOT, anchors, code, name_of, prose

from arm_ci.cli import make_parser

README = ROOT / "README.md"
LIST = ROOT / "docs" / "README.md"
MOST_PICTURE_BYTES = 300_000


def subcommands(parser, prefix=()):
    """Every command with its parser: `check`, `patches list`, ..."""
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not nested:
        return {" ".join(prefix): parser}
    found = {}
    for action in nested:
        for name, below in action.choices.items():
            found.update(subcommands(below, (*prefix, name)))
    return found


COMMANDS = subcommands(make_parser())


def calls(page):
    """The calls of `arm-ci` in a page's code: what follows the name, up to the end of that command."""
    for line in code(page):
        for match in re.finditer(r"(?:^|[\s/$])arm-ci ([^|;&#]*)", line):
            yield match[1].strip()


def command_of(call):
    """The command that a call names, or nothing for `arm-ci --help` and the like."""
    words = [word for word in call.split() if re.fullmatch(r"[a-z]+(?:-[a-z]+)*", word)]
    return next((name for name in COMMANDS if words[: len(name.split())] == name.split()), None)


ALL_CALLS = [(name_of(page), call) for page in PAGES for call in calls(page)]


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_is_shown(command):
    assert [page for page, call in ALL_CALLS if command_of(call) == command], f"no page shows `arm-ci {command}`"


@pytest.mark.parametrize(("page", "call"), ALL_CALLS)
def test_a_shown_call_is_of_a_command_and_of_options_that_exist(page, call):
    if call.startswith("-"):
        parser = make_parser()
    elif call in ("patches", "image", "worker"):
        # A group as such.
        return
    else:
        name = command_of(call)
        assert name, f"{page}: `arm-ci {call}`: there is no such command"
        parser = COMMANDS[name]
    known = set(parser._option_string_actions)
    assert set(re.findall(r"(?<=\s)--[a-z-]+", f" {call}")) <= known, f"{page}: `arm-ci {call}`"


def options_in(page):
    return {option for line in code(page) for option in re.findall(r"^--[a-z_-]+", line)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_an_option_within_a_sentence_exists(page):
    known = {option for parser in COMMANDS.values() for option in parser._option_string_actions}
    theirs = {"--no-map-whole-files", "--gtest_filter", "--cmdline"}
    assert options_in(page) - known - theirs == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = {match for line in code(page) for match in re.findall(r"(?:^|\$ )make ([a-z]+)$", line.split("  ")[0])}
    assert shown <= targets


def links(page):
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_link_or_picture_is_dead(page):
    for link in links(page):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name_of(page)}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{name_of(page)}: {link}"


def test_every_page_is_linked_from_the_readme_or_the_list_of_documentation():
    linked = {(page.parent / link.partition("#")[0]).resolve() for page in (README, LIST) for link in links(page)}
    assert {page for page in PAGES if page != README} <= linked


def test_the_readme_is_read_in_three_minutes():
    assert len(README.read_text(encoding="utf-8").split()) <= 600


def test_the_readme_has_one_picture_that_is_not_heavy():
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README.read_text(encoding="utf-8"))
    assert 10_000 < (ROOT / picture).stat().st_size < MOST_PICTURE_BYTES


def test_every_picture_is_shown_somewhere():
    shown = {
        (page.parent / link).resolve() for page in PAGES for link in links(page) if link.endswith((".png", ".svg"))
    }
    assert shown == set((ROOT / "docs" / "images").iterdir())
