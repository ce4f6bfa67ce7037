"""Commands of a build at a terminal, under the agent: as a step runs them on a worker, with the same verdict."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from arm_ci.agent.report import Report, ReportError
from arm_ci.cli.execute import End, execute
from arm_ci.diagnosis.judging.judge import Ended, judge
from arm_ci.diagnosis.page.rendering import PageError
from arm_ci.diagnosis.page.verdict_page import page
from arm_ci.diagnosis.reading.log_scanner import LogScanner
from arm_ci.diagnosis.verdict import Verdict
from arm_ci.plan import Command, Places, archives
from arm_ci.plan.agent_command import agent_path, collect_report, report_path, watched


def run_watched(
    commands: Sequence[Command],
    places: Places,
    stage: str,
    environment: Mapping[str, str],
    take: Callable[[str], None] = lambda line: None,
) -> tuple[Verdict, End]:
    """Runs commands until one fails; the verdict on the last that ran, and how that ended.

    The page of a failure, and of a build whose edges were let in as memory allows, lies beside the report, in the
    support directory. Raises OSError.
    """
    archive = Path(agent_path(places))
    if not archive.is_file():
        archive.write_bytes(archives.agent().data)
    for command in commands:
        scanner = LogScanner()

        def take_both(line: str, scanner: LogScanner = scanner) -> None:
            scanner.feed(line.encode("utf-8", "replace") + b"\n")
            take(line)

        ended = execute(watched(command, places, stage), environment, take_both)
        report = report_of(places, stage, environment)
        verdict = judge(scanner.finish(), report, (), _ended(ended))
        failed = verdict.kind != "ok"
        if failed or (report is not None and report.admission.cores):
            _write_page(Path(report_path(places, stage)).with_suffix(".html"), verdict, report)
        if failed:
            break
    return verdict, ended


def _write_page(path: Path, verdict: Verdict, report: Report | None) -> None:
    try:
        path.write_text(page(verdict, report), encoding="utf-8")
    except PageError as error:
        print(f"note: {error}")
    else:
        print(f"{'page' if verdict.kind == 'ok' else 'verdict'}: {path}")


def _ended(end: End) -> Ended:
    # The agent passes a signal on as a shell does.
    passed_on = end.exit_status - 128 if end.exit_status is not None and 128 < end.exit_status <= 192 else None
    return Ended(end.exit_status, end.signal or passed_on, end.silent_seconds)


def report_of(places: Places, stage: str, environment: Mapping[str, str]) -> Report | None:
    """The agent's report of a stage's last command, or None where there is none, which is said."""
    path = Path(report_path(places, stage))
    try:
        if path.is_file():
            return Report.from_text(path.read_text(encoding="ascii"))
        command = collect_report(places, stage)
        done = subprocess.run(
            command.argv, env=dict(environment), capture_output=True, timeout=command.timeout_seconds, check=False
        )
        return Report.from_text(done.stdout.decode())
    except (ReportError, UnicodeDecodeError, OSError, subprocess.TimeoutExpired) as error:
        print(f"note: there is no report of stage {stage}: {error}")
        return None
