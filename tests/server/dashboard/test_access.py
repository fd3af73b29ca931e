"""Who may look at the dashboard, and what its answers let a browser do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from segue import Sandbox
from segue.server.auth import Gatekeeper
from segue.server.dashboard.assets import DIRECTORY, preferred
from segue.server.keys.sqlite import FileKeyRing
from segue.server.keys.store import Scope
from segue.settings import MonitoringSettings, Settings
from segue.settings_loading import load

from ..conftest import served

API = "/dashboard/api/v1"
LOOKS = ("/now", "/events", "/requests", "/requests/x", "/history", "/money", "/settings", "/faults")
ACTS = (("/try", {"messages": []}), ("/faults", {"provider": "gemini", "fault": "cut"}))


class Keyed:
    """A gateway that asks for keys, and one key of each scope."""

    def __init__(self, address: str, ring: FileKeyRing) -> None:
        self.address = address
        self.ring = ring
        self.secrets: dict[str, str] = {}
        scopes: tuple[Scope, ...] = ("calls", "metrics", "admin")
        for scope in scopes:
            self.secrets[scope] = ring.create(f"the {scope} key", scope=scope)[1].reveal()

    @contextmanager
    def client(self, scope: str = "") -> Iterator[httpx.Client]:
        """One that has signed in with the key of that scope, if with any."""
        with httpx.Client(base_url=f"{self.address}{API}", verify=False) as client:
            if scope:
                client.post("/session", json={"key": self.secrets[scope]}).raise_for_status()
            yield client


@pytest.fixture(scope="module")
def settings(box: Sandbox) -> Settings:
    return box.settings(load({"SEGUE_LEDGER": "none"}, directory="/nonexistent"))


@pytest.fixture(scope="module")
def keyed(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    ring = FileKeyRing(tmp_path_factory.mktemp("keys") / "keys.sqlite3")
    with served(settings, gatekeeper=Gatekeeper(ring)) as address:
        yield Keyed(address, ring)


@pytest.fixture(scope="module")
def open_client(settings: Settings) -> Iterator[httpx.Client]:
    """A client of a gateway that asks for no key."""
    with served(settings) as address, httpx.Client(base_url=address, verify=False) as made:
        yield made


def test_without_a_key_the_page_is_served_and_nothing_else(keyed: Keyed) -> None:
    with keyed.client() as client:
        assert client.get(f"{keyed.address}/dashboard/").status_code == 200
        assert client.get(f"{keyed.address}/dashboard/static/main.js").status_code == 200
        assert client.get("/session").json()["look"] is False
        assert {path: client.get(path).status_code for path in LOOKS} == dict.fromkeys(LOOKS, 401)
        assert [client.post(path, json=body).status_code for path, body in ACTS] == [401, 401]


def test_signing_in_keeps_the_key_where_no_script_and_no_other_page_reaches_it(keyed: Keyed) -> None:
    with keyed.client() as client:
        answer = client.post("/session", json={"key": keyed.secrets["metrics"]})
        cookie = answer.headers["set-cookie"]
        assert answer.status_code == 204
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Secure" not in cookie  # over plain HTTP the browser would drop it
        assert (
            "Path" not in cookie
        )  # so it goes to the dashboard's endpoints alone, under whatever path they are served
        session = client.get("/session").json()
        assert (session["look"], session["act"], session["scope"]) == (True, False, "metrics")
        assert client.get("/now").status_code == 200
        client.delete("/session")
        assert client.get("/now").status_code == 401
        behind_tls = {"origin": keyed.address.replace("http:", "https:")}
        answer = client.post("/session", json={"key": keyed.secrets["metrics"]}, headers=behind_tls)
        assert "Secure" in answer.headers["set-cookie"]


def test_a_key_for_calls_alone_may_not_look(keyed: Keyed) -> None:
    with keyed.client() as client:
        answer = client.post("/session", json={"key": keyed.secrets["calls"]})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing")
        assert "set-cookie" not in answer.headers


def test_a_key_for_metrics_looks_but_does_not_act_and_admin_does_both(keyed: Keyed) -> None:
    with keyed.client("metrics") as client:
        assert [client.post(path, json=body).status_code for path, body in ACTS] == [403, 403]
    with keyed.client("admin") as client:
        assert client.get("/session").json()["act"] is True
        answer = client.post("/try", json={"messages": [{"role": "user", "content": "Count."}]})
        assert answer.status_code == 200
        assert "event: done" in answer.text


def test_bodies_are_for_admin_alone(settings: Settings, tmp_path: Path) -> None:
    ring = FileKeyRing(tmp_path / "keys.sqlite3")
    logged = msgspec.structs.replace(settings, monitoring=MonitoringSettings(log_bodies=True))
    with served(logged, gatekeeper=Gatekeeper(ring)) as address:
        keyed = Keyed(address, ring)
        with keyed.client("admin") as client:
            id = client.post("/try", json={"messages": [{"role": "user", "content": "Count."}]}).headers["x-request-id"]
            shown = client.get(f"/requests/{id}").json()
            assert (shown["bodies"], shown["body"]["messages"][-1]["text"]) == ("shown", "Count.")
            assert client.get("/requests").json()["requests"][0]["key"] == shown["story"]["row"]["key"] != ""
        with keyed.client("metrics") as client:
            shown = client.get(f"/requests/{id}").json()
            assert (shown["bodies"], shown["body"]) == ("scope", None)


def test_a_revoked_key_ends_its_session_at_once(keyed: Keyed) -> None:
    key, secret = keyed.ring.create("a short-lived one", scope="metrics")
    with keyed.client() as client:
        client.post("/session", json={"key": secret.reveal()}).raise_for_status()
        assert client.get("/now").status_code == 200
        keyed.ring.revoke(key.id)
        assert client.get("/now").status_code == 401
        assert client.get("/session").json()["look"] is False


@pytest.mark.parametrize("key", ["", "sk-segue-guess", "a b", "a;b", 'a"b', "x" * 600, "a\r\nset-cookie: x=1", "키"])
def test_what_is_no_key_is_refused_and_never_set(keyed: Keyed, key: str) -> None:
    with keyed.client() as client:
        answer = client.post("/session", json={"key": key})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers


def test_a_program_presents_its_key_as_at_any_other_endpoint(keyed: Keyed) -> None:
    headers = {"authorization": f"Bearer {keyed.secrets['metrics']}"}
    with keyed.client() as client:
        assert client.get("/now", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "null"},
        {"origin": "http://["},
    ],
)
def test_no_other_page_may_use_it_not_even_one_that_may_use_the_api(
    open_client: httpx.Client, headers: dict[str, str]
) -> None:
    for method, path in (("GET", "/now"), ("POST", "/faults"), ("POST", "/try"), ("POST", "/session")):
        answer = open_client.request(method, f"{API}{path}", headers=headers, json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_refused")
        assert "access-control-allow-origin" not in answer.headers


def test_what_a_form_could_send_is_refused(open_client: httpx.Client) -> None:
    for path in ("/session", "/faults", "/try"):
        plain = open_client.post(f"{API}{path}", content='{"key": "x"}', headers={"content-type": "text/plain"})
        assert plain.status_code == 415


def test_a_long_body_is_refused_before_it_is_read(open_client: httpx.Client) -> None:
    assert open_client.post(f"{API}/session", json={"key": "x" * 5000}).status_code == 413


def test_every_answer_forbids_what_a_page_of_text_does_not_need(open_client: httpx.Client) -> None:
    paths = ("/", "/", "/static/main.js", "/static/dashboard.css", "/api/v1/now", "/api/v1/settings")
    for path in paths:
        headers = open_client.get(f"/dashboard{path}").headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert {policy[name] for name in ("script-src", "style-src", "connect-src", "img-src")} == {"'self'"}
        assert policy["require-trusted-types-for"] == "'script'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] in ("no-store", "no-cache")


def test_a_browser_is_led_from_the_root_and_a_program_gets_a_list_of_what_there_is(open_client: httpx.Client) -> None:
    led = open_client.get("/", headers={"accept": "text/html,*/*"})
    assert (led.status_code, led.headers["location"]) == (307, "dashboard/")
    assert open_client.get("/dashboard").headers["location"] == "dashboard/"
    for headers in ({}, {"accept": "application/json"}):
        shown = open_client.get("/", headers=headers)
        assert (shown.status_code, shown.json()["error"]["code"]) == (404, "not_served")


def test_files_beside_the_page_are_not_served(open_client: httpx.Client) -> None:
    for name in ("../assets.py", "..%2fassets.py", "%2e%2e/endpoints.py", "index.html", "nothing.js", ""):
        assert open_client.get(f"/dashboard/static/{name}").status_code == 404
    kept = open_client.get("/dashboard/static/main.js")
    again = open_client.get("/dashboard/static/main.js", headers={"if-none-match": kept.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("fr, ko;q=0.5, en;q=0.4", "ko"),
        ("de", "en"),
        ("ko;q=x, en;q=0.1", "en"),
    ],
)
def test_the_page_comes_in_the_language_that_the_browser_prefers(accepted: str, language: str) -> None:
    assert preferred(accepted) == language


def test_vendored_files_come_with_their_licence() -> None:
    vendored = {path.name for path in (DIRECTORY / "vendor").iterdir()}
    assert vendored == {"uPlot.iife.min.js", "uPlot.min.css", "uPlot.LICENSE.txt"}
    assert "MIT" in (DIRECTORY / "vendor" / "uPlot.LICENSE.txt").read_text(encoding="utf-8")
