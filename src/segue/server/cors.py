"""Which web pages may call the gateway from a browser, and the headers that let them read the answer.

A browser names the page in `origin`. Without a key every allowed page can spend money, so by default only pages of this machine
are allowed: pages of a loopback address, and the windows of installed programs, whose schemes no web site can have. `origins` in
the settings allows others, as `scheme://host` or `scheme://host:port`; a host may be `*` or begin with `*.`. `*` alone stands for every
page, and is for gateways that require

keys. Browsers ask before they send (`OPTIONS`). All requested headers are allowed: SDKs add new headers in each version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from segue.errors import ConfigurationError, InvalidRequestError

ANY: Final = "*"

PROGRAMS: Final = ("app://*", "tauri://*", "vscode-webview://*", "vscode-file://*")
"""Windows of Electron, Tauri and VS Code. Ollama allows the same by default (its server's OLLAMA_ORIGINS)."""

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_USUAL: Final = frozenset(f"{host}:4000" for host in ("127.0.0.1", "localhost", "[::1]"))
_METHODS: Final = "GET, HEAD, POST, DELETE"
_REMEMBERED: Final = "7200"
"""Seconds a browser may remember an answer to `OPTIONS`; Chromium caps it there."""


_LONGEST: Final = 300
"""Characters of an origin; a host's name has at most 253."""
_PRIVATE: Final = ("localhost", "local", "internal", "lan", "home.arpa")
"""Endings of host names that cannot be registered, so that no web site can have one."""


class _Pattern(NamedTuple):
    scheme: str
    host: str
    port: int | None

    def matches(self, other: _Pattern) -> bool:
        return (self.scheme, self.port) == (other.scheme, other.port) and fnmatchcase(other.host, self.host)


class Origins:
    """Pages that are allowed. Raises `ConfigurationError` for an entry that is not an origin."""

    def __init__(self, origins: Iterable[str] = ()) -> None:
        entries = tuple(origins)
        self.any = ANY in entries
        self._patterns = tuple(_pattern(entry) for entry in (*PROGRAMS, *entries) if entry != ANY)
        self._known = lru_cache(maxsize=256)(self._lets_in)
        self._hosts = lru_cache(maxsize=256)(self._serves)

    def headers(self, origin: str) -> dict[str, str]:
        """Headers of an answer for the browser of a page; none for a page that is not allowed."""
        if not self.lets_in(origin):
            return {}
        return {"access-control-allow-origin": origin, "access-control-expose-headers": "*", "vary": "origin"}

    def granted(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers of the answer to `OPTIONS`. Raises `InvalidRequestError` (403) for a page that is not allowed."""
        origin = headers.get("origin", "")
        if not origin:
            return {"allow": f"{_METHODS}, OPTIONS"}
        if not self.lets_in(origin):
            raise refusal(origin)
        granted = self.headers(origin) | {
            "access-control-allow-methods": _METHODS,
            "access-control-allow-headers": headers.get("access-control-request-headers", "*"),
            "access-control-max-age": _REMEMBERED,
        }
        if "access-control-request-private-network" in headers:
            granted["access-control-allow-private-network"] = "true"
        return granted

    def check_host(self, host: str | None) -> None:
        """Raises `InvalidRequestError` (403) for a request whose `host` is a name on the internet.

        A page may let its own name resolve to this machine (DNS rebinding); the browser then takes the gateway for the page's own server,
        and sends no origin. Such a page always has a registered name. None: not from a browser.
        """
        if host is not None and not (len(host) <= _LONGEST and self._hosts(host)):
            raise InvalidRequestError(
                f"requests for the host {host[:200]!r} are not answered without a key: ask for 127.0.0.1 or localhost, let pages "
                "of that host in with SEGUE_ORIGINS, or serve with --keys",
                status=403,
                code="host_refused",
            )

    def _serves(self, host: str) -> bool:
        if host in _USUAL:
            return True
        if (page := _parts(f"http://{host}")) is None:
            return False
        name = page.host.rstrip(".")
        if "." not in name or name.endswith(tuple(f".{end}" for end in _PRIVATE)):
            return True
        return _is_address(name) or any(fnmatchcase(name, known.host) for known in self._patterns[len(PROGRAMS) :])

    def lets_in(self, origin: str) -> bool:
        """Whether a page of this origin, as its browser names it, is allowed."""
        return len(origin) <= _LONGEST and self._known(origin)

    def _lets_in(self, origin: str) -> bool:
        if self.any:
            return True
        page = _parts(origin)
        if page is None:
            return False
        local = page.host in _LOOPBACK or page.host.endswith(".localhost")
        return (local and page.scheme in ("http", "https")) or any(known.matches(page) for known in self._patterns)


def _is_address(name: str) -> bool:
    """Whether it is an IP address, which no DNS answer can redirect."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def refusal(origin: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"pages of {origin[:200]} are not allowed: allow them with SEGUE_ORIGINS, or origins in segue.toml",
        status=403,
        code="origin_refused",
    )


def _parts(origin: str) -> _Pattern | None:
    """None for what is not an origin with a scheme and a host, such as `null`."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return None
    if not (parts.scheme and parts.hostname) or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return _Pattern(parts.scheme, parts.hostname, port)


def _pattern(entry: str) -> _Pattern:
    pattern = _parts(entry.rstrip("/"))
    if pattern is None or "*" in pattern.host.removeprefix("*.").removeprefix("*"):
        raise ConfigurationError(
            f"origins: {entry!r} is not an origin: use scheme://host, such as https://chat.example.com"
        )
    return pattern
