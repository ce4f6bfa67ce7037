"""Repeats one link with every linker and memory option of this machine, each alone and under the limits of the build.

Every row is a run of the agent's own. The build tree stays as it was: outputs go to a directory beside the link's,
which is removed at the end. Killed outright, this leaves that directory behind, and the next trial removes it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Tuple

from .. import tools
from ..edges import link_command
from ..edges.link_command import Link, LinkError
from ..edges.response_file import join
from ..journal import SampleKeeper
from ..machine.visibility import limits_here
from ..report import Limits, OomRecord, Report, Samples
from . import elf, installed_linkers
from .attempt import Conditions, Ran, repeat
from .chosen_link import TrialOptions, choose_link, take_apart
from .trial_result import BROKEN, FAILED, FITS, REFUSED, TOO_SLOW, TrialLimits, TrialLink, TrialResult, TrialRow

_DIRECTORY = ".link-trial"
_LONGEST_LINE = 60000
_SAME_MEMORY = 0.05
# Of each row that did not fit; there may be a dozen of twenty minutes.
_MOST_SAMPLES = 200
_NOT_KNOWN = re.compile(
    r".*(?:unrecognized (?:command-line )?option|unknown (?:command line )?(?:option|argument)"
    r"|invalid linker name|cannot find 'ld'|unsupported option).*",
    re.IGNORECASE,
)
# bfd says so, leaves the section out and ends with 0 (seen with 2.40 on 32 bits).
_TOO_LARGE = re.compile(r".*error: .* is too large \(0x.*")


class _Candidate(NamedTuple):
    row: TrialRow
    argv: Tuple[str, ...]


# -- what is tried --------------------------------------------------------------------------------------------


def _candidates(link: Link, found: List[installed_linkers.Linker], place: str) -> Iterator[_Candidate]:
    """The link as it was, then every linker with every set of options, but for what the first was already."""
    driver = [link.driver, *link.target]
    version = installed_linkers.default_linker(driver, link.selection, link.directory)
    own = next((each for each in found if each.version == version), None)
    row = TrialRow(
        linker=own.name if own else "",
        options=link.memory_options,
        as_built=True,
        program=os.path.basename(own.program) if own else "",
        version=version,
    )
    more = installed_linkers.trial_options(own) if own else ()
    yield _Candidate(row, tuple(link_command.as_built(link, more, place)))
    for linker in found:
        yield from _candidates_with(linker, link, link.memory_options if linker == own else None, place)


def _candidates_with(
    linker: installed_linkers.Linker, link: Link, as_built: Optional[Tuple[str, ...]], place: str
) -> Iterator[_Candidate]:
    """The link with a linker and every set of its options, but for those that it was built with."""
    row = TrialRow(
        linker=linker.name,
        program=os.path.basename(linker.program),
        version=linker.version,
        by_directory=any(word.startswith("-B") for word in linker.selection),
    )
    if linker.refusal:
        why = "the compiler does not take it: {}".format(linker.refusal)
        yield _Candidate(row._replace(ended=REFUSED, why=why), ())
        return
    for options in installed_linkers.option_sets(linker, link.strips):
        if as_built is not None and set(options) == set(as_built):
            continue
        words = (*options, *installed_linkers.trial_options(linker))
        argv = link_command.with_linker(link, linker.selection, words, place)
        yield _Candidate(row._replace(options=options), tuple(argv))


def _only(found: List[installed_linkers.Linker], only: Tuple[str, ...]) -> List[installed_linkers.Linker]:
    known = {name for linker in found for name in (linker.family, linker.name)}
    for name in only:
        if name not in known:
            raise LinkError("--only: there is no linker `{}` here; there are {}".format(name, ", ".join(sorted(known))))
    return [linker for linker in found if not only or linker.family in only or linker.name in only]


# -- under which limits ---------------------------------------------------------------------------------------


def conditions_for(limits: Limits, here: Limits, options: TrialOptions) -> Conditions:
    """The limits to set for each link, so that it has what it had in the build and what is asked for."""
    memory, swap = options.memory_bytes, options.swap_bytes
    if memory is None and limits.cgroup_limit_bytes != here.cgroup_limit_bytes:
        memory = limits.cgroup_limit_bytes
    if swap is None and memory is not None:
        swap = limits.cgroup_swap_limit_bytes
    return Conditions(
        seconds=options.limit_seconds,
        memory_bytes=memory,
        swap_bytes=swap,
        rlimit_as_bytes=limits.rlimit_as_bytes,
        rlimit_data_bytes=limits.rlimit_data_bytes,
        rlimit_fsize_bytes=limits.rlimit_fsize_bytes,
    )


def _notes(report: Report, here: Limits, conditions: Conditions) -> List[str]:
    then = report.limits.memory_bytes
    if conditions.memory_bytes is None and then and abs(then - here.memory_bytes) > then * _SAME_MEMORY:
        return [
            "The build's machine had {} bytes of RAM, this one has {}: `--memory {}` holds the links to that.".format(
                then, here.memory_bytes, then
            )
        ]
    return []


def _limits(row: Optional[Report], here: Limits, conditions: Conditions) -> TrialLimits:
    """What the links had, as the report of one of them says."""
    found = row.limits if row is not None else here
    in_cgroup = found.cgroup_limit_bytes is not None
    swaps = [found.swap_bytes, found.cgroup_swap_limit_bytes if in_cgroup else None]
    return TrialLimits(
        seconds=conditions.seconds,
        memory_bytes=found.cgroup_limit_bytes if in_cgroup else found.memory_bytes,
        swap_bytes=min(each for each in swaps if each is not None),
        rlimit_as_bytes=found.rlimit_as_bytes,
        address_bits=found.address_bits,
        in_cgroup=in_cgroup,
    )


# -- the trial ------------------------------------------------------------------------------------------------


class Trial:
    """One trial; `say` is handed a line whenever there is something to tell."""

    def __init__(self, report: Report, options: TrialOptions, say: Callable[[str], None]) -> None:
        """Raises LinkError where there is nothing to try."""
        self.edge = choose_link(report, options)
        self.link = take_apart(self.edge)
        self.report = report
        self.options = options
        self._say = say
        self._stopped = False
        output = os.path.join(self.edge.directory, self.edge.output)
        self.place = os.path.join(os.path.dirname(output), self.link.name + _DIRECTORY)

    def stop(self, *_: Any) -> None:
        """Ends the link that runs, and the trial with what it has; a signal handler."""
        self._stopped = True

    def run(self) -> TrialResult:
        """Tries everything; SIGTERM, SIGINT and SIGHUP end it early. Raises LinkError, OSError."""
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = [signal.signal(number, self.stop) for number in numbers]
        shutil.rmtree(self.place, ignore_errors=True)
        os.mkdir(self.place)
        try:
            return self._try_all()
        finally:
            shutil.rmtree(self.place, ignore_errors=True)
            for number, handler in zip(numbers, before):
                signal.signal(number, handler)

    def _try_all(self) -> TrialResult:
        here = limits_here(self.edge.directory)
        conditions = conditions_for(self.report.limits, here, self.options)
        driver = [self.link.driver, *self.link.target]
        prefix = installed_linkers.prefix_of(self.link.driver, self.link.target)
        path = os.environ.get("PATH", os.defpath)
        self._say("link trial of {}: asking for the linkers".format(self.edge.output))
        found = installed_linkers.linkers(
            driver, self.edge.directory, path, prefix, os.path.join(self.place, tools.LINKER_DIRECTORY)
        )
        output = os.path.join(self.place, "output")
        candidates = list(_candidates(self.link, _only(found, self.options.only), output))
        rows: List[TrialRow] = []
        for index, candidate in enumerate(candidates):
            if self._stopped:
                break
            title = "{}/{} {}".format(index + 1, len(candidates), row_name(candidate.row))
            row = self._try(candidate, conditions, title, output)
            if not self._stopped:
                rows.append(row)
                self._say("{}: {}".format(title, outcome_text(row)))
        edge = self.edge
        families = {each.family for each in found}
        return TrialResult(
            link=TrialLink(
                output=edge.output,
                directory=edge.directory,
                argv=edge.argv,
                exit_status=edge.exit_status,
                signal=edge.signal,
                peak_rss_bytes=edge.peak_rss_bytes,
                peak_anonymous_swap_bytes=edge.peak_anonymous_swap_bytes,
                peak_virtual_bytes=edge.peak_virtual_bytes,
            ),
            limits=_limits(next((row.report for row in rows if row.report), None), here, conditions),
            rows=tuple(rows),
            absent=tuple(each.name for each in tools.LINKERS if each.is_measured and each.name not in families),
            notes=tuple(_notes(self.report, here, conditions)),
            complete=len(rows) == len(candidates),
        )

    def _try(self, candidate: _Candidate, conditions: Conditions, title: str, output: str) -> TrialRow:
        if not candidate.argv:
            return candidate.row
        shutil.rmtree(output, ignore_errors=True)
        os.mkdir(output)
        _drop_from_page_cache(link_command.inputs(self.link))
        argv = self._short_enough(candidate.argv)
        agent = os.path.join(self.place, "agent")
        os.makedirs(agent, exist_ok=True)
        began = time.monotonic()
        told = [0]

        def waiting() -> bool:
            seconds = int(time.monotonic() - began)
            if seconds // 30 > told[0]:
                told[0] = seconds // 30
                self._say("{}: for {} s so far".format(title, seconds))
            return self._stopped

        ran = repeat(argv, self.edge.directory, agent, conditions, waiting)
        return _row_of(candidate.row._replace(argv=candidate.argv), ran, os.path.join(output, self.link.name))

    def _short_enough(self, argv: Tuple[str, ...]) -> Tuple[str, ...]:
        """The command, by a response file where the build had one or the kernel may refuse its length."""
        if not self.link.used_response_file and sum(map(len, argv)) < _LONGEST_LINE:
            return argv
        path = os.path.join(self.place, "words.rsp")
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(join(argv[1:]))
        return (argv[0], "@" + path)


def _drop_from_page_cache(paths: List[str]) -> None:
    """Puts files out of the page cache, so that each link reads them as the build's did, and they count as its own."""
    for path in paths:
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            os.fdatasync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError:
            pass
        finally:
            os.close(file)


