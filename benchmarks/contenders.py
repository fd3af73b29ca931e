"""The clients under measurement, each with a chain of the same three upstreams, and a process that makes one of them call.

    python -m benchmarks.contenders NAME

Orders come as JSON lines on stdin, what became of the calls goes out as JSON lines. Time limits are those of `limits`; beyond that
every client is set as its own documentation advises for falling back, and "tuned" LiteLLM with all that it has to offer besides.
Runs in the environment of its client, so nothing is imported before it is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from benchmarks import limits

Ask = Callable[[str], AsyncIterator[str]]
Close = Callable[[], Awaitable[None]]
Build = Callable[[Sequence[int], bool], tuple[Ask, Close]]
"""Makes a client from its upstreams' ports; the flag says whether it is to remember from one call to the next who failed."""


def segue(ports: Sequence[int], remembers: bool) -> tuple[Ask, Close]:
    """Always remembers, so each call has to have its own where that is not wanted."""
    from segue import Segue, load
    from segue.chat.events import TextDelta
    from segue.policy import StallPolicy

    openai, claude, gemini = ports
    environ = {
        "SEGUE_CHAIN": "openai,claude,gemini",
        "SEGUE_LEDGER": "none",
        **{f"{name}_TIMEOUT": str(limits.SILENCE) for name in ("OPENAI", "CLAUDE", "GEMINI")},
        "OPENAI_API_KEY": "none",
        "OPENAI_MODEL": "gpt-4.1",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{openai}/v1",
        "CLAUDE_API_KEY": "none",
        "CLAUDE_MODEL": "claude-sonnet-4-5",
        "CLAUDE_BASE_URL": f"http://127.0.0.1:{claude}",
        "GEMINI_API_KEY": "none",
        "GEMINI_MODEL": "gemini-2.5-flash",
        "GEMINI_BASE_URL": f"http://127.0.0.1:{gemini}",
    }
    client = Segue(load(environ, directory=os.devnull))
    default = StallPolicy()
    floor = default.drip_floor * limits.DRIP / default.drip_window
    stall = StallPolicy(gap_hedge=(limits.SILENCE, limits.SILENCE), drip_window=limits.DRIP, drip_floor=floor)

    async def ask(prompt: str) -> AsyncIterator[str]:
        stream = client.stream(prompt, connect=limits.CONNECT, deadline=limits.CALLER, stall=stall)
        async for event in stream:
            if isinstance(event, TextDelta):
                yield event.text

    return ask, client.aclose


def langchain(ports: Sequence[int], remembers: bool) -> tuple[Ask, Close]:
    """Never remembers. Its documentation advises against retries beneath the fallbacks."""
    import httpx
    from langchain_anthropic import ChatAnthropic
    from langchain_google_genai import ChatGoogleGenerativeAI
    from langchain_openai import ChatOpenAI

    openai, claude, gemini = ports
    chain = ChatOpenAI(
        model="gpt-4.1",
        api_key="none",
        base_url=f"http://127.0.0.1:{openai}/v1",
        timeout=httpx.Timeout(limits.SILENCE, connect=limits.CONNECT),
        stream_chunk_timeout=limits.SILENCE,
        max_retries=0,
    ).with_fallbacks(
        [
            ChatAnthropic(
                model="claude-sonnet-4-5",
                api_key="none",
                base_url=f"http://127.0.0.1:{claude}",
                timeout=limits.SILENCE,
                max_retries=0,
            ),
            ChatGoogleGenerativeAI(
                model="gemini-2.5-flash",
                api_key="none",
                base_url=f"http://127.0.0.1:{gemini}",
                timeout=limits.SILENCE,
                max_retries=1,
            ),
        ]
    )

    async def ask(prompt: str) -> AsyncIterator[str]:
        async for chunk in chain.astream(prompt):
            if text := chunk.text:
                yield str(text)

    return ask, _nothing


def router(ports: Sequence[int], **options: Any) -> tuple[Ask, Close]:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise importing it waits for a download
    import litellm as package
    from litellm import Router

    package.suppress_debug_info = True
    openai, claude, gemini = ports
    models = {
        "first": ("openai/gpt-4.1", f"http://127.0.0.1:{openai}/v1"),
        "second": ("anthropic/claude-sonnet-4-5", f"http://127.0.0.1:{claude}"),
        "third": ("gemini/gemini-2.5-flash", f"http://127.0.0.1:{gemini}/v1beta"),
    }
    made = Router(
        model_list=[
            {"model_name": name, "litellm_params": {"model": model, "api_base": base, "api_key": "none"}}
            for name, (model, base) in models.items()
        ],
        fallbacks=[{"first": ["second", "third"]}],
        timeout=limits.CALLER,
        stream_timeout=limits.SILENCE,
        **options,
    )

    async def ask(prompt: str) -> AsyncIterator[str]:
        messages: Any = [{"role": "user", "content": prompt}]
        stream = await made.acompletion(model="first", messages=messages, stream=True)
        async for chunk in stream:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text

    return ask, _nothing


