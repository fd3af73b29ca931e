"""The attacks of tests/hostile on a gateway in its own process: what was tried, whether it held, its peak memory, the longest wait of
others.

    python -m benchmarks.attacks                    # the table; about two minutes
    python -m benchmarks.attacks --soak --minutes 10

Each attack has the gateway to itself while another caller asks `/health/live` all the time; the longest that one waited is the stall. The
peak is that of the process during the attack. An attack is held if the process lives, answers as it should, and stays below the bounds of
memory and of waiting that stand at the top of the table.
"""

from __future__ import annotations

import argparse
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.hostile.flood import CONTENT, SHAPELESS

from benchmarks.upstream_of_attacks import Upstream
from benchmarks.watched_gateway import WatchedGateway, watched_gateway

DIALECTS = ("openai_chat", "openai_responses", "claude", "gemini")
MEMORY = 400.0
"""MB of the process at its peak: a body of 32 MiB may be read, decoded, encoded and sent at once."""
STALL = 1.0
"""Seconds that others may wait behind one large body; behind streams it is a tenth."""
MB = 2**20

Answer = tuple[int, bytes]


class Attack(NamedTuple):
    name: str
    run: Callable[[WatchedGateway, Upstream], str]
    """Attacks; returns what is wrong with how it was answered, "" if nothing is."""
    stall: float = STALL


def ask(port: int, path: str, body: bytes = b"", *, method: str = "POST", **headers: str) -> Answer:
    """One request on its own connection."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", "connection: close", f"content-length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    data = "\r\n".join([*lines, "", ""]).encode() + body
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        try:
            connection.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # answered before it was all sent
        return _read(connection)


def _read(connection: socket.socket) -> Answer:
    answer = b""
    try:
        while piece := connection.recv(MB):
            answer += piece
    except ConnectionResetError:
        pass
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head[9:12]) if head[9:12].isdigit() else 0), body


def chat(text: str, *, model: str = "openai_chat/m", stream: bool = False) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}).encode()


def expect(answer: Answer, *statuses: int) -> str:
    return "" if answer[0] in statuses else f"{answer[0]} {answer[1][:100]!r}"


def pour(port: int, start: bytes, unit: bytes, *, most: int = 64 * MB) -> str:
    """Sends without end; wrong if all of `most` was taken."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(start)
            while sent < most:
                connection.sendall(unit)
                sent += len(unit)
        except OSError:
            return ""
    return f"took {sent // MB} MB"


LONG = "gpt-" + "20240101-" * 30_000
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


def names(gateway: WatchedGateway, upstream: Upstream) -> str:
    for _ in range(50):
        wrong = expect(ask(gateway.port, "/v1/chat/completions", chat("Hi", model=LONG)), 400)
        wrong = wrong or expect(ask(gateway.port, f"/v1/models/{LONG[:50_000]}", method="GET"), 404)
        if wrong:
            return wrong
    return ""


def references(gateway: WatchedGateway, upstream: Upstream) -> str:
    upstream.answer(text="x" * 200_000)
    body = json.dumps({"model": "openai_chat/m", "input": "Hi"}).encode()
    status, answer = ask(gateway.port, "/v1/responses", body)
    if status != 200:
        return f"{status} {answer[:100]!r}"
    item = next(item["id"] for item in json.loads(answer)["output"] if item["type"] == "message")
    many = {"model": "openai_chat/m", "input": [{"type": "item_reference", "id": item}] * 100_000}
    return expect(ask(gateway.port, "/v1/responses", json.dumps(many).encode()), 400, 413)


def nested(gateway: WatchedGateway, upstream: Upstream) -> str:
    wrong = ""
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1beta/models/auto:generateContent"):
        for body in (b"[" * 10 * MB, b'{"a":' * MB, b'{"messages":' + b"[" * 10 * MB):
            wrong = wrong or expect(ask(gateway.port, path, body), 400)
    return wrong


