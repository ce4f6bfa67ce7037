"""Whether site.yaml makes sense: addresses, the database, who may log in, GitHub's webhook.

It needs the other tables only where the site depends on them: people share a port with workers, the webhook is of use
for projects with a repository.
"""

from __future__ import annotations

import os
import re

from arm_ci.config.model import TERMINAL
from arm_ci.config.problems import shorten
from arm_ci.config.project_checks import names_user
from arm_ci.config.read_tables import Draft
from arm_ci.config.reader import Path
from arm_ci.config.secret_checks import PRIVATE_KEY, check_secret

# As SQLAlchemy takes a URL apart (sqlalchemy/engine/url.py); drivers also take a password among the options.
DATABASE_PASSWORD = re.compile(r"[^:]*://[^:/]*:[^@]+@|[^?]*\?(.*&)?(password|passwd)=", re.IGNORECASE)
LOOPBACK = re.compile(r"localhost(\.localdomain)?|::1|127(\.[0-9]{1,3}){3}", re.ASCII)
_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+", re.ASCII)
EVERY_ADDRESS = ("", "0.0.0.0", "::")
"""What stands for all addresses of a machine."""


def check_site(draft: Draft) -> None:
    """Adds what is wrong with site.yaml to the draft's findings."""
    _check_people(draft)
    _check_webhook(draft)
    _check_mail(draft)
    _check_ports(draft)
    _check_workers(draft)
    _check_tls(draft)
    _check_addresses(draft)
    _check_directories(draft)


def _check_addresses(draft: Draft) -> None:
    site, findings = draft.site, draft.findings
    if site.url and not re.match(r"https?://[^/\s]", site.url):
        findings.add(("site", "url"), f"found `{shorten(site.url)}`, expected an address that starts with http(s)://")
    elif names_user(site.url):
        findings.add(("site", "url"), "the address holds a name or password, and everybody sees it; take it out")
    if DATABASE_PASSWORD.match(site.database):
        findings.add(
            ("site", "database"),
            "the URL holds a password, and a configuration is no secret; leave it out and write it into the file "
            "`.pgpass` in the home of the master's user, where PostgreSQL's driver finds it",
        )
    elif "://" not in site.database and not findings.broken("site", "database"):
        findings.add(
            ("site", "database"),
            f"found `{shorten(site.database)}`, expected an SQLAlchemy URL such as `sqlite:///state.sqlite`",
        )


def _check_directories(draft: Draft) -> None:
    site, findings = draft.site, draft.findings
    for key in ("state", "secrets", "patches"):
        if not getattr(site, key) and not findings.broken("site", key):
            findings.add(("site", key), "found nothing, expected a directory")
    path: Path = ("site", "patches")
    # Unless it is named, a site need not have one.
    if path in findings.places and not findings.broken(*path) and not os.path.isdir(draft.path(site.patches)):  # noqa: PTH112
        findings.add(path, f"there is no directory `{shorten(site.patches)}` beside the site's files")


def _check_ports(draft: Draft) -> None:
    site, findings = draft.site, draft.findings
    taken = {site.web.port: "the web UI"}
    listening = [("workers", site.workers.port, "workers without TLS")]
    listening += [("tls", site.tls.port, "")] if site.tls else []
    for key, port, whose in listening:
        if port in taken and not any(findings.broken("site", each) for each in ("web", "workers", "tls")):
            findings.add(("site", key), f"port {port} is that of {taken[port]}; each needs a port of its own")
        taken[port] = whose


def _check_workers(draft: Draft) -> None:
    site, findings = draft.site, draft.findings
    path: Path = ("site", "workers", "host")
    if LOOPBACK.fullmatch(site.workers.host) or site.unencrypted_workers or findings.broken(*path):
        return
    if not findings.broken("site", "unencrypted_workers"):
        findings.add(
            path,
            f"found `{shorten(site.workers.host)}`, expected a loopback address such as `127.0.0.1`: there is no TLS "
            "here, and who is on the way to a board could change what it runs; let boards connect to `tls: {}`, or "
            "say `unencrypted_workers: true`",
        )