def litellm(ports: Sequence[int], remembers: bool) -> tuple[Ask, Close]:
    """Two retries, then the fallbacks: the example of its documentation on retries and fallbacks."""
    return router(ports, num_retries=2, disable_cooldowns=not remembers)


def litellm_tuned(ports: Sequence[int], remembers: bool) -> tuple[Ask, Close]:
    """No retries before the fallbacks; three failures cool a target; a broken stream may go on by prefill, where models allow."""
    kinds = ("InternalServerError", "ServiceUnavailableError", "RateLimitError", "TimeoutError")
    return router(
        ports,
        num_retries=0,
        disable_cooldowns=not remembers,
        allowed_fails_policy={f"{kind}AllowedFails": 3 for kind in kinds},
        enable_mid_stream_fallback_continuation=True,
    )


def bare(ports: Sequence[int], remembers: bool) -> tuple[Ask, Close]:
    """One provider's own SDK, with the retries that it has by default; it knows of no second target."""
    import httpx
    from openai import AsyncOpenAI

    timeout = httpx.Timeout(limits.SILENCE, connect=limits.CONNECT)
    client = AsyncOpenAI(api_key="none", base_url=f"http://127.0.0.1:{ports[0]}/v1", timeout=timeout)

    async def ask(prompt: str) -> AsyncIterator[str]:
        messages: Any = [{"role": "user", "content": prompt}]
        stream = await client.chat.completions.create(model="gpt-4.1", messages=messages, stream=True)
        async for chunk in stream:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text

    return ask, client.close


CONTENDERS: dict[str, Build] = {
    "Segue": segue,
    "LangChain with_fallbacks": langchain,
    "LiteLLM Router": litellm,
    "LiteLLM Router, tuned": litellm_tuned,
    "bare SDK": bare,
}


async def _nothing() -> None: ...


async def call(ask: Ask, prompt: str) -> dict[str, Any]:
    """One caller. Times are in seconds from the call, `began` a moment of `time.monotonic`."""
    began = time.monotonic()
    first: float | None = None
    pieces: list[str] = []
    error = ""
    try:
        async with asyncio.timeout(limits.CALLER), contextlib.aclosing(ask(prompt)) as stream:  # type: ignore[type-var]
            async for piece in stream:
                if first is None:
                    first = time.monotonic() - began
                pieces.append(piece)
    except TimeoutError as raised:
        error = f"{type(raised).__name__}: {raised}"
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}".partition("\n")[0][:200]
    total = time.monotonic() - began
    return {"began": began, "first": first, "total": total, "text": "".join(pieces), "error": error}


async def carry_out(build: Build, order: dict[str, Any], made: dict[str, tuple[Ask, Close]]) -> list[dict[str, Any]]:
    """So many calls into each of the faults, begun at a steady pace, each with its own client or all with one.

    One that is shared is kept in `made`: LiteLLM's Routers hear of each other's calls, so many of them would slow each other down.
    """
    cases = [(fault, order["start"] + number) for number in range(order["calls"]) for fault in order["faults"]]
    ports, remembers = order["ports"], order["remembers"]
    if order["shared"]:
        key = json.dumps([ports, remembers])
        if key not in made:
            made[key] = build(ports, remembers)
        clients = [made[key]] * len(cases)
    else:
        clients = [build(ports, remembers) for _ in cases]

    async def one(place: int) -> dict[str, Any]:
        await asyncio.sleep(place * order["pace"])
        fault, number = cases[place]
        prompt = f"Count to twenty-four. (case {fault}/{number}/{order['broken']})"
        return {"fault": fault, "number": number, **await call(clients[place][0], prompt)}

    results = await asyncio.gather(*(one(place) for place in range(len(cases))))
    if not order["shared"]:
        for _, close in clients:
            await close()
    return list(results)


async def main(name: str) -> None:
    made: dict[str, tuple[Ask, Close]] = {}
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await carry_out(CONTENDERS[name], json.loads(line), made)), flush=True)
    for _, close in made.values():
        await close()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    asyncio.run(main(sys.argv[1]))
