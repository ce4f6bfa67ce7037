"""A person starts builds: the force form of each project, which also takes a patch and builds several variants at once.

What a form can show is Buildbot's web UI's business, what a patch may be arm_ci.patches.forced's; here both meet, and
whatever a field holds that cannot be built is refused with one sentence at that field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any, TypeVar

from buildbot.plugins import util
from buildbot.schedulers.forcesched import ValidationError

from arm_ci.config.matrix import MATRIX_KEYS, SELECTOR_AXES
from arm_ci.config.model import Variant
from arm_ci.config.problems import count
from arm_ci.config.project import Project
from arm_ci.master.buildbot_fixes.force_scheduler import ChoosingForce, refusal
from arm_ci.master.deferred import as_deferred

T = TypeVar("T")

_AXIS_LABELS = ("Boards", "Compilers", "Linkers", "Generators", "Debug info")
_FORM = "builders_of_the_form"
_SHOWN_COMBINATIONS = 3
_LONGEST_SHOWN = 200


def force_scheduler(project: Project, variants: Sequence[Variant]) -> Any:
    """Lets a person build any variants of a project at a branch, tag or revision, with a patch on top."""
    return Force(
        name=f"force-{project.name}",
        buttonName=f"Force a build of {project.name}",
        label=f"Force a build of {project.name}",
        builderNames=[variant.name for variant in variants],
        reason=ReasonParameter(name="reason", label="Reason", default="a person asked"),
        reasonString="forced by %(owner)s: %(reason)s",
        # Who is logged in is known; who is not, Buildbot's 4.3 form does not ask.
        username=util.FixedParameter(name="username", default="anonymous"),
        priority=PriorityParameter(name="priority", default=0, hide=True),
        codebases=[_source(project)],
        properties=[
            VariantChoices(project.name, variants),
            util.NestedParameter(
                name="",
                label="Build",
                columns=2,
                fields=[
                    TargetsParameter(name="targets", label="Targets (empty: the usual ones)", default=""),
                    JobsParameter(name="jobs", label="Jobs (0: the board's)", default=0),
                ],
            ),
        ],
    )


def _source(project: Project) -> Any:
    return util.CodebaseParameter(
        "",
        name="main",
        label="Source",
        columns=2,
        branch=BranchParameter(
            name="branch",
            label="Branch or tag",
            choices=[*project.branches, *project.tags],
            default=project.branches[0],
            strict=False,
        ),
        revision=ReferenceParameter(name="revision", label="Revision (empty: the newest)", default=""),
        repository=util.FixedParameter(name="repository", default=""),
        project=util.FixedParameter(name="project", default=project.name),
        patch=Patch(
            label="A patch of your own (empty: none)",
            body=PatchTextParameter("body", label="The output of git diff, git show or diff -ru", rows=8),
            level=StripParameter("level", label="Strip level: leading parts of paths to leave out", default=1),
            author=util.FixedParameter("author", default=""),
            comment=util.FixedParameter("comment", default=""),
            subdir=util.FixedParameter("subdir", default=""),
        ),
    )


class Force(ChoosingForce):
    """A force scheduler with a choice of variants; what it starts carries the property `trigger`."""

    @as_deferred
    async def reconfigService(self, *args: Any, **kwargs: Any) -> None:
        await super().reconfigService(*args, **kwargs)
        self.properties.setProperty("trigger", "force", "Scheduler")
        self.choices = next(each for each in self.forcedProperties if isinstance(each, VariantChoices))

    async def chosen(self, names: Any, number: Any, fields: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        form = await self._form(names, number)
        # What is no text the field refuses.
        chosen = {key: [each for each in _as_list(fields.get(key)) if isinstance(each, str)] for key in MATRIX_KEYS}
        return self.choices.names(form, chosen) or form, {**fields, _FORM: form}

    async def _form(self, names: Any, number: Any) -> list[str]:
        """The builders whose form it is. Buildbot takes one that is not there for a mistake of its own."""
        field = "builderNames"
        if names is None and number is not None:
            field = "builderid"
            builder = None
            if re.fullmatch(r"[0-9]{1,9}", str(number), re.ASCII):
                builder = await self.master.data.get(("builders", int(number)))
            names = [builder["name"] if builder else number]
        found = list(self.builderNames) if names is None else _as_list(names)
        if wrong := [str(each)[:_LONGEST_SHOWN] for each in found if each not in self.builderNames]:
            raise refusal(field, f"`{wrong[0]}` is no builder of project `{self.choices.project}`")
        if not found:
            raise refusal(field, "no builder is named")
        return sorted(set(found))


class VariantChoices(util.NestedParameter):
    """Values of the axes other than those of the builder whose form it is; a single value leaves nothing to choose."""

    def __init__(self, project: str, variants: Sequence[Variant]) -> None:
        self.project = project
        self.by_name = {variant.name: axes_of(variant) for variant in variants}
        fields = [
            AxisParameter(name=key, label=label, choices=values, hide=len(values) < 2)
            for key, label, values in zip(MATRIX_KEYS, _AXIS_LABELS, self._values(), strict=True)
        ]
        super().__init__(name="", label="Other variants (nothing chosen: as this builder)", columns=2, fields=fields)

    def names(self, form: Iterable[str], chosen: Mapping[str, Sequence[Any]]) -> list[str]:
        """The builders of the combinations that are variants."""
        names = {axes: name for name, axes in self.by_name.items()}
        return [names[axes] for axes in self._combinations(form, chosen) if axes in names]

    @as_deferred
    async def updateFromKwargs(self, kwargs: dict[Any, Any], collector: Any, **_: Any) -> None:
        before = dict(collector.errors)
        await self.collectChildProperties(kwargs=kwargs, properties={}, collector=collector)
        chosen = {key: kwargs.get(key, []) for key in MATRIX_KEYS}
        form = kwargs.get(_FORM, [])
        if collector.errors == before and any(chosen.values()) and not self.names(form, chosen):
            field = next(key for key in MATRIX_KEYS if chosen[key])
            collector.errors[field] = self._nothing(list(self._combinations(form, chosen)))

    def _combinations(self, form: Iterable[str], chosen: Mapping[str, Sequence[Any]]) -> Iterable[tuple[str, ...]]:
        """The product of the choices; each axis without one has the value of the form's variant."""
        found: dict[tuple[str, ...], None] = {}
        for name in form:
            own = self.by_name[name]
            values = [chosen.get(key) or (value,) for key, value in zip(MATRIX_KEYS, own, strict=True)]
            found.update(dict.fromkeys(product(*values)))
        return found

    def _nothing(self, combinations: Sequence[tuple[str, ...]]) -> str:
        names = ["-".join((self.project, *axes)) for axes in combinations]
        if len(names) == 1:
            return f"there is no variant `{names[0]}`: `arm-ci matrix --why {names[0]}` says why"
        shown = [f"`{name}`" for name in names[:_SHOWN_COMBINATIONS]]
        more = len(names) - len(shown)
        shown += [count(more, "more combination")] if more else []
        return f"none of these is a variant: {', '.join(shown)}"

    def _values(self) -> list[list[str]]:
        return [list(dict.fromkeys(values)) for values in zip(*self.by_name.values(), strict=True)] or [
            [] for _ in MATRIX_KEYS
        ]


