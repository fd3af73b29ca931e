"""What other servers have at a path and this one has not: what to use in its place.

Matched by the path from its first telling part on; the longest name counts. The texts are shown to callers.
"""

from __future__ import annotations

from typing import Final

SERVED: Final = (
    "use /v1/chat/completions, /v1/responses, /v1/messages, /v1/completions, /v1/embeddings, /v1/models "
    "or /v1beta/models/{model}:generateContent"
)
"""For a path that says nothing to anybody."""

_ASSISTANTS: Final = (
    "OpenAI has ended the Assistants API; use POST /v1/responses, which goes on from an answer by previous_response_id"
)
_MADE: Final = "it is made by its provider alone; ask that at its own address"
_PALM: Final = "Google has ended the PaLM API; use POST /v1beta/models/{model}"
_OLLAMA: Final = "Ollama's own API is not spoken; use POST /v1/chat/completions, and GET /v1/models for the models"
_ONE_BY_ONE: Final = "batches are run by their provider alone; send the requests one by one"
_FILES: Final = (
    "files are not kept; put a file's data into the message that needs it (file, input_file, document or inlineData)"
)

_PATHS: Final = {
    "/assistants": _ASSISTANTS,
    "/threads": _ASSISTANTS,
    "/complete": "Anthropic has ended Text Completions; use POST /v1/messages",
    "/engines": "OpenAI has ended engines; use POST /v1/chat/completions with the model in its body",
    "/edits": "OpenAI has ended edits; use POST /v1/chat/completions with the instruction as a message",
    "/answers": "OpenAI has ended answers; use POST /v1/chat/completions",
    "/images": f"to see a picture, put it into a message; to have one made, {_MADE}",
    "/videos": f"to show a film, put it into a message; to have one made, {_MADE}",
    "/audio": f"to have a recording heard, put it into a message (input_audio); for speech, {_MADE}",
    "/realtime": "live audio is not served; use POST /v1/responses with stream: true",
    "/batches": _ONE_BY_ONE,
    "/batch": _ONE_BY_ONE,
    "/messages/batches": _ONE_BY_ONE,
    "/files": _FILES,
    "/uploads": _FILES,
    "/cachedContents": "prompt caches are their provider's; send the whole contents, whose beginning providers cache by themselves",
    "/fine_tuning": f"a model is trained by its provider alone; once trained, it is asked here by its name. To train, {_MADE}",
    "/fine-tunes": f"a model is trained by its provider alone; once trained, it is asked here by its name. To train, {_MADE}",
    "/tunedModels": f"a model is trained by its provider alone; to train, {_MADE}",
    "/moderations": "ask the provider at its own address; a refusal for its content is told as such in every answer",
    "/vector_stores": "put what was found into the message; POST /v1/embeddings makes vectors",
    "/corpora": "put what was found into the message; POST /v1beta/models/{model}:embedContent makes vectors",
    "/fileSearchStores": "put what was found into the message; POST /v1beta/models/{model}:embedContent makes vectors",
    "/conversations": "use POST /v1/responses with previous_response_id, or send the conversation as input",
    "/interactions": "use POST /v1beta/models/{model}:generateContent with the conversation as contents",
    "/prompts": "stored prompts are OpenAI's; send the prompt's text",
    "/evals": "evaluations are not run here; send their requests to POST /v1/responses",
    "/containers": "containers are their provider's; run tools yourself, and send what they gave",
    "/skills": "skills are their provider's; send their text as instructions",
    "/agents": "agents are their provider's; use POST /v1/messages with tools of your own",
    "/sessions": "sessions are their provider's; use POST /v1/messages with the conversation",
    "/rerank": "ranking is not served; POST /v1/embeddings makes vectors to rank by",
    "/completion": "llama.cpp's own API is not spoken; use POST /v1/completions or /v1/chat/completions",
    "/infill": "filling a gap is not served; use POST /v1/chat/completions and say what stands before and after",
    "/chat": _OLLAMA,
    "/generate": _OLLAMA,
    "/tags": _OLLAMA,
    "/show": _OLLAMA,
    "/version": _OLLAMA,
    "/chat/completions": "chat completions are not kept; POST /v1/responses keeps its answers for an hour",
    "/responses": "of an answer that was kept, only GET and DELETE /v1/responses/{id} are served",
}
_ACTIONS: Final = {
    "generateText": f"{_PALM}:generateContent",
    "generateMessage": f"{_PALM}:generateContent",
    "generateAnswer": "use POST /v1beta/models/{model}:generateContent with the passages in its contents",
    "embedText": f"{_PALM}:embedContent",
    "batchEmbedText": f"{_PALM}:batchEmbedContents",
    "countTextTokens": f"{_PALM}:countTokens",
    "countMessageTokens": f"{_PALM}:countTokens",
    "batchGenerateContent": _ONE_BY_ONE,
    "asyncBatchEmbedContent": "batches are run by their provider alone; use POST /v1beta/models/{model}:batchEmbedContents",
    "bidiGenerateContent": "live audio is not served; use POST /v1beta/models/{model}:streamGenerateContent",
    "predict": f"to have a picture made, {_MADE}",
    "predictLongRunning": f"to have a film made, {_MADE}",
    "rawPredict": "Vertex's paths are not spoken; use POST /v1/messages",
    "streamRawPredict": "Vertex's paths are not spoken; use POST /v1/messages with stream: true",
}


def is_action(rest: str) -> bool:
    """Whether a path asks a model of Google's for something that is not served."""
    return rest.startswith("/models/") and rest.rpartition(":")[2] in _ACTIONS


def advice(rest: str) -> str:
    """What to use in place of a path, which comes without what stands before it, e.g. `/threads/t_1/runs`."""
    if (said := _ACTIONS.get(rest.rpartition(":")[2])) is not None:
        return said
    parts = rest.split("/")
    names = ("/".join(parts[:end]) for end in range(len(parts), 1, -1))
    return next((_PATHS[name] for name in names if name in _PATHS), SERVED)
