"""Access to the dashboard: the API's keys, in the headers of a program or in a browser's cookie.

The cookie holds the key. No script can read it (`HttpOnly`), and browsers send it with requests of the gateway's own pages only
(`SameSite=Strict`) and only to the dashboard's endpoints: without a `Path` attribute, its path is the directory of the URL that set it, also behind a
proxy that serves the gateway below a path. It ends with the browser's session; a revoked key is refused at once.
"""

from __future__ import annotations

from typing import Final

import msgspec

from segue.errors import InvalidRequestError
from segue.server.auth import Gatekeeper
from segue.server.exchange import Exchange, bearer
from segue.server.keys.store import Scope

COOKIE: Final = "segue_dashboard"
LONGEST_KEY: Final = 512
"""Characters of a key that is presented."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller may do. `keys`: a key is required; `scope` and `name` are the key's, "" without one that may `look`.

    `act` covers sending prompts, breaking stand-ins and reading bodies; it requires the scope `admin`. `sandbox`: stand-ins answer;
    `bodies`: bodies are kept.
    """

    keys: bool
    scope: str = ""
    name: str = ""
    look: bool = False
    act: bool = False
    sandbox: bool = False
    bodies: bool = False


def session(exchange: Exchange, gatekeeper: Gatekeeper | None, *, sandbox: bool, bodies: bool) -> Session:
    """What the caller may do. Raises nothing for a missing or unknown key."""
    if gatekeeper is None:
        return Session(keys=False, look=True, act=True, sandbox=sandbox, bodies=bodies)
    key = gatekeeper.find(_presented(exchange))
    if key is None or not key.may("metrics"):
        return Session(keys=True)
    act = key.may("calls")
    return Session(keys=True, scope=key.scope, name=key.name, look=True, act=act, sandbox=sandbox, bodies=bodies)


def identify(exchange: Exchange, gatekeeper: Gatekeeper | None, scope: Scope) -> str:
    """The id of the caller's key, "" where no key is required. Raises `InvalidRequestError`: 401 or 403."""
    return "" if gatekeeper is None else gatekeeper.identify(_presented(exchange), scope)


def check_site(exchange: Exchange) -> None:
    """Raises `InvalidRequestError` (403) for a request from another site's page, by `sec-fetch-site`, or `origin` from older browsers."""
    site, origin = exchange.headers.get("sec-fetch-site"), exchange.headers.get("origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = origin is not None and origin.partition("://")[2] != exchange.headers.get("host")
    if foreign:
        raise InvalidRequestError("other pages may not use the dashboard", status=403, code="origin_refused")


def check_json(exchange: Exchange) -> None:
    """Raises `InvalidRequestError` (415) for a content type that an HTML form can send from any page."""
    if exchange.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise InvalidRequestError("send JSON, with content-type: application/json", status=415)


def kept(key: str, exchange: Exchange) -> str:
    """The `set-cookie` header that stores a key; an empty key deletes it. `Secure` if the page was loaded over TLS, also through a proxy."""
    secure = "; Secure" if exchange.headers.get("origin", "").startswith("https:") else ""
    ended = "" if key else "; Max-Age=0"
    return f"{COOKIE}={key}; HttpOnly; SameSite=Strict{secure}{ended}"


def check_key(key: str) -> str:
    """Returns the key. Raises `InvalidRequestError` (401) for a text that can't be a key or is not safe in a cookie."""
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
