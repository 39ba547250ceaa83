"""WEBSOCKET GATEWAY: sockets and HTTP upgrade, and nothing about documents.

uvicorn owns the listening socket, TLS and plain HTTP; picows reads the frames of what was upgraded; what is between
them and the application is here: limits before and after the upgrade, one sweep that looks after all sockets, writes
that cannot corrupt a stream, closes that say why, a drain.

It may import motet.config, motet.errors, motet.ids and motet.rooms, and it is imported by motet.app only, which gives
it an `Accept`. Reading order: port (what it promises), wire (one socket), intake (what reads it), gateway (all of
them), server.

Public names: Upgrade, Wire, Connection, Accept, Refusal (port); Gateway, GatewayStatistics; Server; GatewaySettings,
ListenSettings.
"""

from motet.gateway.gateway import Gateway, GatewayStatistics
from motet.gateway.port import Accept, Connection, Refusal, Upgrade, Wire
from motet.gateway.server import Server
from motet.gateway.settings import GatewaySettings, ListenSettings

__all__ = [
    "Accept",
    "Connection",
    "Gateway",
    "GatewaySettings",
    "GatewayStatistics",
    "ListenSettings",
    "Refusal",
    "Server",
    "Upgrade",
    "Wire",
]
