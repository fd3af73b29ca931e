"""What is large, repeated or broken: one caller's doing holds up no other, and nothing is lost without a word."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx

from career_coach.web.api import STREAMS
from segue import Sandbox

from .conftest import Serve
from .harness import korean, until
from .test_api import add


def test_a_json_resume_of_many_megabytes_is_refused(quick_box: Sandbox, serve: Serve) -> None:
    document = korean() | {"work": [{"name": f"Company {number}", "summary": "x" * 100} for number in range(20_000)]}
    with serve(quick_box).client() as client:
        answer = client.post(
            "/api/v1/resumes", content=json.dumps(document), headers={"content-type": "application/json"}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
        assert "1 MB" in answer.json()["error"]["message"]


def test_an_answer_that_follows_another_gets_its_own_feedback(box: Sandbox, serve: Serve) -> None:
    with serve(box).client() as client, ThreadPoolExecutor() as pool:
        one = add(client)
        client.post(f"/api/v1/interview/{one}/questions")
        place = f"/api/v1/interview/{one}/questions/1/feedback"
        for name in box.providers:
            box.break_provider(name, "hang")
        first = pool.submit(client.post, place, json={"answer": "the first"})
        until(lambda: client.get(place).status_code == 200)
        for name in box.providers:
            box.heal(name)
        assert client.post(place, json={"answer": "the second"}).json()["answer"] == "the second"
        first.result()
        assert client.get(place).json()["answer"] == "the second"


def test_a_page_about_a_defect_has_the_headers_of_all_others(quick_box: Sandbox, serve: Serve) -> None:
    server = serve(quick_box)

    async def broken(limit: int) -> None:
        raise ZeroDivisionError

    server.app.state.service.store.resumes = broken
    with server.client() as client:
        fine, wrong = client.get("/static/coach.css"), client.get("/")
    assert (fine.status_code, wrong.status_code) == (200, 500)
    assert wrong.headers["content-security-policy"] == fine.headers["content-security-policy"]
    assert wrong.headers["cache-control"] == "no-store"


def test_streams_of_events_are_bounded(quick_box: Sandbox, serve: Serve) -> None:
    with serve(quick_box).client(limits=httpx.Limits(max_connections=None)) as client, ExitStack() as open_streams:
        one = add(client)
        place = f"/api/v1/resumes/{one}/events"
        for _ in range(STREAMS):
            assert open_streams.enter_context(client.stream("GET", place)).status_code == 200
        assert client.get(place).status_code == 503
