"""People log in: a real master that listens to everyone, and who may do what there."""

import base64
import json
import socket
import urllib.error
import urllib.request

import pytest
from running import Site
from waiting import limit

pytestmark = pytest.mark.integration

VARIANT = "sample-local-gcc-bfd-ninja-full"
REFUSED = "only people of this site start, stop and change things here: log in (top right), then try again"


class StayHere(urllib.request.HTTPRedirectHandler):
    """A login redirects to the page; the cookie is in the answer before."""

    def redirect_request(self, *_):
        return None


class Visitor:
    """Somebody who talks to the master's web UI, with the cookie of a login."""

    def __init__(self, site):
        self.site = site
        self.cookie = ""
        self.led_to = None
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), StayHere)

    def ask(self, path, data=None, method=None, **headers):
        """Status and body of an answer."""
        headers = {"Content-Type": "application/json", "Cookie": self.cookie, **headers}
        request = urllib.request.Request(f"{self.site.url}{path}", data, headers, method=method)
        try:
            with self.opener.open(request, timeout=limit(60)) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                # As browsers do: the last one counts.
                self.led_to = error.headers.get("Location")
                self.cookie = error.headers.get_all("Set-Cookie", [self.cookie])[-1].partition(";")[0]
                return error.code, error.read().decode()

    def log_in(self, name, password):
        shown = base64.b64encode(f"{name}:{password}".encode()).decode()
        return self.ask("auth/login", Authorization=f"Basic {shown}")[0]

    def control(self, path, method, **params):
        """What a JSON-RPC call answers: its status, and the message or the result."""
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        status, body = self.ask(f"api/v2/{path}", json.dumps(call).encode())
        answer = json.loads(body)
        return status, answer["error"]["message"] if "error" in answer else answer["result"]

    def force(self):
        return self.control("forceschedulers/force-sample", "force", builderNames=[VARIANT], reason="try")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A master without a worker, so that builds wait."""
    site = Site.make(tmp_path_factory.mktemp("people"), workers="there: {board: local}\n")
    write_site(site, "people: [ada, grace]")
    try:
        site.started = site.arm_ci("start")
        assert site.started.returncode == 0, site.started.stderr
        yield site
    finally:
        site.arm_ci("stop", "--state", str(site.state))


def url(site):
    """What people open; here nobody asks for that name's address."""
    return f"http://ci.example.org:{site.web_port}/"


def write_site(site, *lines):
    listening = (
        f"web: {{port: {site.web_port}, host: 0.0.0.0}}\nworkers: {{port: {site.worker_port}}}\nurl: {url(site)}\n"
    )
    listening += "state: ../state\nsecrets: ../state/secrets"
    (site.config / "site.yaml").write_text("\n".join((listening, *lines, "")))


def password(site, name):
    return (site.state / "secrets" / f"person-{name}").read_text().strip()


def requests(site):
    return len(site.get("buildrequests")["buildrequests"])


def test_the_start_makes_a_password_for_each_and_says_where_and_not_what(site):
    secrets = site.state / "secrets"
    made = [line for line in site.started.stdout.splitlines() if line.startswith("made: password")]
    assert made == [
        f"made: password of worker there: {secrets}/worker-there",
        f"made: password of ada: {secrets}/person-ada",
        f"made: password of grace: {secrets}/person-grace",
        f"made: password of `arm-ci force`: {secrets}/person-arm-ci",
    ]
    for name in ("ada", "grace", "arm-ci"):
        assert (secrets / f"person-{name}").stat().st_mode & 0o777 == 0o600
        assert password(site, name) not in site.started.stdout
    assert len({password(site, name) for name in ("ada", "grace", "arm-ci")}) == 3


def test_the_page_is_there_for_everybody_who_reaches_this_machine(site):
    with socket.create_connection((socket.gethostbyname(socket.gethostname()), site.web_port), timeout=limit(10)):
        pass
    anybody = Visitor(site)
    assert anybody.ask("")[0] == 200
    assert anybody.ask("api/v2/builders")[0] == 200
    assert anybody.ask("api/v2/builders", method="HEAD")[0] == 200


def test_nobody_changes_anything_without_a_login(site):
    anybody = Visitor(site)
    before = requests(site)
    builder = site.get(f"builders?name={VARIANT}")["builders"][0]["builderid"]
    calls = [
        ("forceschedulers/force-sample", "force"),
        ("forceschedulers/force-sample", "FORCE"),
        ("builds/1", "stop"),
        ("builds/1", "rebuild"),
        (f"builders/{builder}/builds/1", "stop"),
        ("buildrequests/1", "cancel"),
        ("buildrequests/1", "set_priority"),
        (f"builders/{builder}", "stop"),
        ("schedulers/1", "enable"),
        ("workers/1", "pause"),
        ("workers/1", "stop"),
        ("workers/1", "kill"),
        ("masters/1", "stop"),
        ("nothing/of/this", "kind"),
    ]
    for path, method in calls:
        assert anybody.control(path, method, builderNames=[VARIANT]) == (403, REFUSED), (path, method)
    # What calls itself a GET is let through to where it does nothing.
    for path, _ in calls:
        for method in ("get", "GET", "head", "HEAD", ""):
            status, _ = anybody.ask(
                f"api/v2/{path}",
                json.dumps(
                    {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"builderNames": [VARIANT]}}
                ).encode(),
            )
            assert status in (200, 403, 404, 500, 501), (path, method)
    assert requests(site) == before
    assert not site.get("workers")["workers"][0]["paused"]


