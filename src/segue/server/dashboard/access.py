"""Who may look: the same keys as the API's, presented as a program does or kept by the browser in a cookie.

The cookie holds the key. It is out of every script's reach (`HttpOnly`), goes with requests of the gateway's own pages only
(`SameSite=Strict`) and only to the dashboard's own endpoints: it has no `Path`, so a browser takes the directory of the address that set it,
also behind a proxy that serves the gateway under a path. It ends with the browser, and a revoked key ends it at once.
"""

from __future__ import annotations

from typing import Final

import msgspec

from segue.errors import InvalidRequestError
from segue.server.asgi import Exchange, bearer
from segue.server.auth import Gatekeeper
from segue.server.keys.store import Scope

COOKIE: Final = "segue_dashboard"
LONGEST_KEY: Final = 512
"""Characters of a key that is presented."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What the browser's user may do. `keys`: a key is asked for; `scope` is the key's, "" without one that may look.

    `act` means asking models and breaking stand-ins, and reading what was asked and answered; it takes a key of the scope `admin`.
    """

    keys: bool
    scope: str = ""
    name: str = ""
    look: bool = False
    act: bool = False
    sandbox: bool = False
    bodies: bool = False


def session(exchange: Exchange, gatekeeper: Gatekeeper | None, *, sandbox: bool, bodies: bool) -> Session:
    """What the caller may do; never refuses."""
    if gatekeeper is None:
        return Session(keys=False, look=True, act=True, sandbox=sandbox, bodies=bodies)
    key = gatekeeper.find(_presented(exchange))
    if key is None or not key.may("metrics"):
        return Session(keys=True)
    act = key.may("calls")
    return Session(keys=True, scope=key.scope, name=key.name, look=True, act=act, sandbox=sandbox, bodies=bodies)


def identify(exchange: Exchange, gatekeeper: Gatekeeper | None, scope: Scope) -> str:
    """The id of the caller's key, "" where none is asked for. Raises `InvalidRequestError`: 401 or 403."""
    return "" if gatekeeper is None else gatekeeper.identify(_presented(exchange), scope)


def check_site(exchange: Exchange) -> None:
    """Raises `InvalidRequestError` (403) for a request that another page made: browsers say so themselves, older ones by `origin`."""
    site, origin = exchange.headers.get("sec-fetch-site"), exchange.headers.get("origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = origin is not None and origin.partition("://")[2] != exchange.headers.get("host")
    if foreign:
        raise InvalidRequestError("other pages may not use the dashboard", status=403, code="origin_refused")


def check_json(exchange: Exchange) -> None:
    """Raises `InvalidRequestError` (415) for what a plain form of any page could send."""
    if exchange.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise InvalidRequestError("send JSON, with content-type: application/json", status=415)


def kept(key: str, exchange: Exchange) -> str:
    """The `set-cookie` that keeps a key; "" ends it. `Secure` where the page came over TLS, also through a proxy."""
    secure = "; Secure" if exchange.headers.get("origin", "").startswith("https:") else ""
    ended = "" if key else "; Max-Age=0"
    return f"{COOKIE}={key}; HttpOnly; SameSite=Strict{secure}{ended}"


def check_key(key: str) -> str:
    """The key itself. Raises `InvalidRequestError` (401) for what can't be one, nor stand in a cookie."""
    if (
        not 0 < len(key) <= LONGEST_KEY
        or not all(letter.isalnum() or letter in "-_." for letter in key)
        or not key.isascii()
    ):
        raise InvalidRequestError("that is no key of this gateway", status=401, code="invalid_api_key")
    return key


def _presented(exchange: Exchange) -> str:
    if key := bearer(exchange.headers):
        return key
    cookies: str = exchange.headers.get("cookie", "")
    for cookie in cookies.split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == COOKIE:
            return value
    return ""
