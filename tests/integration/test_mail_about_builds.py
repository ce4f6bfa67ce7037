"""Mail about a build that failed, taken by a real mail server: it says what the build's page says."""

import pytest
from mail_server import mailbox
from running import PROJECTS, Site
from waiting import wait_for

pytestmark = pytest.mark.integration

VARIANT = "sample-local-gcc-bfd-ninja-full"


def test_mail_about_a_failed_build_carries_the_verdicts_sentence(tmp_path):
    with mailbox() as server:
        # Without its patch set the sample has a missing byproduct.
        site = Site.make(tmp_path, PROJECTS.replace("sample:\n", "sample:\n  patch_set: none\n"))
        site.write_site(f"mail: {{sender: ci@example.org, recipients: [ada@example.org], port: {server.port}}}")
        assert site.arm_ci("start").returncode == 0
        try:
            assert site.arm_ci("force", "--variant", VARIANT, "--wait").returncode == 1
            (message,) = wait_for(lambda: server.messages)
            build = site.last_build(VARIANT)
        finally:
            site.arm_ci("stop")
    sentence = build["state_string"]
    assert sentence.startswith("failed build: missing-byproduct: ")
    assert message["Subject"] == f"{VARIANT}: {sentence}"
    assert message["To"] == "ada@example.org"
    body = message.get_content().replace("\r\n", "\n")
    assert body.startswith(sentence + "\n")
    assert "#/builders/" in body
