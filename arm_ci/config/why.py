"""Why a combination is in the matrix or out of it, in words, with the rule that decided.

It takes a builder's name or some axes; it changes nothing and prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from arm_ci.config.keys import AXES, DebugInfo, Generator
from arm_ci.config.matrix import (
    MATRIX_KEYS,
    SELECTOR_AXES,
    Axes,
    axes_of,
    combinations,
    distcc_rules,
    matcher,
    tier_of,
    tier_rules,
    variants,
)
from arm_ci.config.model import Config
from arm_ci.config.problems import count, nearest, shorten, suggestion
from arm_ci.config.project import Project
from arm_ci.config.shapes import shape_of

MOST_NAMES = 20
"""Names of variants shown for a combination that many match."""

Wanted = dict[str, str]
"""Values by axis; an axis that is not there may be anything."""


class UnknownCombination(ValueError):  # noqa: N818 - it is what the person wrote, not a failure of ours
    """The text names something that the configuration does not have; `str()` is the sentence for people."""


@dataclass(frozen=True)
class Answer:
    """Whether anything matches, and why."""

    included: int
    """Number of variants that match."""
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)


def why(config: Config, text: str) -> Answer:
    """Why a combination is in or out. `text` is a builder's name, or words `axis=value` or just `value`.

    Raises UnknownCombination when a word is none of the configuration's.
    """
    values = axis_values(config)
    words = text.replace(",", " ").split()
    if not words:
        raise UnknownCombination("empty; expected a builder's name, or words such as `board=rpi4 lld`")
    wanted: Wanted | None = None
    if len(words) == 1 and "=" not in words[0]:
        wanted = _by_name(words[0], values)
        if wanted is None and words[0] not in {value for known in values.values() for value in known}:
            raise UnknownCombination(_unknown_word(words[0], values, [variant.name for variant in variants(config)]))
    if wanted is None:
        wanted = _by_words(words, values)
    return _explain(config, wanted)


def _unknown_word(word: str, values: Mapping[str, tuple[str, ...]], names: Sequence[str]) -> str:
    near = nearest(word, [value for some in values.values() for value in some]) or nearest(word, names)
    hint = f"did you mean `{near}`?" if near else "expected for example `board=rpi4 linker=lld`"
    return f"`{shorten(word, 120)}` is neither a builder's name nor a value of an axis; {hint}"


def axis_values(config: Config) -> dict[str, tuple[str, ...]]:
    """Every value that an axis may have in this configuration."""
    return {
        "project": tuple(config.projects),
        "board": tuple(config.boards),
        "compiler": tuple(config.compilers),
        "linker": tuple(config.linkers),
        "generator": shape_of(Generator).choices,
        "debug_info": shape_of(DebugInfo).choices,
    }


def _by_name(name: str, values: Mapping[str, tuple[str, ...]]) -> Wanted | None:
    """The axes in a builder's name, if it is made of values that exist."""
    for found in _splits(name, [values[axis] for axis in AXES]):
        return dict(zip(AXES, found, strict=True))
    return None


