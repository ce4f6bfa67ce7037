"""`arm-ci worker add | kit`: another machine of a board, from a line in workers.yaml to one to paste on the machine."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from arm_ci.catalogue import catalogue
from arm_ci.cli import worker_check, worker_list
from arm_ci.cli.instance import Instance
from arm_ci.cli.options import DONE, CommandError, add_site_option, find_worker, load_site, site_directory
from arm_ci.config import Config, ConfigError, load
from arm_ci.config.loader import entry_names
from arm_ci.config.problems import suggestion
from arm_ci.config.scalars import EXPECTED, PARSERS
from arm_ci.config.site_checks import LOOPBACK
from arm_ci.plan.kit import Address, kit

_LOOPBACK_HOST = "127.0.0.1"
_MASTER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::([0-9]{1,5}))?", re.ASCII)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the group and its commands."""
    group = subparsers.add_parser("worker", help="add a machine of a board, see whether it is fit, list all of them")
    commands = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    add = commands.add_parser("add", help="add a worker to workers.yaml, make its password, print what to do there")
    add.add_argument("name", metavar="NAME", help="its name")
    add.add_argument("--board", required=True, metavar="NAME", help="its board, an entry of boards.yaml")
    add.add_argument("--owner", default="", metavar="TEXT", help="whom to ask about the machine")
    add.set_defaults(run=run_add)
    give = commands.add_parser("kit", help="write the script that makes a machine this worker; it holds the password")
    give.add_argument("name", metavar="NAME", help="a worker of workers.yaml")
    give.set_defaults(run=run_kit)
    for parser in (add, give):
        parser.add_argument(
            "--master",
            default="",
            metavar="HOST[:PORT]",
            help="how the machine reaches this one (default: as `tls` of site.yaml says)",
        )
    worker_check.add_parser(commands)
    worker_list.add_parser(commands)
    for parser in commands.choices.values():
        add_site_option(parser, needed=True)


def run_add(arguments: argparse.Namespace) -> int:
    """Adds a worker, and says what to do on the machine."""
    directory = site_directory(arguments)
    name = arguments.name
    try:
        PARSERS["name"](name)
    except ValueError:
        raise CommandError(f"NAME: found `{name}`, expected {EXPECTED['name']}") from None
    boards = entry_names(directory, "boards")
    if arguments.board not in boards:
        raise CommandError(f"--board: unknown `{arguments.board}`" + suggestion(arguments.board, boards, "there are"))
    if name in entry_names(directory, "workers"):
        raise CommandError(f"worker `{name}` is there already; `arm-ci worker kit {name}` makes its kit once more")
    entry = {"board": arguments.board, **({"owner": arguments.owner} if arguments.owner else {})}
    config = append(directory, name, entry, lambda config: _check_way(config, name, arguments.master))
    print(f"added: {name}, a machine of board {arguments.board}, to {config.directory / 'workers.yaml'}")
    if not config.connects(config.workers[name]):
        print("`arm-ci start` has the master read it, which starts this guest itself when there is something to build.")
        return DONE
    instance = Instance(config)
    for line in (*instance.make_secrets(), *instance.make_certificate()):
        print(f"made: {line}")
    print(_what_to_do(config, name, arguments.master), end="")
    return DONE


def run_kit(arguments: argparse.Namespace) -> int:
    """Writes a worker's kit to standard output."""
    config = load_site(arguments)
    worker = find_worker(config, arguments.name)
    if not config.connects(worker):
        what = "runs inside the master" if worker.local else "is a guest, which the master starts itself"
        raise CommandError(f"worker `{worker.name}` {what}: there is nothing to do for it")
    if sys.stdout.isatty():
        raise CommandError(
            f"the kit holds the password of `{worker.name}`, which a terminal would show: write it into a file, "
            f"`arm-ci worker kit {worker.name} >{worker.name}.sh`"
        )
    instance = Instance(config)
    for line in (*instance.make_secrets(), *instance.make_certificate()):
        print(f"made: {line}", file=sys.stderr)
    secret = config.password_path(worker).read_text(encoding="utf-8").strip()
    sys.stdout.write(kit(config, worker, address_of(config, arguments.master), secret))
    return DONE