def axes_of(variant: Variant) -> tuple[str, ...]:
    """A variant's values in the order of MATRIX_KEYS."""
    return tuple(getattr(variant, axis) for axis in SELECTOR_AXES)


class AxisParameter(util.ChoiceStringParameter):
    """Values of one axis, any number of them."""

    multiple = True
    debug = False
    default: Any = []

    def parse_from_arg(self, s: Any) -> str:
        if s not in self.choices:
            raise ValidationError(f"`{s}` is not one of {', '.join(f'`{choice}`' for choice in self.choices)}")
        return str(s)


class Patch(util.PatchParameter):
    """A patch and its strip level, judged as far as that needs no tree."""

    @as_deferred
    async def updateFromKwargs(
        self, kwargs: dict[Any, Any], properties: dict[str, Any], collector: Any, **_: Any
    ) -> None:
        await self.collectChildProperties(kwargs=kwargs, properties=properties, collector=collector)
        given = kwargs[self.fullName]
        if given.get("body") and "level" in given:
            # Imported late: a master starts without the patch engine.
            from arm_ci.patches import forced

            try:
                forced.parse(given["body"].encode(), given["level"])
            except forced.ForcedPatchError as error:
                collector.errors[f"{self.fullName}_body"] = str(error)
        properties[self.name] = given


class PatchTextParameter(util.TextParameter):
    """The text of a patch, with the line ends of Unix."""

    debug = False

    def parse_from_arg(self, s: Any) -> str:
        if not s:
            return ""
        from arm_ci.patches import forced

        try:
            return forced.normalised(s.encode()).decode()
        except (AttributeError, UnicodeEncodeError) as error:
            raise ValidationError("the patch is not text in UTF-8") from error


class StripParameter(util.IntParameter):
    """A strip level."""

    debug = False

    def parse_from_arg(self, s: Any) -> int:
        from arm_ci.patches import forced

        return _checked(forced.parse_strip, str(s))


class TargetsParameter(util.StringParameter):
    """A text field for targets; anything that is not a target is refused with a sentence."""

    debug = False

    def parse_from_arg(self, s: Any) -> str:
        # Imported late, as below: what builds need, checking a configuration does not.
        from arm_ci.plan.choices import parse_targets

        return " ".join(_checked(parse_targets, str(s)))


class JobsParameter(util.IntParameter):
    """How many edges at once."""

    debug = False

    def parse_from_arg(self, s: Any) -> int:
        from arm_ci.plan.choices import parse_jobs

        return _checked(parse_jobs, str(s))


class ReasonParameter(util.StringParameter):
    """Why a person wants builds, in words."""

    debug = False

    def parse_from_arg(self, s: Any) -> str:
        if not isinstance(s, str):
            raise ValidationError("the reason is not text")
        return s


class PriorityParameter(util.IntParameter):
    """Which builds come first; no page shows it."""

    debug = False

    def parse_from_arg(self, s: Any) -> int:
        text = str(s).strip()
        if not re.fullmatch(r"-?[0-9]{1,4}", text, re.ASCII):
            raise ValidationError(f"`{text[:_LONGEST_SHOWN]}` is not a priority: a whole number such as 0 was expected")
        return int(text)


def _reference(given: Any) -> str:
    from arm_ci.plan.choices import parse_reference

    return _checked(parse_reference, str(given))


class ReferenceParameter(util.StringParameter):
    """A text field for a revision; anything that git could take for an option is refused with a sentence."""

    debug = False

    def parse_from_arg(self, s: Any) -> str:
        return _reference(s)


class BranchParameter(util.ChoiceStringParameter):
    """The project's branches and tags to choose from, or another one typed by hand, checked like a revision."""

    debug = False

    def parse_from_arg(self, s: Any) -> str:
        return _reference(s)


def _checked(parse: Callable[[str], T], text: str) -> T:
    """What a parser makes of a text; its sentence, when it refuses it, is the field's."""
    try:
        return parse(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error


def _as_list(value: Any) -> list[Any]:
    """A field's value as Buildbot takes them: one, several or none."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
