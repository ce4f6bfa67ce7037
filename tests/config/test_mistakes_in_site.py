"""People, the webhook and who may reach the web UI: each edit of a good configuration gets exactly these lines."""

from pathlib import Path

import pytest
from small_configuration import Edit, P, S, W, said_after

from arm_ci.config.scalars import EXPECTED

OPEN_TO_ALL = (
    "expected a loopback address such as `127.0.0.1`: nobody has to log in, and who reaches the web UI can run "
    "commands on every worker; name the people who may with `people: [NAME]`, and others can only look"
)
NO_URL = (
    "without `url`: a login would lead people to localhost, their own machine; write `url: http://NAME:8010/` with the "
    "name under which they reach this one"
)
NO_TLS = (
    "expected a loopback address such as `127.0.0.1`: there is no TLS here, and who is on the way to a board could "
    "change what it runs; let boards connect to `tls: {}`, or say `unencrypted_workers: true`"
)
URL = "url: http://ci.example.org:8010/"
PEOPLE: Edit = (S, "title: test", "people: [ada]")
WEBHOOK: Edit = (S, "title: test", "github_webhook: true")
EVERYWHERE: Edit = (S, "  port: 8010", "  port: 8010\n  host: 0.0.0.0")
ELSEWHERE: Edit = (S, "  port: 8010", "  port: 8010\n  host: 127.0.0.2")