def append(directory: Path, name: str, entry: dict[str, str], accept: Callable[[Config], object]) -> Config:
    """The configuration with another worker at the end of workers.yaml; everything else there stays as it is.

    `accept` raises CommandError when the result will not do. Then, and when the result is no configuration
    (ConfigError) or other workers would change, the file is left as it was.
    """
    file = directory / "workers.yaml"
    is_there = file.exists()
    before = file.read_text(encoding="utf-8") if is_there else _shipped_workers()
    workers = yaml.safe_load(before) or {}
    block = yaml.safe_dump({name: entry}, sort_keys=False, allow_unicode=True)
    text = before.rstrip() if workers else before.rstrip().removesuffix("{}").rstrip()
    _replace(file, (f"{text}\n\n" if text else "") + block)
    try:
        config = load(directory)
        accept(config)
        if yaml.safe_load(file.read_text(encoding="utf-8")) != {**workers, name: entry}:
            raise CommandError(f"{file} cannot be added to; write this into it yourself:\n{block.rstrip()}")
    except (ConfigError, CommandError) as error:
        if is_there:
            _replace(file, before)
        else:
            file.unlink()
        if isinstance(error, ConfigError) and all(problem.file == str(file) for problem in error.problems):
            raise CommandError(
                f"{file} cannot be added to ({error.problems[0]}); write this into it yourself:\n{block.rstrip()}"
            ) from error
        raise
    return config


def _shipped_workers() -> str:
    """The text of the catalogue's workers: a site without the file has those, and keeps them when it gets one."""
    lines = (catalogue() / "config" / "workers.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("#")).lstrip()


def _replace(file: Path, text: str) -> None:
    """Writes a file so that it is never there half written; a link stays one."""
    whole = Path(os.path.realpath(file))
    part = whole.with_name(f".{whole.name}.new")
    part.write_text(text, encoding="utf-8")
    part.chmod(whole.stat().st_mode & 0o777 if whole.exists() else 0o644)
    part.replace(whole)


def _check_way(config: Config, name: str, master: str) -> None:
    """Raises CommandError when a machine that has to connect could not."""
    if config.connects(config.workers[name]):
        address_of(config, master)


def address_of(config: Config, given: str) -> Address:
    """How a machine reaches the master; `given` is HOST[:PORT], or empty. Raises CommandError when it cannot."""
    site = config.site
    match = _MASTER.fullmatch(given)
    if given and match is None:
        raise CommandError(f"--master: HOST or HOST:PORT was expected, not `{given}`")
    host, port = (match[1].strip("[]"), match[2]) if match else ("", None)
    if site.tls:
        # Imported late: it takes a while to load.
        from arm_ci.cli import certificate

        host = host or _refuse_loopback(config, certificate.address(site))
        file = config.path(site.trusted_file)
        trusted = file.read_text(encoding="utf-8") if file.exists() else ""
        return Address(host, int(port or site.tls.port), trusted)
    if not host and not site.unencrypted_workers:
        raise CommandError(
            f"boards cannot connect: write `tls: {{}}` into {config.directory / 'site.yaml'}, and restart the master "
            f"(for a worker on this machine: --master {_LOOPBACK_HOST})"
        )
    if not host:
        raise CommandError("--master: without `tls` in site.yaml nobody knows how boards reach this machine; say it")
    return Address(host, int(port or site.workers.port), "")


def _refuse_loopback(config: Config, host: str) -> str:
    """An address under which machines elsewhere reach the master. Raises CommandError for what each calls itself."""
    if not LOOPBACK.fullmatch(host):
        return host
    raise CommandError(
        f"at `{host}` a machine elsewhere finds itself, not the master: write `tls: {{name: NAME}}` into "
        f"{config.directory / 'site.yaml'}, with the name or address under which boards reach this machine (for a "
        f"worker on this machine: --master {_LOOPBACK_HOST})"
    )


def _what_to_do(config: Config, name: str, master: str) -> str:
    """The last lines of `worker add`."""
    program = os.path.abspath(sys.argv[0])  # noqa: PTH100 - a link to a program stays one
    words = [sys.executable, "-m", "arm_ci"] if program.endswith("/__main__.py") else [program]
    words += ["worker", "kit", name, "--site", str(config.directory)]
    words += ["--master", master] if master else []
    address = address_of(config, master)
    kit_command = shlex.join(words)
    lines = ["", "`arm-ci start` has the master read it."]
    if LOOPBACK.fullmatch(address.host):
        lines += ["Then, on this machine:", "", f"    {kit_command} | sudo sh"]
    else:
        there = shlex.quote(f"{getpass.getuser()}@{address.host}")
        lines += ["Then, on the board:", "", f"    ssh {there} {shlex.quote(kit_command)} | sudo sh", ""]
        lines += [
            f"A board from which nobody may log in here: `arm-ci worker kit {name} >{name}.sh`; bring that file there "
            f"on a way that you trust, for it holds the password; there, `sudo sh {name}.sh`."
        ]
    if address.certificate:
        from arm_ci.cli import certificate

        lines += [
            "",
            f"It trusts this master alone: SHA-256 {certificate.fingerprint(config.path(config.site.trusted_file))}",
        ]
    return "\n".join(lines) + "\n"
