"""A worker that is killed again and again within milliseconds of its log-in: python handshakes.py PORT NAME COUNT SEED

Reads the password from standard input. Speaks Twisted's Perspective Broker as a Buildbot worker does.
"""

import random
import sys
from typing import Any

from twisted.cred.credentials import UsernamePassword
from twisted.internet import reactor
from twisted.spread import pb

LONGEST_SECONDS = 0.08


class Bot(pb.Referenceable):
    """Answers what a master asks when a worker attaches."""

    def remote_print(self, message: Any) -> None:
        """Takes note of nothing."""

    def remote_getWorkerInfo(self) -> dict[str, Any]:
        return {"basedir": "/nowhere", "system": "posix", "environ": {}, "worker_commands": {}, "version": "4.3.0"}

    def remote_setBuilderList(self, builders: list[Any]) -> dict[str, Any]:
        return {name: Bot() for name, _ in builders}


def main(port: int, name: str, count: int, dice: random.Random) -> None:
    credentials = UsernamePassword(name.encode(), sys.stdin.readline().strip().encode())

    def one(left: int) -> None:
        if not left:
            reactor.stop()
            return
        factory = pb.PBClientFactory()
        factory.login(credentials, Bot()).addBoth(lambda _: None)
        connector = reactor.connectTCP("127.0.0.1", port, factory)

        def cut() -> None:
            transport = connector.transport
            if hasattr(transport, "abortConnection"):
                transport.abortConnection()
            reactor.callLater(dice.choice((0, 0.01)), one, left - 1)

        reactor.callLater(dice.uniform(0, LONGEST_SECONDS), cut)

    reactor.callWhenRunning(one, count)
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), random.Random(int(sys.argv[4])))