def _check_tls(draft: Draft) -> None:
    tls, findings = draft.site.tls, draft.findings
    if tls is None:
        return
    path: Path = ("site", "tls")
    if tls.name and not _HOST.fullmatch(tls.name) and not findings.broken(*path, "name"):
        findings.add((*path, "name"), f"found `{shorten(tls.name)}`, expected a name such as `ci.example.org`")
    for one, other in (("certificate", "private_key"), ("private_key", "certificate")):
        if getattr(tls, one) and not getattr(tls, other) and not findings.broken(*path, other):
            findings.add((*path, one), f"a certificate and its private key belong together; `{other}` is missing")
    for key in ("certificate", "private_key", "authority"):
        file = getattr(tls, key)
        if file and not os.path.isfile(draft.path(file)):  # noqa: PTH113 - Path.is_file raises for impossible names
            findings.add((*path, key), f"there is no file `{shorten(file)}` beside the site's files")
    check_secret(draft, draft.site.private_key_file, (*path, "private_key"), "the private key of TLS", PRIVATE_KEY)


def _check_people(draft: Draft) -> None:
    site = draft.site
    path: Path = ("site", "people")
    if not LOOPBACK.fullmatch(site.web.host) and not draft.findings.broken("site", "web", "host"):
        _check_open_to_all(draft)
    connecting = {worker.name for worker in draft.workers.values() if not worker.local}
    for index, person in enumerate(site.people):
        here: Path = (*path, index)
        if draft.findings.broken(*here):
            continue
        if wrong := _wrong_person(person, site.people[:index], connecting):
            draft.findings.add(here, wrong)
        else:
            check_secret(draft, site.person_file(person), here, f"the secret file of `{person}`")
    if site.people:
        check_secret(draft, site.person_file(TERMINAL), path, "the secret file of `arm-ci force`")


def _check_open_to_all(draft: Draft) -> None:
    """Judges a web UI that other machines reach."""
    site, findings = draft.site, draft.findings
    if not site.people and not findings.broken("site", "people"):
        findings.add(
            ("site", "web", "host"),
            f"found `{shorten(site.web.host)}`, expected a loopback address such as `127.0.0.1`: nobody has to log in, "
            "and who reaches the web UI can run commands on every worker; name the people who may with "
            "`people: [NAME]`, and others can only look",
        )
    if site.people and not site.url and not findings.broken("site", "url"):
        port = "PORT" if findings.broken("site", "web", "port") else site.web.port
        findings.add(
            ("site", "web", "host"),
            f"found `{shorten(site.web.host)}` without `url`: a login would lead people to localhost, their own "
            f"machine; write `url: http://NAME:{port}/` with the name under which they reach this one",
        )


def _wrong_person(person: str, before: tuple[str, ...], connecting: set[str]) -> str:
    """Why nobody can have that name, in a sentence."""
    if person in before:
        return f"`{person}` is in the list twice"
    if person == TERMINAL:
        return f"`{person}` is who `arm-ci force` logs in as; take another name"
    if person in connecting:
        return f"`{person}` is also a worker, and `buildbot try` logs in where workers connect; rename one of them"
    return ""


def _check_webhook(draft: Draft) -> None:
    site, findings = draft.site, draft.findings
    path: Path = ("site", "github_webhook")
    if not site.github_webhook:
        return
    # A faulty project may have been meant to have a repository.
    if draft.projects and not findings.broken("projects") and all(each.directory for each in draft.projects.values()):
        findings.add(
            path,
            "no project has a `repository` that GitHub could tell of; a `directory` is looked at when the master "
            "starts",
        )
        return
    check_secret(draft, site.github_webhook_file, path, "its secret file", "secret")


def _check_mail(draft: Draft) -> None:
    mail, findings = draft.site.mail, draft.findings
    if mail is None:
        return
    path: Path = ("site", "mail")
    if not mail.recipients and not findings.broken(*path, "recipients"):
        findings.add((*path, "recipients"), "found nobody, expected at least one address")
    addresses: list[tuple[Path, str]] = [((*path, "recipients", i), each) for i, each in enumerate(mail.recipients)]
    for here, address in [((*path, "sender"), mail.sender), *addresses]:
        if not _ADDRESS.fullmatch(address) and not findings.broken(*here):
            findings.add(here, f"found `{shorten(address)}`, expected an address such as `ci@example.org`")
