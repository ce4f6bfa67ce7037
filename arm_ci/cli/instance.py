"""A configured master on this machine: its state directory and what must be in it, its addresses, starting it.

Everything it writes is below the state directory and the secrets directory. Talking to a running master is rest.py's
business.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from arm_ci.catalogue import catalogue
from arm_ci.cli import extra, repositories
from arm_ci.cli.master_process import START_SECONDS, MasterProcess
from arm_ci.cli.options import OUTSIDE, CommandError
from arm_ci.cli.running_code import RunningCode
from arm_ci.config import Config, ConfigError, Problem, Site
from arm_ci.config.model import TERMINAL, Listen
from arm_ci.config.yaml_nodes import compose, read_text

_TAC = """\
# Written by `arm-ci start`; the next start writes it again.
import os

from pathlib import Path

from arm_ci.cli.running_code import RunningCode
from buildbot.master import BuildMaster
from twisted.application import service
from twisted.internet import reactor
from twisted.python.log import FileLogObserver, ILogObserver
from twisted.python.logfile import LogFile

basedir = {state!r}
configfile = {master_cfg!r}
os.environ["ARM_CI_SITE"] = {config!r}

# The line below is how Buildbot recognises a master's directory.
application = service.Application('buildmaster')
logfile = LogFile.fromFullPath(os.path.join(basedir, "twistd.log"), rotateLength=10000000, maxRotatedFiles=10)
application.setComponent(ILogObserver, FileLogObserver(logfile).emit)
master = BuildMaster(basedir, configfile, 0o077)
master.setServiceParent(application)
master.log_rotation.rotateLength = 10000000
master.log_rotation.maxRotatedFiles = 10

