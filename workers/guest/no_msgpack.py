"""Stands for buildbot_worker.msgpack in a guest: another protocol, whose imports take as long as all the rest."""

BuildbotWebSocketClientFactory = None
BuildbotWebSocketClientProtocol = None
ProtocolCommandMsgpack = None