def _row_of(row: TrialRow, ran: Ran, output: str) -> TrialRow:
    """The row with what came of it."""
    report, outcome = ran.report, ran.report.outcome
    ended, why = _how_it_ended(ran, output)
    return _with_figures(row, ran)._replace(
        ended=ended,
        why=why,
        exit_status=outcome.exit_status,
        signal=outcome.signal,
        seconds=outcome.seconds,
        output_bytes=os.path.getsize(output) if ended == FITS else None,
        log=ran.log,
        report=report._replace(samples=Samples() if ended == FITS else _thinned(report.samples)),
    )


def _how_it_ended(ran: Ran, output: str) -> Tuple[str, str]:
    """One of ENDED, and why."""
    if ran.too_slow:
        return TOO_SLOW, ""
    if ran.report.outcome.exit_status == 0:
        fault = _fault(output, ran.log)
        return (BROKEN, fault) if fault else (FITS, "")
    unknown = _NOT_KNOWN.search(ran.log)
    if unknown and not ran.report.outcome.signal:
        return REFUSED, unknown.group(0).strip()
    return FAILED, ""


def _with_figures(row: TrialRow, ran: Ran) -> TrialRow:
    """The row with what the link took, as the agent's report and the trial's own looks saw it."""
    edges = [edge for edge in ran.report.edges if edge.kind == "link"] or list(ran.report.edges)
    if not edges:
        return row
    edge = max(edges, key=lambda each: each.peak_rss_bytes or 0)
    # Who dies between two looks held more than at the last: what it held then the kernel says.
    killed = [_held_bytes(each) for each in ran.report.kernel.records if each.pid in edge.pids]
    peak = _largest(edge.peak_anonymous_swap_bytes, ran.peaks.anonymous_swap_bytes, *killed)
    return row._replace(
        cpu_seconds=edge.cpu_seconds,
        peak_rss_bytes=edge.peak_rss_bytes,
        peak_anonymous_swap_bytes=peak,
        peak_swap_bytes=None if peak is None else max(edge.peak_swap_bytes or 0, ran.peaks.swap_bytes),
        peak_virtual_bytes=_largest(edge.peak_virtual_bytes, ran.peaks.virtual_bytes),
    )


