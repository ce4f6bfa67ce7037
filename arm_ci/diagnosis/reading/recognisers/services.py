"""What CI services, containers and init systems say: memory used up, a worker lost, no sign of life for too long."""

from __future__ import annotations

import re

from arm_ci.diagnosis.reading.findings import Finding
from arm_ci.diagnosis.reading.recognisers.recogniser import Recogniser

_OOM_STATUS = re.compile(
    r"(?i:reason)\"?\s*[:=]\s*\"?OOMKilled|\"?OOMKilled\"?\s*[:=]\s*true|\(OOMKilled\)|^\s*OOMKilled\b"
    r"|\bwas OOMKilled\b"
    r"|Failed with result 'oom-kill'|has been killed by the OOM killer|\bStatus:?\s+OOMKilled"
    r"|The node was low on resource: memory"
)
_NOT_OOM = re.compile(r"\"?OOMKilled\"?\s*[:=]\s*false")
_LOST = re.compile(
    r"The runner has received a shutdown signal|^.{0,200}runner: .*lost communication with the server"
    r"|runner lost communication with the server|We stopped hearing from agent"
    r"|hudson\.remoting\.(?:ChannelClosedException|RequestAbortedException|Channel\$OrderlyShutdown)"
    r"|java\.nio\.channels\.ClosedChannelException"
    r"|Backing channel '[^']*' is disconnected|(?:[Aa]gent|[Ss]lave"
    r"|[Nn]ode) (?:\S+ )?went offline during the build|Unexpected termination of the channel"
    r"|^Cannot contact \S+: |was marked offline: Connection was broken|^FATAL: channel is already closed"
    r"|remoteFailed: \[Failure instance: .*Connection(?:Lost|Done)"
    r"|twisted\.(?:internet\.error\.Connection(?:Lost|Done)|spread\.pb\.PBConnectionLost)"
    r"|(?:worker|slave) (?:\S+ )?(?:was )?lost\b|lost (?:connection to )?(?:the )?(?:remote|worker|slave)\b"
    r"|Connection to the other side was lost in a non-clean fashion"
)
_SILENT = re.compile(
    r"No output has been received in the last \d+ ?m|[Tt]oo long with no output"
    r"|\b(?P<seconds>\d+) seconds without output"
    r"|no output for \d+ ?(?:m|s|h)|did(?: not|n't) produce any output (?:in|for)"
)
_TIMED_OUT = re.compile(
    r"command timed out: \d+ seconds elapsed|Build timed out \(after|exceeded the maximum (?:execution )?time"
    r"|exceeded the maximum time limit"
    r"|^ERROR: Job failed: execution took longer than|The operation was canceled\.?$|\bJob was cancelled\b"
)


def _oom_status(match: re.Match[str]) -> Finding:
    return Finding("oom-status")


def _not_oom(match: re.Match[str]) -> Finding:
    return Finding("not-oom")


def _lost(match: re.Match[str]) -> Finding:
    return Finding("worker-lost")


def _silent(match: re.Match[str]) -> Finding:
    return Finding("silent")


def _timed_out(match: re.Match[str]) -> Finding:
    return Finding("timed-out")


RECOGNISERS = (
    Recogniser(("oomkilled",), _NOT_OOM, _not_oom),
    Recogniser(("oomkilled", "oom-kill", "oom killer", "low on resource"), _OOM_STATUS, _oom_status),
    Recogniser(
        (
            "lost",
            "channel",
            "offline",
            "shutdown signal",
            "stopped hearing",
            "cannot contact",
            "connectiondone",
            "requestaborted",
        ),
        _LOST,
        _lost,
    ),
    Recogniser(("output",), _SILENT, _silent),
    Recogniser(("timed out", "exceeded", "longer than", "cancel"), _TIMED_OUT, _timed_out),
)
