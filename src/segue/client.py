"""`Segue`: the library's entry.

A client is a chain of one or more targets. Synchronous calls run on a loop in a thread of the client's own; asynchronous ones in the
caller's loop, however many there are one after another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Self, TypeAlias, Unpack

from segue.answer import Answer
from segue.answer_stream import AnswerStream
from segue.catalog.providers import Provider
from segue.chat.messages import Message, system, user
from segue.chat.request import ChatRequest
from segue.embeddings.vectors import Embeddings, embeddings_of
from segue.errors import InvalidRequestError
from segue.failover.hooks import Listener
from segue.failover.job import Job
from segue.failover.upstream import Upstream
from segue.ledger.store import LedgerStore
from segue.ledger.stores.memory import MemoryStore
from segue.options import POLICY, REQUEST, CallOptions, check
from segue.portal import Portal, shared_portal
from segue.routing.target import Target
from segue.routing.targets import Targets
from segue.runtime import Runtime
from segue.settings import Settings
from segue.settings_loading import load
from segue.transport.base import Transport

Prompt: TypeAlias = str | Sequence[Message]


class Segue:
    """LLM calls that carry on when a provider drops out.

    `settings` default to the environment's. `targets` replaces the settings' targets by ready ones, in the chain's order. `ledger` is
    where attempts are booked, by default where the settings say. `listeners` are called for every attempt. `transport` is for tests.
    `sandbox=True` needs no key: local stand-ins answer in the providers' place until `close`, and nothing is booked in the ledger's file.
    `runtime` is what all of its calls share: engine, ledger, budgets, router and targets.

    Raises `ConfigurationError` when a setting is wrong, and when a call finds no target with a key.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        targets: Sequence[Target] | None = None,
        providers: Mapping[str, Provider] | None = None,
        upstreams: Mapping[str, Upstream] | None = None,
        ledger: LedgerStore | None = None,
        listeners: Iterable[Listener] = (),
        transport: Transport | None = None,
        sandbox: bool = False,
    ) -> None:
        settings = settings if settings is not None else load()
        self._sandbox = None
        if sandbox:
            self._sandbox = import_module("segue.sandbox").Sandbox().start()
            settings = self._sandbox.settings(settings, every=True)
            ledger = ledger or MemoryStore()
        self.runtime = Runtime(
            settings,
            targets=targets,
            providers=providers,
            upstreams=upstreams,
            ledger=ledger,
            listeners=listeners,
            transport=transport,
        )
        self._portal = shared_portal()

    @property
    def settings(self) -> Settings:
        """The settings that the client was made with."""
        return self.runtime.settings

    @property
    def ledger(self) -> LedgerStore:
        """The store of the attempts, to read usage and costs from."""
        return self.runtime.ledger

    @property
    def targets(self) -> Targets:
        """The targets by name, usable or not."""
        return self.runtime.targets

    def listen(self, listener: Listener) -> None:
        """Calls the listener for every request and attempt that begins from now on."""
        self.runtime.listen(listener)

    # Calls.

    def complete(self, prompt: Prompt, **options: Unpack[CallOptions]) -> Answer:
        """The whole answer to a prompt: a text, or messages. Blocks; see `acomplete` for the options."""
        return self._portal.run(self.acomplete(prompt, **options))

    async def acomplete(self, prompt: Prompt, **options: Unpack[CallOptions]) -> Answer:
        """The whole answer to a prompt.

        Options are those of `CallOptions`: `chain`, `model`, `system`, `validate`, `metadata`, each field of `ChatRequest` (`temperature`,
        `max_tokens`, `tools`, `output` …) and each of `Policy` (`deadline`, `fallback`, `policy`, `complexity` …), whose defaults and
        ranges stand there.

        Raises `ConfigurationError` for an option that does not exist or has a wrong value, before anything is asked;
        `InvalidRequestError` for a request that no target can serve; `LLMServiceUnavailableError` when all targets failed.
        """
        stream = self._open(prompt, options, whole=True)
        try:
            while await stream.batch():
                pass
        except BaseException:
            await stream.aclose()
            raise
        return stream.answer

    def stream(self, prompt: Prompt, **options: Unpack[CallOptions]) -> AnswerStream:
        """The answer as it comes, to be read with `for` or `async for`. Options and errors are those of `acomplete`."""
        return self._open(prompt, options, whole=False)

    def embed(
        self,
        texts: str | Sequence[str],
        *,
        model: str,
        dimensions: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Embeddings:
        """A vector for each text. Blocks; see `aembed`."""
        return self._portal.run(self.aembed(texts, model=model, dimensions=dimensions, metadata=metadata))

    async def aembed(
        self,
        texts: str | Sequence[str],
        *,
        model: str,
        dimensions: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Embeddings:
        """A vector for each text, from the targets whose provider has `model`, or from one target if it is `target/model`.

        Fails over only between targets with the same model, such as two keys or regions of one provider: the vectors of different
        models do not mix, so no other model is ever asked, and none is chosen by default. `dimensions` is the length of the vectors,
        for models that offer several. `metadata` are values for the ledger, in which every attempt is booked.

        Raises `ConfigurationError` for an option with a wrong type, `InvalidRequestError` for a request or a model that cannot be
        served, `LLMServiceUnavailableError` when all targets of the model failed.
        """
        return await embeddings_of(self.runtime, texts, model, dimensions=dimensions, metadata=metadata)

    def _open(self, prompt: Prompt, options: CallOptions, *, whole: bool) -> AnswerStream:
        return AnswerStream(self.runtime, self._job(prompt, options, whole=whole), self._portal)

    def _job(self, prompt: Prompt, options: CallOptions, *, whole: bool) -> Job:
        given = check(options, "Segue")
        chain = self.runtime.targets.chain(given.get("chain"))
        if (model := given.get("model")) is not None:
            chain = chain.with_model(model)
        messages = _messages(prompt)
        if before := given.get("system"):
            messages = (system(before), *messages)
        request = ChatRequest(messages=messages, **{name: given[name] for name in REQUEST.keys() & given.keys()})
        return self.runtime.job(
            request,
            chain.with_policy(**{name: given[name] for name in POLICY.keys() & given.keys()}),
            whole=whole,
            validate=given.get("validate"),
            metadata=given.get("metadata"),
        )

    async def warm_up(self) -> None:
        """Reads the price list now, which takes up to a second, instead of beside the first call."""
        await self.runtime.warm_up()

    async def check_health(self) -> dict[str, str]:
        """Lists the models at each key's provider, which is free. Returns each target's problem, "" for none.

        A refused key is so known before a request pays for it, and one that works again is used again.
        """
        return await self.runtime.check_health()

    def feedback(self, request_id: str, *, good: bool) -> None:
        """Says whether a request's answer (`Answer.request_id`) was good; the last word counts. For `segue route train`."""
        self.runtime.feedback(request_id, good=good)

    # Ends.

    async def aclose(self) -> None:
        """Closes connections and writes what is still to be booked."""
        await self.runtime.aclose()
        if self._sandbox is not None:
            await asyncio.to_thread(self._sandbox.close)

    def close(self) -> None:
        """`aclose` for synchronous callers; ends the client's own thread."""
        self._portal.run(self.aclose())
        self._portal.close()
        self._portal = Portal()  # a later call starts a new thread, and a second close stops no other one

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _messages(prompt: Prompt) -> tuple[Message, ...]:
    if isinstance(prompt, str):
        return (user(prompt),)
    messages = tuple(prompt) if isinstance(prompt, Iterable) else (prompt,)
    for message in messages:
        if not isinstance(message, Message):
            raise InvalidRequestError(
                f"a {type(message).__name__} is not a message: give a text, or messages made with user(), system() …",
                param="messages",
            )
    return messages
