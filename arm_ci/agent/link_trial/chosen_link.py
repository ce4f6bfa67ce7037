"""What is asked of a trial, and which link of a build's report that means."""

from __future__ import annotations

import os
from typing import List, NamedTuple, Optional, Tuple

from ..edges import link_command
from ..edges.link_command import Link, LinkError
from ..report import Edge, Report

SECONDS = 1200.0
"""After which a link counts as too slow, if nothing else is asked for."""


class TrialOptions(NamedTuple):
    """What is asked of a trial."""

    output: Optional[str] = None
    """The link to try by its output, as the report names it or by its last part; None: the first that failed."""
    edge: Optional[int] = None
    """The same by its number."""
    limit_seconds: float = SECONDS
    memory_bytes: Optional[int] = None
    """Instead of the build's limit."""
    swap_bytes: Optional[int] = None
    only: Tuple[str, ...] = ()
    """Linkers to try, by family or name; none: all."""


def choose_link(report: Report, options: TrialOptions) -> Edge:
    """The link to try. Raises LinkError naming the links that there are."""
    links = [edge for edge in report.edges if edge.kind == "link"]
    if options.edge is not None:
        chosen = [edge for edge in links if edge.number == options.edge]
        what = "no link has the number {}".format(options.edge)
    elif options.output is not None:
        chosen = _named(links, options.output)
        what = "no link makes `{}`".format(options.output)
    else:
        chosen = _not_made(links)
        what = "no link failed"
    if chosen:
        return next((edge for edge in chosen if edge.failed), chosen[0])
    raise LinkError("{}; the report has {}".format(what, _in_words(links)) if links else "the report has no link")


def _in_words(links: List[Edge]) -> str:
    named = ["{} (number {})".format(edge.output, edge.number) for edge in links[:20]]
    return ", ".join([*named, "..."] if len(links) > 20 else named)


def _named(links: List[Edge], output: str) -> List[Edge]:
    """Those that make this output, as the report names it or by its last part."""
    exact = [edge for edge in links if edge.output == output]
    return exact or [edge for edge in links if ("/" + edge.output).endswith("/" + output)]


def _not_made(links: List[Edge]) -> List[Edge]:
    """Those whose output no try has made: that failed, or else that were still running."""
    made = {_place(edge) for edge in links if edge.exit_status == 0}
    not_made = [edge for edge in links if _place(edge) not in made]
    return [edge for edge in not_made if edge.failed] or [edge for edge in not_made if edge.end_seconds is None]


def _place(edge: Edge) -> str:
    return os.path.normpath(os.path.join(edge.directory, edge.output))


def take_apart(edge: Edge) -> Link:
    """The link's command line. Raises LinkError where what it needs is no longer there."""
    if not os.path.isdir(edge.directory):
        raise LinkError("the link's directory {} is not there".format(edge.directory))
    link = link_command.read(edge.argv, edge.directory)
    gone = link_command.missing_inputs(link)
    if gone:
        raise LinkError(
            "{} of the link {} no longer there, the first is `{}`: build `{}` again up to its link".format(
                "1 input" if len(gone) == 1 else "{} inputs".format(len(gone)),
                "is" if len(gone) == 1 else "are",
                gone[0],
                edge.output,
            )
        )
    return link