CASES: list[tuple[str, list[Edit], list[str]]] = [
    (
        "the web UI listens to everyone and nobody logs in",
        [EVERYWHERE],
        [f"site.yaml:4:9: `web.host`: found `0.0.0.0`, {OPEN_TO_ALL}"],
    ),
    (
        "the web UI listens to everyone and the list of people is empty",
        [(S, "title: test", "people: []"), (S, "  port: 8010", "  port: 8010\n  host: '::'")],
        [f"site.yaml:4:9: `web.host`: found `::`, {OPEN_TO_ALL}"],
    ),
    ("the web UI listens to everyone and people log in", [EVERYWHERE, (S, "title: test", f"people: [ada]\n{URL}")], []),
    ("the web UI listens on another loopback address and people log in", [ELSEWHERE, PEOPLE], []),
    (
        "people log in from elsewhere and nobody knows where they are led then",
        [EVERYWHERE, PEOPLE],
        [f"site.yaml:4:9: `web.host`: found `0.0.0.0` {NO_URL}"],
    ),
    (
        "people log in at a name and nobody knows where they are led then",
        [(S, "  port: 8010", "  host: ci.example.org\n  port: 80100"), PEOPLE],
        [
            f"site.yaml:3:9: `web.host`: found `ci.example.org` {NO_URL.replace('8010', 'PORT')}",
            f"site.yaml:4:9: `web.port`: found `80100`, expected {EXPECTED['port']}",
        ],
    ),
    (
        "the address that people open is none",
        [EVERYWHERE, (S, "title: test", "people: [ada]\nurl: ci.example.org")],
        ["site.yaml:2:6: `url`: found `ci.example.org`, expected an address that starts with http(s)://"],
    ),
    (
        "the key of the people who log in is misspelt",
        [EVERYWHERE, (S, "title: test", "peple: [ada]")],
        ["site.yaml:1:1: unknown key `peple`; did you mean `people`?"],
    ),
    (
        "people are one word",
        [EVERYWHERE, (S, "title: test", "people: ada")],
        ["site.yaml:1:9: `people`: found `ada`, expected a list"],
    ),
    (
        "a person comes twice",
        [(S, "title: test", "people: [ada, grace, ada]")],
        ["site.yaml:1:22: `people[2]`: `ada` is in the list twice"],
    ),
    (
        "a person has the terminal's name",
        [(S, "title: test", "people: [arm-ci]")],
        ["site.yaml:1:10: `people[0]`: `arm-ci` is who `arm-ci force` logs in as; take another name"],
    ),
    (
        "a person has a worker's name",
        [(S, "title: test", "people: [ada, rpi4-1]")],
        [
            "site.yaml:1:15: `people[1]`: `rpi4-1` is also a worker, and `buildbot try` logs in where workers connect; "
            "rename one of them"
        ],
    ),
    ("a person has the name of a worker that does not connect", [(S, "title: test", "people: [here-1]")], []),
    (
        "a person's name would leave the secrets directory",
        [(S, "title: test", "people: [../ada, a b]")],
        [
            f"site.yaml:1:10: `people[0]`: found `../ada`, expected {EXPECTED['name']}",
            f"site.yaml:1:18: `people[1]`: found `a b`, expected {EXPECTED['name']}",
        ],
    ),
    ("the webhook is for a project with a repository", [WEBHOOK], []),
    (
        "the webhook is of no use",
        [WEBHOOK, (P, "repository: https://example.org/app.git", "directory: .")],
        [
            "site.yaml:1:17: `github_webhook`: no project has a `repository` that GitHub could tell of; a `directory` "
            "is looked at when the master starts"
        ],
    ),
    (
        "the webhook's project has a mistake",
        [WEBHOOK, (P, "  repository: https://example.org/app.git", "  repositry: https://example.org/app.git")],
        ["projects.yaml:2:3: project `app`: unknown key `repositry`; did you mean `repository`?"],
    ),
    ("mail has sender and recipient", [(S, "title: test", "mail: {sender: ci@a.org, recipients: [ada@a.org]}")], []),
    (
        "mail has addresses that are none",
        [(S, "title: test", "mail: {sender: ci, recipients: ['ada@a.org, grace@a.org', ada@a.org]}")],
        [
            "site.yaml:1:16: `mail.sender`: found `ci`, expected an address such as `ci@example.org`",
            "site.yaml:1:33: `mail.recipients[0]`: found `ada@a.org, grace@a.org`, expected an address such as "
            "`ci@example.org`",
        ],
    ),
    (
        "mail goes to nobody",
        [(S, "title: test", "mail: {sender: ci@a.org, recipients: []}")],
        ["site.yaml:1:26: `mail.recipients`: found nobody, expected at least one address"],
    ),
    ("boards connect with TLS", [(S, "title: test", "tls: {}")], []),
    (
        "boards connect without TLS",
        [(S, "  port: 9989", "  port: 9989\n  host: 0.0.0.0")],
        [f"site.yaml:6:9: `workers.host`: found `0.0.0.0`, {NO_TLS}"],
    ),
    (
        "boards connect without TLS beside those with it",
        [(S, "  port: 9989", "  port: 9989\n  host: '::'"), (S, "title: test", "tls: {}")],
        [f"site.yaml:6:9: `workers.host`: found `::`, {NO_TLS}"],
    ),
    (
        "boards connect without TLS and that is wanted",
        [(S, "  port: 9989", "  port: 9989\n  host: 0.0.0.0"), (S, "title: test", "unencrypted_workers: true")],
        [],
    ),
    (
        "whether boards may connect without TLS is misspelt",
        [(S, "  port: 9989", "  port: 9989\n  host: 0.0.0.0"), (S, "title: test", "unencrypted_workers: yes")],
        ["site.yaml:1:22: `unencrypted_workers`: found `yes`, expected `true` or `false`"],
    ),
    (
        "boards connect where workers do",
        [(S, "title: test", "tls: {port: 9989}")],
        ["site.yaml:1:1: `tls`: port 9989 is that of workers without TLS; each needs a port of its own"],
    ),
    (
        "TLS has a certificate that is not there and no key",
        [(S, "title: test", "tls: {certificate: master.pem}")],
        [
            "site.yaml:1:20: `tls.certificate`: a certificate and its private key belong together; `private_key` is "
            "missing",
            "site.yaml:1:20: `tls.certificate`: there is no file `master.pem` beside the site's files",
        ],
    ),
    (
        "boards reach the master under no name",
        [(S, "title: test", "tls: {name: 'https://ci.example.org/'}")],
        ["site.yaml:1:13: `tls.name`: found `https://ci.example.org/`, expected a name such as `ci.example.org`"],
    ),
    (
        "a night begins at no time of day",
        [(P, "  cmake:", "  nightly: 24:00\n  poll: 300\n  cmake:"), (S, "title: test", "worker_silence: 60")],
        [
            "site.yaml:1:17: `worker_silence`: found `60` (it has no unit), expected a duration such as `90s`, `20m`, "
            "`3h` or `1d`",
            "projects.yaml:4:12: project `app`, `nightly`: found `24:00`, expected a time of day such as `02:00` or "
            "`23:30`",
            "projects.yaml:5:9: project `app`, `poll`: found `300` (it has no unit), expected a duration such as "
            "`90s`, `20m`, `3h` or `1d`, or `never`",
        ],
    ),
    (
        "a time of day is a number of minutes and an interval nothing",
        [(P, "  cmake:", "  nightly: 1410\n  poll: 0\n  cmake:")],
        [
            "projects.yaml:4:12: project `app`, `nightly`: found `1410`, expected a time of day such as `02:00` or "
            "`23:30`",
            "projects.yaml:5:9: project `app`, `poll`: found `0`, expected a duration such as `90s`, `20m`, `3h` or "
            "`1d`, or `never`",
        ],
    ),
]