def many_messages(gateway: WatchedGateway, upstream: Upstream) -> str:
    upstream.answer(text="Hello")
    message = b'{"role":"user","content":"Hi"},'
    body = b'{"model":"openai_chat/m","messages":[' + (message * (4 * MB // len(message)))[:-1] + b"]}"
    return expect(ask(gateway.port, "/v1/chat/completions", body), 413)


def one_long_message(gateway: WatchedGateway, upstream: Upstream) -> str:
    upstream.answer(text="Hello")
    return expect(ask(gateway.port, "/v1/chat/completions", chat("x" * 30 * MB)), 200, 400, 500)


def bomb(gateway: WatchedGateway, upstream: Upstream) -> str:
    packed = gzip.compress(b"\0" * 300 * MB)
    return expect(ask(gateway.port, "/v1/chat/completions", packed, content_encoding="gzip"), 413)


def slow(gateway: WatchedGateway, upstream: Upstream) -> str:
    """Five hundred callers who begin a request and say no more."""
    held = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(500)]
    for connection in held:
        connection.sendall(HEAD + b"content-length: 100\r\n\r\n{")
    answered = expect(ask(gateway.port, "/health/live", method="GET"), 200)
    for connection in held:
        connection.close()
    return answered


def failing(status: int) -> Callable[[WatchedGateway, Upstream], str]:
    def run(gateway: WatchedGateway, upstream: Upstream) -> str:
        upstream.refuse(status)
        body = chat("x" * 2 * MB)
        for _ in range(2000):
            if wrong := expect(ask(gateway.port, "/v1/chat/completions", body), 400, 500, 503, 529):
                return wrong
        return ""

    return run


def endless(dialect: str, *, stream: bool) -> Callable[[WatchedGateway, Upstream], str]:
    def run(gateway: WatchedGateway, upstream: Upstream) -> str:
        upstream.flood(CONTENT[dialect])
        status, body = ask(
            gateway.port, "/v1/chat/completions", chat("Hi", model=f"{dialect}/m", stream=stream), x_segue_deadline="30"
        )
        return "" if status >= 400 or b'"error"' in body[-4000:] else f"{status}: passed off as whole"

    return run


def shapeless(kind: str) -> Callable[[WatchedGateway, Upstream], str]:
    def run(gateway: WatchedGateway, upstream: Upstream) -> str:
        upstream.flood(SHAPELESS[kind])
        wrong = ""
        for dialect in DIALECTS:
            answer = ask(gateway.port, "/v1/chat/completions", chat("Hi", model=f"{dialect}/m"), x_segue_deadline="10")
            wrong = wrong or expect(answer, 400, 500)
        return wrong

    return run


def rebound(gateway: WatchedGateway, upstream: Upstream) -> str:
    wrong = ""
    for lines in (
        b"host: evil.example",
        b"host: 127.0.0.1\r\norigin: https://evil.example",
        b"host: 127.0.0.1\r\norigin: http://[::1",
    ):
        with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
            body = chat("Hi")
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nconnection: close\r\n%b\r\ncontent-length: %d\r\n\r\n%b"
                % (lines, len(body), body)
            )
            wrong = wrong or expect(_read(connection), 403)
    return wrong


def attacks() -> Iterator[Attack]:
    yield Attack("names of 270 kB and 50 kB, 50 times in a body and in a path", names)
    yield Attack("an item of 200 kB referred to 100,000 times", references)
    yield Attack("bodies nested a million deep, in four dialects", nested)
    yield Attack("135,000 messages in 4 MB", many_messages)
    yield Attack("one message of 30 MB", one_long_message)
    yield Attack("300 MB of zeros, packed", bomb)
    yield Attack("a head without end", lambda gateway, _: pour(gateway.port, HEAD, b"x: y\r\n" * 10_000))
    yield Attack("a field without end", lambda gateway, _: pour(gateway.port, HEAD + b"x: ", b"y" * 60_000))
    yield Attack(
        "a body without end", lambda gateway, _: pour(gateway.port, CHUNKED, b"ea60\r\n" + b"y" * 60_000 + b"\r\n")
    )
    yield Attack(
        "fields behind the body without end",
        lambda gateway, _: pour(gateway.port, CHUNKED + b"0\r\n", b"x: y\r\n" * 10_000),
    )
    yield Attack("500 callers who begin and say no more", slow)
    yield Attack("a host of the internet, pages of other origins", rebound)
    yield Attack("2,000 requests of 2 MB that are refused (400)", failing(400))
    yield Attack("2,000 requests of 2 MB in an outage (503)", failing(503))
    for dialect in DIALECTS:
        for stream in (False, True):
            how = "streamed" if stream else "whole"
            yield Attack(f"{dialect}: content without end, {how}", endless(dialect, stream=stream))
    for kind in SHAPELESS:
        yield Attack(f"all dialects: {kind} without end", shapeless(kind))


def settings(upstream: Upstream) -> str:
    tables = "".join(
        f'[targets.{dialect}]\ndialect = "{dialect}"\nmodel = "m"\napi_key = "k"\nbase_url = "{upstream.address}"\n'
        for dialect in DIALECTS
    )
    return f'chain = ["openai_chat"]\n[policy]\nrounds = 1\nfallback = false\n{tables}'


def run_attacks(only: str) -> None:
    print(f"Held: alive, answered as it should, below {MEMORY:.0f} MB, others waited below {STALL:g} s.\n")
    print("| tried | held | peak MB | longest wait of others, ms | seconds |\n|---|---|---|---|---|")
    upstream = Upstream()
    for attack in attacks():
        if only in attack.name:
            print(_tried(attack, upstream), flush=True)
    upstream.end()


