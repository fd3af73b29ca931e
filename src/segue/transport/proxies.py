"""The environment's proxies: HTTPS_PROXY, HTTP_PROXY, else ALL_PROXY, with the exceptions that NO_PROXY names."""

from __future__ import annotations

import base64
import urllib.request
from typing import NamedTuple

from yarl import URL

from segue.errors import ConfigurationError


class Proxy(NamedTuple):
    url: URL
    """Without user and password: aiohttp's errors show it."""
    headers: dict[str, str]


class Proxies:
    """Which proxy a URL goes through. False if the environment names none.

    Raises `ConfigurationError` for one that is not supported.
    """

    def __init__(self) -> None:
        self._by_scheme = _named()
        self._bypassed: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._by_scheme)

    def of(self, url: URL) -> Proxy | None:
        """Raises `ValueError` for what is no URL."""
        if not (proxy := self._by_scheme.get(url.scheme)):
            return None
        place = url.authority
        if place not in self._bypassed:
            self._bypassed[place] = bool(urllib.request.proxy_bypass(f"{url.host}:{url.port}"))
        return None if self._bypassed[place] else proxy

    def concern(self, address: str) -> bool:
        """Whether a request to this address goes through a proxy. What is no URL needs none."""
        try:
            return self.of(URL(address)) is not None
        except ValueError:
            return False


def _named() -> dict[str, Proxy]:
    found = urllib.request.getproxies()
    proxies: dict[str, Proxy] = {}
    for scheme in ("http", "https"):
        if not (address := found.get(scheme) or found.get("all")):
            continue
        try:
            url = URL(address if "://" in address else f"http://{address}")
        except ValueError:
            raise ConfigurationError(
                f"{scheme.upper()}_PROXY or ALL_PROXY is no address: see whether its host and its port are right "
                "(in the environment)"
            ) from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ConfigurationError(
                f"{scheme.upper()}_PROXY or ALL_PROXY names a proxy that is not supported ({url.scheme}://): "
                "use one with http:// or https:// (in the environment)"
            )
        headers = {}
        if url.user is not None:
            pair = f"{url.user}:{url.password or ''}".encode()
            headers["Proxy-Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        proxies[scheme] = Proxy(url.with_user(None), headers)
    return proxies