@pytest.mark.parametrize(
    ("name", "given"), [("ada", ""), ("ada", "wrong"), ("nobody", ""), ("ada\0", "x"), ("", ""), ("\xff", "\xff")]
)
def test_a_wrong_name_or_password_is_refused(site, name, given):
    visitor = Visitor(site)
    assert visitor.log_in(name, given) == 401
    assert visitor.force() == (403, REFUSED)


def test_one_persons_password_is_not_anothers(site):
    visitor = Visitor(site)
    assert visitor.log_in("ada", password(site, "grace")) == 401
    assert visitor.log_in("ada", password(site, "grace") + "\n") == 401


def test_a_forged_cookie_is_nobodys(site):
    visitor = Visitor(site)
    visitor.cookie = "TWISTED_SESSION=eyJhbGciOiJub25lIn0.eyJ1c2VyX2luZm8iOnsidXNlcm5hbWUiOiJhZGEifX0."
    assert visitor.force() == (403, REFUSED)


def test_a_person_forces_and_the_build_says_who(site):
    ada = Visitor(site)
    assert ada.log_in("ada", password(site, "ada")) == 302
    status, (buildset, _) = ada.force()
    assert status == 200
    assert site.get(f"buildsets/{buildset}/properties")["properties"][0]["owner"][0] == "ada"


def test_a_person_on_another_machine_is_led_back_after_the_login_and_forces_from_there(site):
    ada = Visitor(site)
    assert ada.log_in("ada", password(site, "ada")) == 302
    assert ada.led_to == f"{url(site)}#/"
    call = {"jsonrpc": "2.0", "id": 1, "method": "force", "params": {"builderNames": [VARIANT]}}
    path = "api/v2/forceschedulers/force-sample"
    assert ada.ask(path, json.dumps(call).encode(), Origin=url(site).rstrip("/"))[0] == 200
    status, body = ada.ask(path, json.dumps(call).encode(), Origin=f"http://elsewhere.example.org:{site.web_port}")
    assert (status, json.loads(body)) == (400, {"error": {"message": "invalid origin"}})


def test_a_changed_password_counts_at_once_and_ends_the_old_logins(site):
    grace = Visitor(site)
    old = password(site, "grace")
    assert grace.log_in("grace", old) == 302
    assert grace.force()[0] == 200
    (site.state / "secrets" / "person-grace").write_text("another one\n")
    assert grace.force() == (403, REFUSED)
    assert grace.log_in("grace", old) == 401
    assert grace.log_in("grace", "another one") == 302
    assert grace.force()[0] == 200


def test_arm_ci_force_goes_on_working(site):
    done = site.arm_ci("force", "--variant", VARIANT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"1 build asked for: {url(site)}\n"
    newest = site.get("buildsets?order=-bsid&limit=1")["buildsets"][0]["bsid"]
    assert site.get(f"buildsets/{newest}/properties")["properties"][0]["owner"][0] == "arm-ci"


def test_who_is_taken_out_may_no_longer_force_after_the_configuration_is_read_again(site):
    ada, grace = Visitor(site), Visitor(site)
    assert ada.log_in("ada", password(site, "ada")) == 302
    assert grace.log_in("grace", password(site, "grace")) == 302
    write_site(site, "people: [ada]")
    assert site.arm_ci("start").returncode == 0
    assert grace.force() == (403, REFUSED)
    assert grace.log_in("grace", password(site, "grace")) == 401
    assert ada.force()[0] == 200
    write_site(site, "people: [ada, grace]")
    assert site.arm_ci("start").returncode == 0


def test_no_password_is_in_a_log(site):
    passwords = [password(site, name) for name in ("ada", "grace", "arm-ci")]
    visitor = Visitor(site)
    for name, given in zip(("ada", "grace", "arm-ci"), passwords, strict=True):
        assert visitor.log_in(name, given) == 302
        assert visitor.log_in(name, given + "typo") == 401
        assert visitor.log_in(given, name) == 401
    written = site.everything_written()
    assert "login refused: wrong password for ada" in written
    assert "login refused: unknown name" in written
    for given in passwords:
        assert given not in written
        assert base64.b64encode(f":{given}".encode()).decode()[4:-4] not in written


def test_nobody_listens_to_everyone_without_people(site):
    kept = (site.config / "site.yaml").read_text()
    write_site(site)
    done = site.arm_ci("check")
    (site.config / "site.yaml").write_text(kept)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"{site.config}/site.yaml:1:{len(f'web: {{port: {site.web_port}, host: ') + 1}: `web.host`: found `0.0.0.0`, "
        "expected a loopback address such as `127.0.0.1`: nobody has to log in, and who reaches the web UI can run "
        "commands on every worker; name the people who may with `people: [NAME]`, and others can only look",
        "1 mistake",
    ]