@pytest.mark.parametrize(("edits", "lines"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_mistake_in_the_site_is_said_in_these_words_at_its_place(
    tmp_path: Path, edits: list[Edit], lines: list[str]
) -> None:
    assert said_after(tmp_path / "config", edits) == lines


def secret(tmp_path: Path, name: str, text: str = "long enough", mode: int = 0o600) -> Path:
    path = tmp_path / "config" / "state" / "secrets" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("name", "edit", "subject"),
    [
        ("person-ada", PEOPLE, "site.yaml:1:10: `people[0]`: the secret file of `ada`"),
        ("person-arm-ci", PEOPLE, "site.yaml:1:1: `people`: the secret file of `arm-ci force`"),
        ("github-webhook", WEBHOOK, "site.yaml:1:17: `github_webhook`: its secret file"),
    ],
)
def test_a_secret_that_is_none_is_refused_with_what_helps(tmp_path: Path, name: str, edit: Edit, subject: str) -> None:
    path = secret(tmp_path, name, mode=0o644)
    assert said_after(tmp_path / "config", [edit]) == [
        f"{subject} {path} is open to others (mode 0644); run: chmod 600 {path}"
    ]
    secret(tmp_path, name, text=" \n")
    kind = "secret" if name == "github-webhook" else "password"
    assert said_after(tmp_path / "config", [edit]) == [
        f"{subject} {path} is empty; write the {kind} into it, or delete it and `arm-ci start` makes one"
    ]
    secret(tmp_path, name)
    assert said_after(tmp_path / "config", [edit]) == []


def test_a_private_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = secret(tmp_path, "tls-key.pem", text="many\nlines\n", mode=0o640)
    edits = [(S, "title: test", "tls: {}")]
    assert said_after(tmp_path / "config", edits) == [
        f"site.yaml:1:1: `tls.private_key`: the private key of TLS {path} is open to others (mode 0640); "
        f"run: chmod 600 {path}"
    ]
    path.chmod(0o600)
    assert said_after(tmp_path / "config", edits) == []


@pytest.mark.parametrize("content", [b"\xff\xfe", b"one\ntwo\n", b"a\0b", b"x" * 5000])
def test_a_secret_that_nobody_could_type_is_refused(tmp_path: Path, content: bytes) -> None:
    path = secret(tmp_path, "person-ada")
    path.write_bytes(content)
    assert said_after(tmp_path / "config", [PEOPLE]) == [
        f"site.yaml:1:10: `people[0]`: the secret file of `ada` {path} is not one line of text; write the password "
        "into it, or delete it and `arm-ci start` makes one"
    ]


def test_a_password_may_have_blanks_and_letters_of_any_script(tmp_path: Path) -> None:
    secret(tmp_path, "person-ada", text="пароль with blanks\r\n")
    assert said_after(tmp_path / "config", [PEOPLE]) == []


def test_secrets_that_nothing_uses_are_not_judged(tmp_path: Path) -> None:
    secret(tmp_path, "person-ada", mode=0o644)
    secret(tmp_path, "github-webhook", text="")
    assert said_after(tmp_path / "config", []) == []


def test_a_worker_that_connects_does_not_share_a_name_with_a_person(tmp_path: Path) -> None:
    edits = [(S, "title: test", "people: [ada]"), (W, "rpi4-1:", "ada:")]
    (said,) = said_after(tmp_path / "config", edits)
    assert said.startswith("site.yaml:1:10: `people[0]`: `ada` is also a worker")
