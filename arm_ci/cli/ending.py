"""How a command ends: its exit status, and one sentence on standard error for whatever stopped it."""

from __future__ import annotations

import argparse
import os
import sys

from arm_ci.cli.extra import sentence_without
from arm_ci.cli.options import DONE, FAILED, OUTSIDE, USAGE, CommandError
from arm_ci.config import ConfigError
from arm_ci.patches.diffs import BundleError
from arm_ci.patches.series import SeriesError
from arm_ci.patches.transaction import SourceError


def run(arguments: argparse.Namespace) -> int:
    """Runs the command that was parsed and returns its exit status."""
    try:
        return int(arguments.run(arguments))
    except (ConfigError, SeriesError) as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # The reader (head, less) went away: not our error. Keep Python from complaining at exit.
        sys.stderr.close()
        return DONE
    except (CommandError, BundleError, SourceError, OSError) as error:
        print(f"arm-ci: {_sentence(error)}", file=sys.stderr)
        return _status(error)
    except ModuleNotFoundError as error:
        sentence = sentence_without(error.name)
        if sentence is None:
            raise
        print(f"arm-ci: {sentence}", file=sys.stderr)
        return OUTSIDE
    except KeyboardInterrupt:
        print("arm-ci: interrupted", file=sys.stderr)
        return FAILED


def _sentence(error: Exception) -> str:
    """What went wrong; the system's own errors name the file they are about, when they know it."""
    if not isinstance(error, OSError):
        return str(error)
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return where + (error.strerror or str(error) or type(error).__name__)


def _status(error: Exception) -> int:
    if isinstance(error, CommandError):
        return error.status
    return USAGE if isinstance(error, BundleError) else OUTSIDE
