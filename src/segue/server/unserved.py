"""Paths that other servers have and this one does not: what to use instead. Matched

by the path from its first significant part on; the longest name counts. The texts are shown to callers.
"""

from __future__ import annotations

from typing import Final

SERVED: Final = (
    "use /v1/chat/completions, /v1/responses, /v1/messages, /v1/completions, /v1/embeddings, /v1/models "
    "or /v1beta/models/{model}:generateContent"
)
"""For an unknown path."""

_ASSISTANTS: Final = (
    "OpenAI has ended the Assistants API; use POST /v1/responses, which continues an answer by previous_response_id"
)
_MADE: Final = "use the provider's own address"
_PALM: Final = "Google has ended the PaLM API; use POST /v1beta/models/{model}"
_OLLAMA: Final = "Ollama's own API is not served; use POST /v1/chat/completions, and GET /v1/models for the models"
_ONE_BY_ONE: Final = "batches are not served; send the requests one by one"
_FILES: Final = (
    "files are not stored; put a file's data into the message that needs it (file, input_file, document or inlineData)"
)

_PATHS: Final = {
    "/assistants": _ASSISTANTS,
    "/threads": _ASSISTANTS,
    "/complete": "Anthropic has ended Text Completions; use POST /v1/messages",
    "/engines": "OpenAI has ended engines; use POST /v1/chat/completions with the model in its body",
    "/edits": "OpenAI has ended edits; use POST /v1/chat/completions with the instruction as a message",
    "/answers": "OpenAI has ended answers; use POST /v1/chat/completions",
    "/images": f"as input, put an image into a message; to create one, {_MADE}",
    "/videos": f"as input, put a video into a message; to create one, {_MADE}",
    "/audio": f"as input, put a recording into a message (input_audio); for speech, {_MADE}",
    "/realtime": "live audio is not served; use POST /v1/responses with stream: true",
    "/batches": _ONE_BY_ONE,
    "/batch": _ONE_BY_ONE,
    "/messages/batches": _ONE_BY_ONE,
    "/files": _FILES,
    "/uploads": _FILES,
    "/cachedContents": "prompt caches are not served; send the whole contents, whose beginning providers cache automatically",
    "/fine_tuning": f"training is not served; a trained model is used here by its name. To train, {_MADE}",
    "/fine-tunes": f"training is not served; a trained model is used here by its name. To train, {_MADE}",
    "/tunedModels": f"training is not served; to train, {_MADE}",
    "/moderations": "use the provider's own address; an answer that was refused for its content is marked as such",
    "/vector_stores": "put search results into the message; POST /v1/embeddings makes vectors",
    "/corpora": "put search results into the message; POST /v1beta/models/{model}:embedContent makes vectors",
    "/fileSearchStores": "put search results into the message; POST /v1beta/models/{model}:embedContent makes vectors",
    "/conversations": "use POST /v1/responses with previous_response_id, or send the conversation as input",
    "/interactions": "use POST /v1beta/models/{model}:generateContent with the conversation as contents",
    "/prompts": "stored prompts are not served; send the prompt's text",
    "/evals": "evaluations are not served; send their requests to POST /v1/responses",
    "/containers": "containers are not served; run tools yourself, and send their results",
    "/skills": "skills are not served; send their text as instructions",
    "/agents": "agents are not served; use POST /v1/messages with your tools",
    "/sessions": "sessions are not served; use POST /v1/messages with the conversation",
    "/rerank": "ranking is not served; POST /v1/embeddings makes vectors to rank by",
    "/completion": "llama.cpp's own API is not served; use POST /v1/completions or /v1/chat/completions",
    "/infill": "filling a gap is not served; use POST /v1/chat/completions with the text before and after it",
    "/chat": _OLLAMA,
    "/generate": _OLLAMA,
    "/tags": _OLLAMA,
    "/show": _OLLAMA,
    "/version": _OLLAMA,
    "/chat/completions": "chat completions are not stored; POST /v1/responses stores its answers for an hour",
    "/responses": "of a stored answer, only GET and DELETE /v1/responses/{id} are served",
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
    "asyncBatchEmbedContent": "batches are not served; use POST /v1beta/models/{model}:batchEmbedContents",
    "bidiGenerateContent": "live audio is not served; use POST /v1beta/models/{model}:streamGenerateContent",
    "predict": f"to create an image, {_MADE}",
    "predictLongRunning": f"to create a video, {_MADE}",
    "rawPredict": "Vertex's paths are not served; use POST /v1/messages",
    "streamRawPredict": "Vertex's paths are not served; use POST /v1/messages with stream: true",
}


def is_action(rest: str) -> bool:
    """Whether a path is an unserved method of a Gemini model."""
    return rest.startswith("/models/") and rest.rpartition(":")[2] in _ACTIONS


def advice(rest: str) -> str:
    """What to use instead of a path, which comes without its prefix, e.g. `/threads/t_1/runs`."""
    if (advice := _ACTIONS.get(rest.rpartition(":")[2])) is not None:
        return advice
    parts = rest.split("/")
    names = ("/".join(parts[:end]) for end in range(len(parts), 1, -1))
    return next((_PATHS[name] for name in names if name in _PATHS), SERVED)