# Once it runs: the process that reads these lines goes into the background before it is the master.
reactor.callWhenRunning(RunningCode(Path(basedir)).note)
"""

_MASTER_CFG = catalogue() / "master.cfg"
_POLL_SECONDS = 0.2


def state_of(directory: Path) -> Path:
    """The state directory that site.yaml names, whatever mistakes the configuration has besides.

    Raises ConfigError when site.yaml cannot be read or holds no text there.
    """
    file = directory / "site.yaml"
    problems: list[Problem] = []

    def complain(line: int, column: int, message: str) -> None:
        problems.append(Problem(str(file), line, column, message))

    root = None
    try:
        text = read_text(file.read_bytes(), complain)
        root = compose(text, complain) if text is not None else None
    except OSError as error:
        if isinstance(error, FileNotFoundError) and directory.is_dir():
            # A site need not have the file.
            return (directory / Site.state).resolve()
        complain(1, 1, f"the file cannot be read ({error.strerror})")
    if root is None:
        raise ConfigError(tuple(problems))
    # Whatever else is wrong in the file is of no interest here.
    problems.clear()
    state = Site.state
    if root.kind != "mapping":
        complain(root.line, root.column, f"found a {root.kind}, expected a mapping")
    for key, value in root.pairs:
        if key.text == "state" and (value.kind != "scalar" or value.tag != "str" or not value.text):
            complain(value.line, value.column, "`state`: expected text, the state directory")
        elif key.text == "state":
            state = value.text
    if problems:
        raise ConfigError(tuple(problems))
    return (directory / state).resolve()


@dataclass(frozen=True)
class Instance:
    """A master as its configuration describes it."""

    config: Config

    @property
    def state(self) -> Path:
        return self.config.path(self.config.site.state)

    @property
    def process(self) -> MasterProcess:
        return MasterProcess(self.state)

    @property
    def url(self) -> str:
        """The web UI as people are told."""
        site = self.config.site
        return site.url or f"http://localhost:{site.web.port}/"

    @property
    def local_url(self) -> str:
        """The web UI as this machine reaches it."""
        web = self.config.site.web
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(web.host, web.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{web.port}/"

    @property
    def login_file(self) -> Path | None:
        """The secret file with which a terminal logs in, or None where nobody does."""
        site = self.config.site
        return self.config.path(site.person_file(TERMINAL)) if site.people else None

    # -- state ------------------------------------------------------------------------------------------------

    def prepare(self) -> list[str]:
        """Makes what a start needs and is not there yet; returns a line for each thing made."""
        extra.require()
        made = self._state_directory()
        made += self.make_secrets()
        made += self.make_certificate()
        self._repositories()
        tac = _TAC.format(state=str(self.state), master_cfg=str(_MASTER_CFG), config=str(self.config.directory))
        (self.state / "buildbot.tac").write_text(tac, encoding="utf-8")
        return made

    def _state_directory(self) -> list[str]:
        made = [] if self.state.is_dir() else [f"state directory {self.state}"]
        try:
            self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
            problem = "" if os.access(self.state, os.W_OK | os.X_OK) else "not writable"
        except FileExistsError:
            problem = "not a directory"
        except OSError as error:
            problem = error.strerror or str(error)
        if problem:
            file = self.config.directory / "site.yaml"
            raise CommandError(f"state directory {self.state} (`state` in {file}): {problem}", OUTSIDE)
        return made

    def make_secrets(self) -> list[str]:
        """Every secret that the configuration wants and that is not there: random, readable by its owner only."""
        made = []
        for whose, path in self._secret_files():
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(secrets.token_urlsafe(24) + "\n", encoding="ascii")
            made.append(f"{whose}: {path}")
        return made

    def make_certificate(self) -> list[str]:
        """Makes the certificate of `tls` when it is ours to make and missing; refuses one that no board would trust."""
        config, site = self.config, self.config.site
        if site.tls is None:
            return []
        # Imported late: many masters have no boards, and this takes a while to load.
        from arm_ci.cli import certificate

        made = []
        file, key = config.path(site.certificate_file), config.path(site.private_key_file)
        if not site.tls.certificate and not file.exists() and not key.exists():
            certificate.make(certificate.address(site), file, key)
            made.append(f"certificate for boards: {file}")
        if problem := certificate.wrong_with(file, key):
            raise CommandError(f"{problem} (`tls` in {config.directory / 'site.yaml'})")
        return made

    def _secret_files(self) -> Iterator[tuple[str, Path]]:
        """Each secret file with what it is, for people."""
        config, site = self.config, self.config.site
        for worker in config.workers.values():
            if config.connects(worker):
                yield f"password of worker {worker.name}", config.password_path(worker)
        for person in site.people:
            yield f"password of {person}", config.path(site.person_file(person))
        if self.login_file:
            yield "password of `arm-ci force`", self.login_file
        if site.github_webhook:
            yield "secret of GitHub's webhook", config.path(site.github_webhook_file)

    def _repositories(self) -> None:
        """Brings the repository of every project that is a plain directory up to date with it."""
        for project in self.config.projects.values():
            if not project.directory:
                continue
            directory = self.config.path(project.directory)
            repository = self.state / "sources" / f"{project.name}.git"
            message = f"{project.name} as it stands in {project.directory}"
            repositories.update(repository, directory, project.branches[0], message)

    # -- process ----------------------------------------------------------------------------------------------

    def start(self, say: Callable[[str], None] = lambda _: None) -> bool:
        """Starts the master, or has a running one read its configuration again; False when it ran already.

        `say` is told when a running one has other code than is installed.
        """
        running = self.process.process_id()
        if running is not None:
            if difference := RunningCode(self.state).difference(running):
                say(difference)
            self.process.reconfigure(running)
            return False
        self.refuse_busy_ports()
        self.process.start()
        self._wait_for_web()
        return True

    def _wait_for_web(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"{self.local_url}api/v2/masters", timeout=10) as answer:
                    answer.read()
                    return
            except (urllib.error.URLError, OSError):
                if self.process.process_id() is None:
                    break
                time.sleep(_POLL_SECONDS)
        raise self.process.did_not_come_up()

    def refuse_busy_ports(self) -> None:
        """Raises CommandError when the master could not listen where its configuration says."""
        site = self.config.site
        self._refuse_busy_port(site.web, "web", "the web UI")
        self._refuse_busy_port(site.workers, "workers", "workers")
        if site.tls:
            self._refuse_busy_port(Listen(site.tls.port, site.tls.host), "tls", "boards")

    def _refuse_busy_port(self, listen: Listen, key: str, purpose: str) -> None:
        file = self.config.directory / "site.yaml"
        # As Twisted does it: a name is taken for IPv4.
        family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
        try:
            address = socket.getaddrinfo(listen.host or None, listen.port, family, flags=socket.AI_PASSIVE)[0][4]
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise CommandError(
                    f"`{listen.host}` is no address of this machine ({error.strerror}): "
                    f"set `{key}: {{host: ...}}` in {file}"
                ) from error
            raise CommandError(
                f"port {listen.port} of {listen.host} for {purpose} cannot be had ({error.strerror}): "
                f"set `{key}: {{port: ...}}` in {file}",
                OUTSIDE,
            ) from error
