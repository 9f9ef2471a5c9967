"""Outbound HTTP to addresses that others chose: checked and pinned as they are connected to."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from channel_manager.outbound_addresses import (
    AddressPolicy,
    NotReachable,
    Resolve,
    parse_url,
    resolved_addresses,
    system_resolve,
)

LIMIT_SECONDS = 15.0
REPLY_BYTES = 2048
# The status alone decides, so a body that dribbles in isn't worth a delivery's place for long.
_BODY_SECONDS = 2.0
# Below the 5 s after which common servers close an idle connection: whoever closes first can't
# lose a request that crosses the other's close.
_KEEPALIVE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request: a status, or an error in a few static words."""

    status: int | None
    reply_text: str
    """The body's first 2 KiB, for a person to read; NUL and bad UTF-8 are replaced."""
    retry_after: str | None
    """The `Retry-After` header as it came."""
    error: str | None
    duration_ms: int


class _CheckedResolver(AbstractResolver):
    """All addresses of a name, or none when one of them is forbidden."""

    def __init__(self, policy: AddressPolicy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await resolved_addresses(host, self._resolve)
        for address in addresses:
            self._policy.check(address)
        return [
            ResolveResult(hostname=host, host=a, port=port, family=family, proto=0, flags=0)
            for a in addresses
        ]

    async def close(self) -> None: ...


class Outbound:
    """Sends requests, each address checked as it is connected to. One per process; close it.

    Holds one set of kept-alive connections per policy, since a connection that one policy allowed
    must not be taken up under a stricter one. How many requests run at once is the caller's to
    bound. Never follows a redirect, and uses no proxy, cookie or netrc of the environment.
    """

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        limit_seconds: float = LIMIT_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._resolve = resolve or system_resolve
        self._limit = limit_seconds
        self._tls = tls or True  # True: the system's authorities
        self._sessions: dict[AddressPolicy, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        while self._sessions:
            _, session = self._sessions.popitem()
            await session.close()

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, policy: AddressPolicy
    ) -> Reply:
        """POST these very bytes as JSON, once. Network faults come back as `Reply.error`.

        The whole exchange (lookup, connect, send, reply) ends within the limit; of the reply's
        body at most 2 KiB is read.
        """
        started = asyncio.get_running_loop().time()
        deadline = started + self._limit
        try:
            target = parse_url(url, development=policy.development)
            async with asyncio.timeout_at(deadline):
                session = self._sessions.get(policy) or self._new_session(policy)
                response = await session.post(
                    target, data=body, headers=headers, allow_redirects=False
                )
        except (NotReachable, aiohttp.ClientError, OSError) as fault:
            return Reply(None, "", None, self._words(fault), _since(started))
        text = await _text(response, deadline)
        retry_after = response.headers.get("retry-after")
        return Reply(response.status, text, retry_after, None, _since(started))

    def _new_session(self, policy: AddressPolicy) -> aiohttp.ClientSession:
        def checked_socket(info: Any) -> socket.socket:  # noqa: ANN401 - getaddrinfo's tuple
            # The last step before connecting, which a literal address reaches unresolved too.
            policy.check(info[4][0])
            return socket.socket(info[0], info[1], info[2])

        connector = aiohttp.TCPConnector(
            resolver=_CheckedResolver(policy, self._resolve),
            use_dns_cache=False,
            socket_factory=checked_socket,
            ssl=self._tls,
            limit=0,
            keepalive_timeout=_KEEPALIVE_SECONDS,
        )
        self._sessions[policy] = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),  # none of its own: `post` has one for the whole
            auto_decompress=False,
            trust_env=False,
            read_bufsize=2 * REPLY_BYTES,
            headers={
                "user-agent": "channel-manager",
                "content-type": "application/json",
                "accept-encoding": "identity",
            },
        )
        return self._sessions[policy]

    def _words(self, fault: Exception) -> str:
        if isinstance(fault, NotReachable):
            return str(fault)
        if isinstance(fault, TimeoutError):
            return f"timed out after {self._limit:g} s"
        if isinstance(fault, aiohttp.ClientConnectorCertificateError):
            code = getattr(fault.certificate_error, "verify_code", 0)
            return _CERTIFICATE.get(code, "certificate not trusted")
        if isinstance(fault, ssl.SSLError):
            return "TLS failed"
        if isinstance(fault, aiohttp.ClientConnectorError):
            return _CONNECT.get(fault.os_error.errno or 0, "could not connect")
        return next((words for kind, words in _FAULTS if isinstance(fault, kind)), "could not send")


_CERTIFICATE = {
    10: "certificate has expired",
    62: "certificate not valid for this name",
    64: "certificate not valid for this name",  # the same for an IP address
}
_CONNECT = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route to the address",
    errno.ENETUNREACH: "no route to the address",
    errno.ETIMEDOUT: "connecting timed out",
}
_FAULTS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ServerDisconnectedError, "connection closed without a reply"),
    (aiohttp.ClientConnectionError, "connection lost"),
    (aiohttp.ClientResponseError, "the reply is not valid HTTP"),
)


async def _text(response: aiohttp.ClientResponse, deadline: float) -> str:
    body = bytearray()
    soon = asyncio.get_running_loop().time() + _BODY_SECONDS
    try:
        async with asyncio.timeout_at(min(deadline, soon)):
            while len(body) < REPLY_BYTES:
                part = await response.content.read(REPLY_BYTES - len(body))
                if not part:
                    break
                body += part
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass  # the status has been given, and it decides
    finally:
        # Ends the connection when more was to come, and is nothing when the body was read whole.
        response.close()
    # PostgreSQL text takes no NUL.
    return body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _since(started: float) -> int:
    return round((asyncio.get_running_loop().time() - started) * 1000)
