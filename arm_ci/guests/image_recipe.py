"""A recipe: what an image is made from, read from YAML. A mistake names file, line, key and what was expected.

It says nothing of how an image is made.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from arm_ci.guests.errors import ImageError
from arm_ci.guests.image import NAME

SUFFIX = ".yaml"
_UNITS = {"M": 1 << 20, "G": 1 << 30}


def _key(check: Callable[[yaml.Node], Any], default: Any = MISSING) -> Any:
    """A key of the file; without a default it must be there."""
    return field(default=default, metadata={"check": check})


class _UnexpectedError(Exception):
    """What was expected of a value, and where that stands."""

    def __init__(self, expected: str, node: yaml.Node) -> None:
        super().__init__(expected)
        self.node = node


def _text(node: yaml.Node, pattern: str = r"\S.*", expected: str = "a text on one line") -> str:
    if not isinstance(node, yaml.ScalarNode) or not re.fullmatch(pattern, node.value):
        raise _UnexpectedError(expected, node)
    return str(node.value)


def _matching(pattern: str, expected: str) -> Callable[[yaml.Node], str]:
    return lambda node: _text(node, pattern, expected)


def _choice(*words: str) -> Callable[[yaml.Node], str]:
    said = " or ".join(f"`{word}`" if word else "nothing" for word in words)
    return lambda node: _text(node, "|".join(map(re.escape, words)), said)


def _flag(node: yaml.Node) -> bool:
    return _text(node, "true|false", "`true` or `false`") == "true"


def _bytes(node: yaml.Node) -> int:
    text = _text(node, "[1-9][0-9]{0,5}[MG]", "a size such as `32G` or `900M`")
    return int(text[:-1]) * _UNITS[text[-1]]


def _list(one: Callable[[yaml.Node], str]) -> Callable[[yaml.Node], tuple[str, ...]]:
    def check(node: yaml.Node) -> tuple[str, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise _UnexpectedError("a list", node)
        return tuple(one(each) for each in node.value)

    return check


def _links(node: yaml.Node) -> tuple[tuple[str, str], ...]:
    if not isinstance(node, yaml.MappingNode):
        raise _UnexpectedError("links such as `/usr/bin/cc: gcc`", node)
    return tuple((_path(key), _text(value, r"[\w.+/-]+", "where the link leads to")) for key, value in node.value)


_PACKAGE = r"[a-z0-9][a-z0-9.+-]+"
_package = _matching(_PACKAGE, "the name of a Debian package")
_path = _matching(r"/[\w.+/-]+", "a whole path, such as `/usr/bin/cc`")


@dataclass(frozen=True)
class Recipe:
    """What an image is made from."""

    name: str
    file: Path
    architecture: str = _key(_choice("arm64", "armhf"))
    """Debian's name."""
    suite: str = _key(_matching("[a-z]+", "the name of a Debian release, such as `bookworm`"))
    inside: str = _key(_choice("worker", "systemd"))
    """`worker`: our init starts a waiting worker, no package is configured. `systemd`: a Debian as it is installed."""
    kernel: str = _key(_package)
    """Debian's package of the kernel."""
    modules: tuple[str, ...] = _key(_list(_matching("[a-z0-9_-]+", "the name of a module of the kernel")))
    """For its disks, network and consoles, in the order of loading; what they need comes along."""
    append: str = _key(_text)
    """The kernel's command line."""
    packages: tuple[str, ...] = _key(_list(_package))
    description: str = _key(_text, "")
    mirror: str = _key(_matching(r"(https?|file|copy)://?\S+", "a URL of a Debian mirror"), "")
    """Empty: Debian's own mirrors, with its security updates."""
    machine: str = _key(_choice("virt", "raspi3b"), "virt")
    """QEMU's machine."""
    disk_bytes: int = _key(_bytes, 32 << 30)
    """Size of the root disk. It takes no more of the host's than is written to it."""
    devicetree: str = _key(_matching(r"[\w.-]+\.dtb", "a file of the kernel's package that ends with `.dtb`"), "")
    handover: str = _key(_choice("virtio-serial", "second-serial", ""), "")
    """See Image.handover."""
    resumes: bool = _key(_flag, False)
    links: tuple[tuple[str, str], ...] = _key(_links, ())
    """Symbolic links that the packages would make when they are configured, and where each leads to."""


