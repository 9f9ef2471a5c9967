"""Addresses that others chose: how they are written, and where they may lead (design: rule 10).

A webhook's address is a wish to make this machine send a request. It must reach the receiver and
never the venue's own network, whatever the name resolves to at that moment.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, quote, urlsplit

import idna
from yarl import URL

from channel_manager.errors import InvalidInput, Problem
from channel_manager.settings import Settings

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""A host name to all its IP addresses; raises OSError when it has none."""

MAX_URL = 2048
_RESOLVE_SECONDS = 5.0
_RESOLVE_THREADS = 32

# Own lists and not `is_global`, which changes its mind between Python's patch releases.
_FORBIDDEN_V4 = (
    *map(IPv4Network, ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8")),
    *map(IPv4Network, ("169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24")),
    *map(IPv4Network, ("192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24")),
    *map(IPv4Network, ("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4")),
)
# Only 2000::/3 is given out. All else (::1, mapped, NAT64, local, link-local, multicast) is out by
# default; so are the parts of it that carry an IPv4 address inside (Teredo, 6to4) or are reserved.
_GIVEN_OUT_V6 = IPv6Network("2000::/3")
_FORBIDDEN_V6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")))
_LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f\\]")
_AS_IT_IS = "!$%&'()*+,/:;=?@[]~"
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Where requests may go: public addresses over https, and what is named here besides."""

    development: bool = False
    """Plain http and loopback addresses are allowed."""
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that an operator vouches for, for receivers inside the venue."""

    def allows(self, address: IPv4Address | IPv6Address) -> bool:
        """Whether a connection may be made to this very address."""
        if any(address in network for network in self.allowed_networks):
            return True
        if self.development and any(address in network for network in _LOOPBACK):
            return True
        if isinstance(address, IPv4Address):
            return not any(address in network for network in _FORBIDDEN_V4)
        return address in _GIVEN_OUT_V6 and not any(address in n for n in _FORBIDDEN_V6)

    def check(self, address: str) -> None:
        """Raise NotReachable unless `allows`."""
        if not self.allows(ip_address(address)):
            raise NotReachable(f"address not allowed: {address}")


def address_policy(settings: Settings) -> AddressPolicy:
    """The policy that this installation's settings ask for, at save and at connect alike."""
    return AddressPolicy(
        development=settings.development, allowed_networks=settings.webhook_networks
    )


class NotReachable(Exception):
    """The address can't be sent to; the message says why.

    `check_url` and `Outbound.post` don't raise it, but tell of it in their own way.
    """


async def check_url(
    url: str,
    policy: AddressPolicy,
    *,
    path: str = "notificationUrl",
    resolve: Resolve | None = None,
) -> None:
    """Refuse, when it is saved, an address that could never be delivered to.

    Resolves the name, and refuses when any of its addresses is forbidden. A check at save proves
    nothing about later: `Outbound` checks every address again as it connects.
    Raises InvalidInput that names `path` and the remedy.
    """
    try:
        host = parse_url(url, development=policy.development).raw_host or ""
        for address in await resolved_addresses(host, resolve or system_resolve):
            policy.check(address)
    except NotReachable as refusal:
        raise InvalidInput.of([Problem(path, str(refusal))]) from None


@lru_cache(maxsize=4096)
def parse_url(url: str, *, development: bool) -> URL:
    """The address as it goes over the wire; raises NotReachable for one that can't be meant."""
    if len(url) > MAX_URL:
        raise NotReachable(f"an address has at most {MAX_URL} characters")
    if _NOT_IN_A_URL.search(url):
        raise NotReachable("an address has no spaces, control characters or backslashes in it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotReachable("not a valid address; give one like https://example.com/hook") from None
    _check_parts(parts, development=development)
    netloc = _host(parts, development=development)
    if port is not None:
        netloc += f":{port}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return URL(f"{parts.scheme}://{netloc}{quote(target, safe=_AS_IT_IS)}", encoded=True)


def _check_parts(parts: SplitResult, *, development: bool) -> None:
    if parts.scheme not in (("https", "http") if development else ("https",)):
        raise NotReachable("must start with https://")
    if "@" in parts.netloc:
        raise NotReachable(
            "no user name or password in an address; the signature proves the sender"
        )
    if parts.fragment:
        raise NotReachable("the part after # is never sent; leave it out")
    if parts.port == 0:
        raise NotReachable("port 0 can't be connected to")


def _host(parts: SplitResult, *, development: bool) -> str:
    name = parts.hostname or ""
    if "[" in parts.netloc:
        return f"[{_literal(name, IPv6Address)}]"
    plain = name.isascii() and "xn--" not in name
    try:
        host = name if plain else idna.encode(name, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise NotReachable("not a valid internationalised host name") from None
    host = host.lower()
    if host.endswith("."):
        raise NotReachable("leave out the dot at the end of the host name")
    if not _HOST.fullmatch(host):
        raise NotReachable("not a valid host name; give an address like https://example.com/hook")
    last = host.rpartition(".")[2]
    # Whatever ends in a number is an IPv4 address to some resolver (0x7f000001, 127.1).
    if _NUMERIC_LABEL.fullmatch(last):
        return _literal(host, IPv4Address)
    if last == "localhost" and not development:
        raise NotReachable("localhost is allowed in development only")
    return host


def _literal(text: str, kind: type[IPv4Address | IPv6Address]) -> str:
    try:
        if "%" not in text:  # a zone such as %eth0 means a link of this very machine
            return str(kind(text))
    except ValueError:
        pass
    raise NotReachable("not a plainly written IP address; give a host name instead")


async def resolved_addresses(host: str, resolve: Resolve) -> Sequence[str]:
    """All IP addresses of a host. Errors: `NotReachable`."""
    try:
        return [str(ip_address(host))]
    except ValueError:
        pass
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            found = await resolve(host)
    except TimeoutError:
        raise NotReachable("name lookup timed out") from None
    except (OSError, UnicodeError):
        found = ()
    if not found:
        raise NotReachable("name does not resolve")
    return found


class SystemResolve:
    """getaddrinfo on threads of its own, at most one at a time for a name.

    A name whose servers never answer blocks a thread for long. In the event loop's own pool a few
    of them would stop everybody's lookups.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVE_THREADS, thread_name_prefix="resolve")
        self._asked: dict[tuple[object, str], asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str) -> Sequence[str]:
        """All IP addresses of a name. Errors: `OSError`."""
        loop = asyncio.get_running_loop()
        key = (loop, host)
        if key not in self._asked:
            answer = loop.run_in_executor(self._threads, _getaddrinfo, host)
            self._asked[key] = answer
            answer.add_done_callback(lambda done: self._forget(key, done))
        # Shielded: others may wait for the same answer.
        return await asyncio.shield(self._asked[key])

    def _forget(self, key: tuple[object, str], done: asyncio.Future[list[str]]) -> None:
        del self._asked[key]
        if not done.cancelled():
            done.exception()  # everybody who asked may have given up by now


def _getaddrinfo(host: str) -> list[str]:
    return [str(i[4][0]) for i in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


system_resolve = SystemResolve()
