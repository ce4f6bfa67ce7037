"""Mail about builds: who is written to when a variant begins to fail or works again, with the verdict's sentence."""

from __future__ import annotations

from typing import Any

from buildbot.reporters.generators.build import BuildStatusGenerator
from buildbot.reporters.mail import MailNotifier
from buildbot.reporters.message import MessageFormatter

from arm_ci.config.model import Mail

# The build's own sentence is that of its verdict. Buildbot's words around it differ from one reporter to the next.
_SUBJECT = "{{ buildername }}: {{ build['state_string'] }}"
_BODY = """\
{{ build['state_string'] }}

variant   {{ buildername }}
worker    {{ workername }}
revision  {{ build['properties'].get('got_revision', ['unknown'])[0] }}
people    {{ ', '.join(blamelist) or 'nobody is known' }}
page      {{ build_url }}

The log `verdict` of the step that failed has the evidence, the memory over time, and what would have fitted.
"""
# A variant that goes on failing for the same or another reason is written about once a build, as its page shows it.
_MODE = ("change", "failing", "exception")


def mail_reporter(mail: Mail) -> Any:
    """Buildbot's reporter for the `mail` section of site.yaml."""
    formatter = MessageFormatter(template=_BODY, subject=_SUBJECT)
    return MailNotifier(
        fromaddr=mail.sender,
        relayhost=mail.server,
        smtpPort=mail.port,
        useTls=False,
        sendToInterestedUsers=False,
        extraRecipients=list(mail.recipients),
        generators=[BuildStatusGenerator(mode=_MODE, message_formatter=formatter)],
    )