def _splits(rest: str, axes: list[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    if len(axes) == 1:
        if rest in axes[0]:
            yield (rest,)
        return
    for value in axes[0]:
        if rest.startswith(value + "-"):
            for tail in _splits(rest[len(value) + 1 :], axes[1:]):
                yield (value, *tail)


def _by_words(words: Iterable[str], values: Mapping[str, tuple[str, ...]]) -> Wanted:
    wanted: Wanted = {}
    for word in words:
        axis, value = _axis_and_value(word, values)
        if wanted.get(axis, value) != value:
            raise UnknownCombination(f"two values for {_shown(axis)}: `{wanted[axis]}` and `{value}`; give one")
        wanted[axis] = value
    return wanted


def _axis_and_value(word: str, values: Mapping[str, tuple[str, ...]]) -> tuple[str, str]:
    name, sign, value = word.partition("=")
    if sign:
        axis = name.replace("-", "_")
        if axis not in values:
            raise UnknownCombination(f"unknown axis `{shorten(name)}`" + suggestion(axis, values, "the axes are"))
        if value not in values[axis]:
            raise UnknownCombination(
                f"unknown {_shown(axis)} `{shorten(value)}`" + suggestion(value, values[axis], "there are")
            )
        return axis, value
    axes = [axis for axis, known in values.items() if word in known]
    if not axes:
        raise UnknownCombination(_unknown_word(word, values, ()))
    if len(axes) > 1:
        choices = " or ".join(f"`{axis}={word}`" for axis in axes)
        raise UnknownCombination(f"`{word}` is a value of several axes; write {choices}")
    return axes[0], word


def _explain(config: Config, wanted: Wanted) -> Answer:
    names = [wanted["project"]] if "project" in wanted else list(config.projects)
    answers = [_explain_project(config, config.projects[name], wanted) for name in names]
    if len(answers) == 1:
        return answers[0]
    lines = tuple(line for answer in answers for line in answer.lines)
    return Answer(sum(answer.included for answer in answers), lines)


def _explain_project(config: Config, project: Project, wanted: Wanted) -> Answer:
    inside = matcher_of(wanted)
    matching = [axes for axes in combinations(project.matrix) if inside(axes)]
    if len(wanted) == len(AXES) or (len(wanted) == len(AXES) - 1 and "project" not in wanted):
        return _explain_one(config, project, next(iter(_universe(project, wanted))), bool(matching))
    return _explain_many(config, project, wanted, matching)


def matcher_of(wanted: Wanted) -> _Matches:
    """Whether a combination has the wanted values."""
    return _Matches(tuple((SELECTOR_AXES.index(axis), value) for axis, value in wanted.items() if axis != "project"))


@dataclass(frozen=True)
class _Matches:
    pairs: tuple[tuple[int, str], ...]

    def __call__(self, axes: Axes) -> bool:
        return all(axes[index] == value for index, value in self.pairs)


def _universe(project: Project, wanted: Wanted) -> Iterator[Axes]:
    """The project's axes with the wanted value where there is one, be it in the matrix or not."""
    choices = [
        (wanted[axis],) if axis in wanted else getattr(project.matrix, key)
        for axis, key in zip(SELECTOR_AXES, MATRIX_KEYS, strict=True)
    ]
    return product(*choices)


def _explain_one(config: Config, project: Project, axes: Axes, included: bool) -> Answer:
    name = "-".join((project.name, *axes))
    if not included:
        return Answer(0, (f"{name} is out: {_reason_out(config, project, axes)}.",))
    tier, index = tier_of(axes, tier_rules(project.matrix))
    lines = [f"{name} is in, {_origin(config, project, axes)}."]
    if index < 0:
        lines.append("Tier force: no rule of matrix.tiers matches it, so it builds when a person asks.")
    else:
        place = _place(config, project, "tiers", tier, index)
        lines.append(f"Tier {tier}: by matrix.tiers.{tier}[{index}] ({place}).")
    for number, matches in enumerate(distcc_rules(project.matrix)):
        if matches(axes):
            helpers = " and ".join(f"`{helper}`" for helper in config.boards[axes[0]].distcc)
            place = _place(config, project, "distcc", number)
            lines.append(f"Compiles go to {helpers}: by matrix.distcc[{number}] ({place}).")
            break
    return Answer(1, tuple(lines))


def _origin(config: Config, project: Project, axes: Axes) -> str:
    for index, combination in enumerate(project.matrix.include):
        if axes_of(combination) == axes:
            return f"by matrix.include[{index}] ({_place(config, project, 'include', index)})"
    return f"from the product of the axes ({_place(config, project)})"


def _reason_out(config: Config, project: Project, axes: Axes) -> str:
    missing = [
        f"{_shown(axis)} `{axes[index]}` is not in matrix.{key} ({_place(config, project, key)})"
        for index, (axis, key) in enumerate(zip(SELECTOR_AXES, MATRIX_KEYS, strict=True))
        if axes[index] not in getattr(project.matrix, key)
    ]
    if missing:
        return ", ".join(missing)
    for index, rule in enumerate(project.matrix.exclude):
        if matcher(rule.match)(axes):
            place = _place(config, project, "exclude", index)
            return f"excluded by matrix.exclude[{index}] ({place}): {rule.reason.strip().rstrip('.')}"
    return "nothing includes it"


def _explain_many(config: Config, project: Project, wanted: Wanted, matching: list[Axes]) -> Answer:
    lines = [f"{project.name}: {count(len(matching), 'variant')} of this combination"]
    lines += [f"  in: {'-'.join((project.name, *axes))}" for axes in matching[:MOST_NAMES]]
    if len(matching) > MOST_NAMES:
        lines.append(f"  in: ... and {len(matching) - MOST_NAMES} more")
    inside = set(matching)
    reasons: dict[str, int] = {}
    for axes in _universe(project, wanted):
        if axes not in inside:
            reason = _reason_out(config, project, axes)
            reasons[reason] = reasons.get(reason, 0) + 1
    lines += [f"  out: {count(number, 'combination')}, {reason}" for reason, number in reasons.items()]
    return Answer(len(matching), tuple(lines))


def _place(config: Config, project: Project, *keys: str | int) -> str:
    path: tuple[str | int, ...] = ("projects", project.name, "matrix", *keys)
    while path and path not in config.places:
        path = path[:-1]
    return config.places.get(path, "projects.yaml")


def _shown(axis: str) -> str:
    return axis.replace("_", " ")