def _held_bytes(record: OomRecord) -> int:
    return (record.anonymous_bytes or 0) + (record.swap_bytes or 0)


def _largest(*figures: Optional[int]) -> Optional[int]:
    """The largest of what was seen; None: nothing was."""
    return max([figure or 0 for figure in figures]) or None


def _thinned(samples: Samples) -> Samples:
    keeper = SampleKeeper(_MOST_SAMPLES)
    for row in samples.rows:
        keeper.add(row)
    return keeper.samples()


def _fault(output: str, log: str) -> str:
    said = _TOO_LARGE.search(log)
    if said:
        return said.group(0).strip()
    return elf.fault(output)


def row_name(row: TrialRow) -> str:
    """`lld -S`; `as in the build (bfd)`."""
    name = " ".join((row.linker or "its linker", *row.options))
    return "as in the build ({})".format(name) if row.as_built else name


def outcome_text(row: TrialRow) -> str:
    """How it ended, with what it held: `fits, 342 MB anonymous, 1.7 s`."""
    parts = [row.ended]
    if row.ended == REFUSED:
        return "{}, {}".format(row.ended, row.why)
    if row.ended == FAILED:
        how = "signal {}".format(row.signal) if row.signal else "exit status {}".format(row.exit_status)
        parts = ["{} ({})".format(row.ended, how)]
    if row.peak_anonymous_swap_bytes is not None:
        parts.append("{:.0f} MB anonymous".format(row.peak_anonymous_swap_bytes / (1 << 20)))
    if row.seconds is not None:
        parts.append("{:.1f} s".format(row.seconds))
    return ", ".join(parts)
