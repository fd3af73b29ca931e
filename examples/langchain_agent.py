"""A LangGraph agent that keeps working while its provider dies, twice: python examples/langchain_agent.py

Providers are simulated, so no key is needed (`pip install langchain` is). Gemini breaks off in its first answer; while the tool runs,
OpenAI goes down too.
"""

from __future__ import annotations

from langchain.agents import create_agent
from langchain_core.messages import AIMessageChunk

from segue import LLMClient, Sandbox, Segue


def main() -> None:
    with Sandbox(faults={"gemini": "cut:after=0"}) as box:

        def get_weather(city: str) -> str:
            """The weather in a city."""
            box.break_provider("openai", "cut:after=20")
            return f"It is sunny in {city}."

        agent = create_agent(LLMClient(engine=Segue(box.settings())), [get_weather])
        question = {"messages": [("user", "What is the weather in Seoul?")]}
        for piece, _ in agent.stream(question, stream_mode="messages"):
            if not isinstance(piece, AIMessageChunk):
                print(f"[tool] {piece.text}")
                continue
            for call in piece.tool_call_chunks:
                print(f"[call] {call['name']} {call['args']}")
            print(piece.text, end="", flush=True)
            for attempt in piece.response_metadata.get("attempts", ()):
                print(f"\n    {attempt['target']}: {attempt['outcome']}", end="")
            print(end="\n" if piece.chunk_position == "last" else "")


if __name__ == "__main__":
    main()