def _tried(attack: Attack, upstream: Upstream) -> str:
    """The row of an attack on a gateway that is new: no target rests because of an earlier one."""
    upstream.answer(text="Hello")
    with watched_gateway(settings(upstream)) as gateway:
        ask(gateway.port, "/v1/chat/completions", chat("Hi"))
        time.sleep(1.5)  # what is loaded at the first request is loaded
        gateway.forget_peak()
        began = time.perf_counter()
        with gateway.waits() as waits:
            try:
                wrong = attack.run(gateway, upstream)
            except OSError as error:
                wrong = f"{type(error).__name__}: {error}"
        took = time.perf_counter() - began
        if not gateway.alive():
            return f"| {attack.name} | NO: the process ended | | | {took:.1f} |"
        peak = gateway.peak
    wrong = wrong or ("memory" if peak > MEMORY else "") or ("others waited" if waits.longest > attack.stall else "")
    held = f"NO: {wrong}" if wrong else "yes"
    return f"| {attack.name} | {held} | {peak:.0f} | {waits.longest * 1000:.0f} | {took:.1f} |"


def run_soak(minutes: float) -> None:
    """Faults, callers who leave and large bodies, all mixed, by four callers at a time."""
    upstream = Upstream()
    with watched_gateway(settings(upstream)) as gateway:
        upstream.answer(text="Hello " * 20)
        for _ in range(200):
            ask(gateway.port, "/v1/chat/completions", chat("Hi"))
        ask(gateway.port, "/v1/chat/completions", chat("x" * 4 * MB))
        time.sleep(3)
        before = _look(gateway)
        over = time.monotonic() + minutes * 60
        count = [0] * 4
        callers = [threading.Thread(target=_soak, args=(gateway, upstream, number, over, count)) for number in range(4)]
        with gateway.waits() as waits:
            for caller in callers:
                caller.start()
            for caller in callers:
                caller.join()
        time.sleep(5)
        after = _look(gateway)
        print(
            f"{minutes:g} minutes, {sum(count)} requests; the longest wait of others was {waits.longest * 1000:.0f} ms.\n"
        )
        print("| | before | after |\n|---|---|---|")
        for name in before:
            print(f"| {name} | {before[name]} | {after[name]} |")
        print(f"| alive | yes | {'yes' if gateway.alive() else 'NO'} |")
    upstream.end()


def _look(gateway: WatchedGateway) -> dict[str, str]:
    metrics = ask(gateway.port, "/metrics", method="GET")[1].decode()
    tasks = next(
        (line.split()[1] for line in metrics.splitlines() if line.startswith("segue_requests_in_flight ")), "?"
    )
    return {
        "memory, MB": f"{gateway.megabytes:.0f}",
        "descriptors": str(gateway.descriptors),
        "threads": str(gateway.threads),
        "requests in flight": tasks,
    }


def _soak(gateway: WatchedGateway, upstream: Upstream, number: int, over: float, count: list[int]) -> None:
    turn = number
    while time.monotonic() < over:
        turn += 1
        dialect = DIALECTS[turn % 4]
        size = (10, 10, 10_000, 10, 2 * MB, 10, 200_000)[turn % 7]
        body = chat("x" * size, model=f"{dialect}/m", stream=turn % 2 == 0)
        try:
            if turn % 5 == 0:
                _leave(gateway.port, body)
            else:
                ask(gateway.port, "/v1/chat/completions", body, x_segue_deadline="5")
        except OSError:
            pass
        count[number] += 1
        if number == 0 and turn % 10 == 0:
            _trouble(upstream, turn // 10)


def _leave(port: int, body: bytes) -> None:
    """A caller who goes away in the middle."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body[: len(body) * 2 // 3])
        if len(body) < 1000:
            connection.sendall(body[len(body) * 2 // 3 :])
            time.sleep(0.01)


def _trouble(upstream: Upstream, turn: int) -> None:
    match turn % 6:
        case 0 | 3:
            upstream.answer(text="Hello " * 20)
        case 1:
            upstream.refuse(503)
        case 2:
            upstream.cut()
        case 4:
            upstream.refuse(400)
        case 5:
            upstream.flood(CONTENT[DIALECTS[turn % 4]])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attacks")
    parser.add_argument(
        "--soak", action="store_true", help="faults, callers who leave and large bodies for some minutes"
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", default="", help="attacks whose name has this in it")
    options = parser.parse_args()
    if options.soak:
        run_soak(options.minutes)
    else:
        run_attacks(options.only)


if __name__ == "__main__":
    main()
