import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel_manager.errors import InvalidInput
from channel_manager.outbound_addresses import AddressPolicy, NotReachable, check_url, parse_url

STRICT = AddressPolicy()
DEVELOPMENT = AddressPolicy(development=True)
VENUE = AddressPolicy(allowed_networks=(ip_network("10.20.0.0/16"), ip_network("fd00:1::/32")))
PUBLIC = "93.184.215.14"


class Names:
    """A resolver that knows these names, and what it was asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self.addresses


async def refusal(url: str, policy: AddressPolicy = STRICT, *addresses: str) -> str:
    with pytest.raises(InvalidInput) as refused:
        await check_url(url, policy, resolve=Names(*(addresses or (PUBLIC,))))
    assert [p.path for p in refused.value.problems] == ["notificationUrl"]
    return refused.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hook?a=b%2Fc&d=é",
        "https://EXAMPLE.com:8443/hook",
        "https://a_b.example.com/",
        "https://blåvand.example/krog",
        "https://XN--blvand-jua.example/krog",
        "https://93.184.215.14/hook",
        "https://[2606:2800:21f::1]:444/hook",
    ],
)
async def test_public_receivers_over_https_are_taken(url: str) -> None:
    await check_url(url, STRICT, resolve=Names(PUBLIC, "2606:2800:21f::1"))


async def test_the_name_that_is_checked_is_the_one_that_goes_over_the_wire() -> None:
    names = Names(PUBLIC)
    await check_url("https://BLÅVAND.example/", STRICT, resolve=names)
    assert names.asked == ["xn--blvand-jua.example"]


@pytest.mark.parametrize(
    ("url", "wire"),
    [
        ("https://example.com", "https://example.com/"),
        ("https://example.com?x=1", "https://example.com/?x=1"),
        ("https://example.com/a%2Fb/%252F?q=a+b%20c", "https://example.com/a%2Fb/%252F?q=a+b%20c"),
        ("https://example.com/王?n=Ærø", "https://example.com/%E7%8E%8B?n=%C3%86r%C3%B8"),
        ("https://example.com/../a/./b", "https://example.com/../a/./b"),
        ("https://example.com:443/", "https://example.com/"),
        ("https://[2606:2800:21F::1]/", "https://[2606:2800:21f::1]/"),
    ],
)
def test_what_is_already_encoded_stays_as_it_is(url: str, wire: str) -> None:
    assert str(parse_url(url, development=False)) == wire


@pytest.mark.parametrize(
    "host",
    [
        "0x7f000001",
        "0x7f.0.0.1",
        "2130706433",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "0",
        "0x",
        "127.0.0.1.",
        "127.000.000.001",
        "1.2.3.4.5",
        "256.0.0.1",
        "foo.0x7f",
        "[fe80::1%eth0]",
        "[fe80::1%25eth0]",
        "[::1%1]",
        "[::127.1]",
        "%31%32%37.0.0.1",
        "①②⑦.0.0.①:80:80",
        "１２７。１",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "ⓛocalhost",
        "example.com.",
        ".example.com",
        "exa..mple.com",
        "exa mple.com",
        "exa\tmple.com",
        "exa\x00mple.com",
        "example.com\\@10.0.0.5",
        "a" * 64 + ".com",
        "a." * 127 + "com",
        "xn--\N{SOFT HYPHEN}",
        "xn--.example",
        "xn--a-ecp.example",
        "",
        ":8080",
        "example.com:99999",
        "example.com:0",
        "example.com:-1",
        "example.com:٤٤٣٤٤٣",
        "[::1",
        "[v1.a]",
        "user@example.com",
        "user:pass@example.com",
        "@example.com",
        "example.com#x",
    ],
)
async def test_odd_ways_to_write_a_host_are_refused(host: str) -> None:
    assert await refusal(f"https://{host}/hook")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/hosts",
        "gopher://example.com/",
        "//example.com/",
        "example.com/hook",
        "javascript:alert(1)",
        "https:example.com",
        "https:///hook",
        "",
        " https://example.com/",
        "https://example.com/\n",
        "https://example.com/" + "a" * 2048,
    ],
)
async def test_what_is_no_https_address_is_refused(url: str) -> None:
    assert await refusal(url)


FORBIDDEN = [
    "0.0.0.0",  # noqa: S104 - refused, not bound to
    "10.0.0.5",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.5",
    "::ffff:93.184.215.14",
    "::10.0.0.5",
    "64:ff9b::10.0.0.5",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:a00:5::1",
    "3fff::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
async def test_forbidden_addresses_are_refused_written_out_and_resolved(address: str) -> None:
    literal = f"[{address}]" if ":" in address else address
    assert "address not allowed: " in await refusal(f"https://{literal}/hook")
    assert "address not allowed: " in await refusal("https://example.com/hook", STRICT, address)


async def test_one_forbidden_answer_among_good_ones_is_enough() -> None:
    message = await refusal("https://example.com/", STRICT, PUBLIC, "10.0.0.5", "2606:2800::1")
    assert message == "notificationUrl: address not allowed: 10.0.0.5"


async def test_a_link_local_answer_with_a_zone_is_refused() -> None:
    assert "not allowed" in await refusal("https://example.com/", STRICT, "fe80::1%eth0")


@pytest.mark.parametrize("address", ["172.15.255.255", "172.32.0.1", "100.63.0.1", "100.128.0.1"])
async def test_the_neighbours_of_private_networks_are_public(address: str) -> None:
    await check_url(f"https://{address}/", STRICT)


@given(st.ip_addresses())
def test_what_python_knows_to_be_special_is_never_allowed(
    address: IPv4Address | IPv6Address,
) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert not STRICT.allows(address)


@given(st.ip_addresses(v=4))
def test_no_ipv6_clothing_lets_an_ipv4_address_through(v4: IPv4Address) -> None:
    number = int(v4)
    for dressed in (
        IPv6Address((0xFFFF << 32) | number),
        IPv6Address(number),
        IPv6Address(int(IPv6Address("64:ff9b::")) | number),
        IPv6Address((0x2002 << 112) | (number << 80)),
        IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)),
    ):
        assert not STRICT.allows(dressed)


async def test_development_allows_plain_http_and_loopback_but_no_private_network() -> None:
    for url in ("http://127.0.0.1:9000/", "http://[::1]:9000/", "https://127.8.8.8/"):
        await check_url(url, DEVELOPMENT)
    await check_url("http://localhost:9000/", DEVELOPMENT, resolve=Names("::1", "127.0.0.1"))
    for url in ("http://10.0.0.5/", "http://169.254.169.254/", "http://0.0.0.0/", "http://127.1/"):
        assert await refusal(url, DEVELOPMENT)


async def test_a_named_network_allows_that_network_only() -> None:
    for url in ("https://10.20.3.4/", "https://[fd00:1::5]/"):
        await check_url(url, VENUE)
    await check_url("https://tills.example/", VENUE, resolve=Names("10.20.3.4", PUBLIC))
    for url in ("https://10.21.0.1/", "https://127.0.0.1/", "https://[::ffff:10.20.3.4]/"):
        assert "address not allowed" in await refusal(url, VENUE)
    assert "https://" in await refusal("http://10.20.3.4/", VENUE)


@pytest.mark.parametrize("fault", [socket.gaierror(-2, "no such name"), UnicodeError("label")])
async def test_a_name_that_does_not_resolve_is_refused(fault: Exception) -> None:
    async def resolve(_: str) -> Sequence[str]:
        raise fault

    with pytest.raises(InvalidInput, match="does not resolve"):
        await check_url("https://example.com/", STRICT, resolve=resolve)


async def test_a_name_with_no_addresses_is_refused() -> None:
    with pytest.raises(InvalidInput, match="does not resolve"):
        await check_url("https://example.com/", STRICT, resolve=Names())


async def test_a_lookup_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channel_manager.outbound_addresses._RESOLVE_SECONDS", 0.05)

    async def resolve(_: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(InvalidInput, match="lookup timed out"):
        await check_url("https://example.com/", STRICT, resolve=resolve)


@given(st.text(max_size=60), st.booleans())
def test_no_text_breaks_the_parser(text: str, development: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
    for url in (text, f"https://{text}", f"https://example.com/{text}"):
        try:
            parsed = parse_url(url, development=development)
        except NotReachable:
            continue
        assert parsed.host
        assert str(parsed).isascii()
