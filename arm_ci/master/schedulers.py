"""What starts builds. So far: a person, with a force scheduler per project."""

from __future__ import annotations

from typing import Any

from buildbot.plugins import schedulers, util
from buildbot.schedulers.forcesched import ValidationError

from arm_ci.config.model import Project
from arm_ci.plan.commands import parse_reference, parse_targets


class TargetsParameter(util.StringParameter):
    """A text field for targets; anything that is not a target is refused with a sentence."""

    def parse_from_arg(self, s: str) -> str:
        try:
            return " ".join(parse_targets(s))
        except ValueError as error:
            raise ValidationError(str(error)) from error


class ReferenceParameter(util.StringParameter):
    """A text field for a revision; anything that git could take for an option is refused with a sentence."""

    def parse_from_arg(self, s: str) -> str:
        return _checked_reference(s)


class BranchParameter(util.ChoiceStringParameter):
    """The project's branches and tags to choose from, or another one typed by hand, checked like a revision."""

    def parse_from_arg(self, s: str) -> str:
        return _checked_reference(s)


def _checked_reference(text: str) -> str:
    try:
        return parse_reference(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error


def force_scheduler(project: Project, builders: list[str]) -> Any:
    """Lets a person build any variant of a project at a branch, tag or revision."""
    return schedulers.ForceScheduler(
        name=f"force-{project.name}",
        buttonName=f"Force a build of {project.name}",
        label=f"Force a build of {project.name}",
        builderNames=builders,
        codebases=[
            util.CodebaseParameter(
                "",
                name="main",
                label="Source",
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
            )
        ],
        reason=util.StringParameter(name="reason", label="Reason", default="a person asked", size=40),
        properties=[
            TargetsParameter(name="targets", label="Targets (empty: the usual ones)", default="", size=40),
            util.IntParameter(name="jobs", label="Jobs (0: the board's)", default=0),
        ],
    )