_KEYS = {"disk": "disk_bytes"}
"""Keys of the file that are called otherwise here, where the unit is part of the name."""


def names(directory: Path) -> list[str]:
    """The names of all recipes of a directory."""
    return sorted(path.stem for path in directory.glob(f"*{SUFFIX}"))


def read(directory: Path, name: str) -> Recipe:
    """The recipe of that name; raises ImageError with every mistake, one a line."""
    file = directory / f"{name}{SUFFIX}"
    known = names(directory)
    if name not in known or not NAME.fullmatch(name):
        raise ImageError(f"there is no recipe `{name}` in {directory}{_meant(name, known, 'there are')}")
    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark else str(file)
        raise ImageError(f"{where}: this is not YAML: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(root, yaml.MappingNode):
        raise ImageError(f"{file}: keys such as `suite` and `packages` were expected")
    return _recipe(name, file, root)


def _recipe(name: str, file: Path, root: yaml.MappingNode) -> Recipe:
    checks = {each.name: each for each in fields(Recipe) if "check" in each.metadata}
    in_file = {attribute: key for key, attribute in _KEYS.items()}
    values, problems = _values(file, root, checks, [in_file.get(attribute, attribute) for attribute in checks])
    for attribute, each in checks.items():
        if attribute not in values and each.default is MISSING:
            problems.append(f"{file}: `{in_file.get(attribute, attribute)}` is missing")
    if not problems:
        recipe = Recipe(name, file, **values)
        problems = [f"{file}: {each}" for each in _contradictions(recipe)]
    if problems:
        raise ImageError("\n".join(problems))
    return recipe


def _values(
    file: Path, root: yaml.MappingNode, checks: Mapping[str, Field[Any]], keys: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """What the file says by attribute, and what is wrong with it; a wrong value is None."""
    values: dict[str, Any] = {}
    problems = []
    for key_node, node in root.value:
        key = str(key_node.value)
        where = f"{file}:{key_node.start_mark.line + 1}: `{key}`"
        attribute = _KEYS.get(key, key)
        if key not in keys:
            problems.append(f"{where}: unknown key{_meant(key, keys, 'known are')}")
        elif attribute in values:
            problems.append(f"{where}: it is there twice")
        else:
            values[attribute] = None
            try:
                values[attribute] = checks[attribute].metadata["check"](node)
            except _UnexpectedError as error:
                line = error.node.start_mark.line + 1
                problems.append(f"{file}:{line}: `{key}`: {error} was expected{_found(error.node)}")
    return values, problems


def _contradictions(recipe: Recipe) -> list[str]:
    problems = []
    if recipe.inside == "worker" and not recipe.handover:
        problems.append("`handover` is missing: a waiting worker has to be told its name")
    if recipe.inside == "systemd" and recipe.handover:
        problems.append("`handover`: no worker waits in an image with systemd")
    if recipe.resumes and recipe.inside != "worker":
        problems.append("`resumes`: only an image in which a worker waits can be resumed")
    if recipe.machine == "raspi3b":
        if recipe.disk_bytes & (recipe.disk_bytes - 1):
            problems.append("`disk`: the size of a raspi3b's SD card must be a power of two, such as `32G`")
        if not recipe.devicetree:
            problems.append("`devicetree` is missing: a raspi3b needs the file that describes it")
    return problems


def _found(node: yaml.Node) -> str:
    return f", not `{node.value[:60]}`" if isinstance(node, yaml.ScalarNode) and node.value else ""


def _meant(word: str, known: Collection[str], intro: str) -> str:
    """`; did you mean ...?`, or what there is."""
    near = difflib.get_close_matches(word, known, n=1)
    if near:
        return f"; did you mean `{near[0]}`?"
    return f"; {intro} {', '.join(f'`{each}`' for each in sorted(known))}" if known else ""
