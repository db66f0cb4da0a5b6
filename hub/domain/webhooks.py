"""Webhooks out: whom head office calls when something happened, and where it may call.

An integrator names an address and the kinds of events it wants. Addresses are chosen by people
outside, so the hub must not be talked into calling machines that only it can reach: public
addresses over https, this machine itself, and whatever the site has allowed by name, nothing else.
What is sent is a line of the change feed, which never carries personal data.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from shared.domain.errors import Refused

URL_CHARS_MAX: Final = 2_000
KINDS_MAX: Final = 50
WEBHOOKS_MAX: Final = 100
"""Subscriptions of one hub."""
TEST_KIND: Final = "webhook_test"
DeliveryState = Literal["waiting", "delivered", "failed"]


class WebhookRow(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription; see the migration for its fields. Never show `secret` after it was made."""

    webhook_id: str
    url: str
    kinds: tuple[str, ...]
    secret: str
    old_secret: str = ""
    old_until_ms: int = 0
    active: bool = True
    why_not: str = ""
    cursor: int = 0
    failures: int = 0
    next_ms: int = 0
    made_ms: int = 0
    changed_ms: int = 0

    def wants(self, kind: str) -> bool:
        """Say whether it asked for events of this kind."""
        return not self.kinds or kind in self.kinds


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one subscription; `answer` is what came back last."""

    webhook_id: str
    event_id: int
    kind: str
    state: DeliveryState = "waiting"
    tries: int = 0
    next_ms: int = 0
    leased_ms: int = 0
    answer: str = ""
    made_ms: int = 0
    changed_ms: int = 0


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How patiently subscribers are called, in milliseconds; pauses double up to half an hour.

    `tries_max` calls for one event, `failures_max` failures in a row before a subscription counts
    as dead. `lease_ms` until another hub process may send what one has begun to send.
    """

    retry_ms: int = 5_000
    timeout_ms: int = 10_000
    lease_ms: int = 300_000
    tries_max: int = 30
    failures_max: int = 60


def check_url(url: str, allowed: Iterable[str]) -> None:
    """Raise Refused `webhook_url` unless `url` may be called; names are resolved at the call."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
        parts = urlsplit("")
    if not host or len(url) > URL_CHARS_MAX or parts.username or parts.fragment or "\\" in url:
        raise _refused("expected an address such as https://erp.example.com/bincard")
    names = tuple(allowed)
    trusted = host in names or host == "localhost" or _literal_trusted(host, names)
    if parts.scheme != "https" and not (parts.scheme == "http" and trusted):
        raise _refused("expected https")
    address = _literal(host)
    if address is not None and not may_call(address, names):
        raise _refused("expected a public address")


def may_call(address: str, allowed: Iterable[str]) -> bool:
    """Say whether the hub may call an IP address: public, this machine, or in an allowed network.

    >>> [may_call(one, ()) for one in ("93.184.216.34", "127.0.0.1", "169.254.169.254", "10.1.1.1")]
    [True, True, False, False]
    >>> may_call("10.1.1.1", ["10.1.0.0/16"])
    True
    """
    ip = ipaddress.ip_address(address)
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if any(ip in network for network in _networks(allowed) if network.version == ip.version):
        return True
    return ip.is_loopback or (ip.is_global and not ip.is_multicast)


def _networks(
    allowed: Iterable[str],
) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    found = []
    for name in allowed:
        try:
            found.append(ipaddress.ip_network(name, strict=False))
        except ValueError:
            continue  # a host name
    return found


def _literal(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _literal_trusted(host: str, allowed: Iterable[str]) -> bool:
    address = _literal(host)
    if address is None:
        return False
    ip = ipaddress.ip_address(address)
    return ip.is_loopback or any(
        ip in network for network in _networks(allowed) if network.version == ip.version
    )


def _refused(why: str) -> Refused:
    return Refused(
        "webhook_url",
        f"Failed to subscribe: the address cannot be called: {why}.",
        hint="Use https and a public host, or let the hub's administrator allow the host with "
        "BINCARD_HUB_WEBHOOK_HOSTS.",
    )
