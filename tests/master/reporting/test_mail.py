"""What is written about a build: the verdict's sentence, and where its page is."""

from buildbot.reporters.generators.build import BuildStatusGenerator

from arm_ci.config.model import Mail
from arm_ci.master.reporting.mail import mail_reporter

SENTENCE = "failed build: oom-kill: ld was killed while linking bin/app"
CONTEXT = {
    "buildername": "mesos-rpi3-arm64-gcc-bfd-ninja-full",
    "workername": "rpi3-arm64-1",
    "build": {"state_string": SENTENCE, "properties": {"got_revision": ["a44b077e", "Source"]}},
    "build_url": "http://localhost:8010/#/builders/3/builds/7",
    "blamelist": ["Ada <ada@example.org>"],
}


def generator() -> BuildStatusGenerator:
    reporter = mail_reporter(Mail("ci@example.org", ("ada@example.org",), "mail.example.org", 2525))
    assert reporter._config_kwargs["fromaddr"] == "ci@example.org"
    assert (reporter._config_kwargs["relayhost"], reporter._config_kwargs["smtpPort"]) == ("mail.example.org", 2525)
    (found,) = reporter._config_kwargs["generators"]
    return found


def test_the_subject_is_the_variant_and_the_verdicts_sentence():
    formatter = generator().formatter
    context = {**CONTEXT, **formatter.context}
    assert formatter.render_message_subject(context) == f"mesos-rpi3-arm64-gcc-bfd-ninja-full: {SENTENCE}"


def test_the_body_names_worker_revision_people_and_page():
    formatter = generator().formatter
    body = formatter.render_message_body({**CONTEXT, **formatter.context})
    assert body.splitlines()[:7] == [
        SENTENCE,
        "",
        "variant   mesos-rpi3-arm64-gcc-bfd-ninja-full",
        "worker    rpi3-arm64-1",
        "revision  a44b077e",
        "people    Ada <ada@example.org>",
        "page      http://localhost:8010/#/builders/3/builds/7",
    ]


def test_a_build_that_goes_on_passing_is_not_written_about():
    found = generator()
    good = {"results": 0, "prev_build": {"results": 0}, "builder": {}, "properties": {}}
    assert not found.is_message_needed_by_results(good)
    assert found.is_message_needed_by_results({**good, "results": 2})
    assert found.is_message_needed_by_results({**good, "prev_build": {"results": 2}})
