"""The port of `tls`: workers of other machines log in here as others do on the workers' port, only encrypted.

Buildbot listens on one port; this one hands every log-in to that port's own dispatcher.
"""

from __future__ import annotations

import hashlib
from typing import Any

from buildbot.util.service import BuildbotService
from twisted.application import strports
from twisted.cred import checkers, credentials, portal
from twisted.internet.endpoints import quoteStringArgument
from twisted.spread import pb
from zope.interface import implementer

from arm_ci.config.model import Config, Tls
from arm_ci.master.buildbot_fixes.tls_log_in import dispatcher
from arm_ci.master.workers.configured import endpoint

_BEGIN = b"-----BEGIN CERTIFICATE-----"


@implementer(portal.IRealm, checkers.ICredentialsChecker)
class Gate:
    """Asks the dispatcher of the workers' port, which comes and goes with the workers of the configuration."""

    credentialInterfaces = (credentials.IUsernamePassword, credentials.IUsernameHashedPassword)

    def __init__(self, master: Any, port: str) -> None:
        self._master = master
        self._port = port

    def requestAvatarId(self, creds: Any) -> Any:
        return dispatcher(self._master, self._port).requestAvatarId(creds)

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        return dispatcher(self._master, self._port).requestAvatar(avatarId, mind, *interfaces)


class SecurePort(BuildbotService):
    """A service of the master: listens with TLS while it is configured."""

    name = "arm_ci_secure_port"
    _listening: Any = None

    async def reconfigService(self, secure: str, workers: str, content: str) -> None:  # type: ignore[override,unused-ignore]
        """Listens anew: `content` is what is in the files, so that a renewed certificate is taken at once."""
        await self._stop()
        gate = Gate(self.master, workers)
        factory = pb.PBServerFactory(portal.Portal(gate, [gate]))
        factory.unsafeTracebacks = True
        self._listening = strports.listen(secure, factory)

    async def stopService(self) -> None:
        await self._stop()
        await super().stopService()

    async def _stop(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            await listening.stopListening()


def secure_port(config: Config, tls: Tls) -> SecurePort:
    """The service for a configuration. Raises OSError when certificate or key cannot be read."""
    certificate, key = (config.path(each) for each in (config.site.certificate_file, config.site.private_key_file))
    content = certificate.read_bytes()
    words = [f"ssl:{tls.port}:interface={quoteStringArgument(tls.host)}"]
    words += [f"certKey={quoteStringArgument(str(certificate))}", f"privateKey={quoteStringArgument(str(key))}"]
    if content.count(_BEGIN) > 1:
        words.append(f"extraCertChain={quoteStringArgument(str(certificate))}")
    digest = hashlib.sha256(content + key.read_bytes()).hexdigest()
    return SecurePort(":".join(words), endpoint(config.site.workers), digest)
