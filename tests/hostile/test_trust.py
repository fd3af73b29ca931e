"""A hostile working directory gets no key of the environment: its `.env` and `segue.toml` set addresses and keys together, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.errors import ConfigurationError
from segue.routing.resolve import target
from segue.settings_loading import load
from segue.transport.h1_request import place
from segue.wire.codec import Call
from segue.wire.dialects import upstream

EVIL = "https://evil.example/v1"
ENVIRONMENT = {"OPENAI_API_KEY": "sk-mine", "ANTHROPIC_API_KEY": "sk-ant-mine", "MINE_API_KEY": "mine"}


def key_and_address(directory: Path, name: str, environ: dict[str, str] | None = None) -> tuple[str, str]:
    settings = load(ENVIRONMENT if environ is None else environ, directory=directory)
    found = target(name, settings.target(name))
    return found.key.reveal(), found.base_url


ATTACKS = {
    "an address in segue.toml": ("openai", f'[targets.openai]\nbase_url = "{EVIL}"\n', ""),
    "an address in .env": ("openai", "", f"OPENAI_BASE_URL={EVIL}\n"),
    "an address for a key of another name": ("claude", "", f"CLAUDE_BASE_URL={EVIL}\n"),
    "a target that is called like a key": (
        "mine",
        f'[targets.mine]\ndialect = "openai_chat"\nmodel = "m"\nbase_url = "{EVIL}"\n',
        "",
    ),
    "another provider": ("openai", '[targets.openai]\nprovider = "groq"\nmodel = "m"\n', ""),
    "another dialect, whose maker's address it is": (
        "openai",
        '[targets.openai]\ndialect = "claude"\nmodel = "m"\n',
        "",
    ),
    "a settings file that .env names": ("openai", "", "SEGUE_CONFIG={directory}/other.toml\n"),
    "a variable in .env": ("openai", "", f"OPENAI_BASE_URL={EVIL}\nX=${{OPENAI_API_KEY}}\n"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_environments_key_is_refused_with_the_file_the_key_and_what_to_do(tmp_path: Path, attack: str) -> None:
    name, toml, dotenv = ATTACKS[attack]
    (tmp_path / "segue.toml").write_text(toml)
    (tmp_path / "other.toml").write_text(f'[targets.openai]\nbase_url = "{EVIL}"\n')
    (tmp_path / ".env").write_text(dotenv.replace("{directory}", str(tmp_path)))
    with pytest.raises(ConfigurationError) as refused:
        load(ENVIRONMENT, directory=tmp_path)
    message = str(refused.value)
    variable = {"openai": "OPENAI_API_KEY", "claude": "ANTHROPIC_API_KEY", "mine": "MINE_API_KEY"}[name]
    file = "other.toml" if "names" in attack else ".env" if dotenv else "segue.toml"
    assert message.startswith(f"{variable} is not sent to ")
    assert file in message
    assert "_BASE_URL in the environment" in message
    assert "mine" not in message.replace("'mine'", "")


class TestTogether:
    def test_a_key_beside_its_address_goes_there_though_the_environment_has_one(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(f"OPENAI_BASE_URL={EVIL}\nOPENAI_API_KEY=theirs\n")
        assert key_and_address(tmp_path, "openai") == ("theirs", EVIL)

    def test_in_segue_toml_too(self, tmp_path: Path) -> None:
        (tmp_path / "segue.toml").write_text(f'[targets.openai]\nbase_url = "{EVIL}"\napi_key = "theirs"\n')
        assert key_and_address(tmp_path, "openai") == ("theirs", EVIL)

    def test_nothing_in_them_stands_for_a_variable_of_the_environment(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(f"OPENAI_BASE_URL={EVIL}\nOPENAI_API_KEY=${{ANTHROPIC_API_KEY}}\n")
        assert key_and_address(tmp_path, "openai") == ("${ANTHROPIC_API_KEY}", EVIL)

    def test_a_stand_in_of_the_file_gets_no_key(self, tmp_path: Path) -> None:
        (tmp_path / "segue.toml").write_text('[targets.openai]\nbase_url = "http://127.0.0.1:9/v1"\nsimulated = true\n')
        assert key_and_address(tmp_path, "openai") == ("", "http://127.0.0.1:9/v1")


class TestTheEnvironmentsWord:
    def test_an_address_of_the_environment_gets_its_key(self, tmp_path: Path) -> None:
        (tmp_path / "segue.toml").write_text(f'[targets.openai]\nbase_url = "{EVIL}"\n')
        environ = ENVIRONMENT | {"OPENAI_BASE_URL": "https://mine.example/v1"}
        assert key_and_address(tmp_path, "openai", environ) == ("sk-mine", "https://mine.example/v1")

    def test_a_file_that_the_environment_names_is_trusted(self, tmp_path: Path) -> None:
        (tmp_path / "segue.toml").write_text('[targets.openai]\nbase_url = "https://mine.example/v1"\n')
        environ = ENVIRONMENT | {"SEGUE_CONFIG": str(tmp_path / "segue.toml")}
        assert key_and_address(tmp_path, "openai", environ) == ("sk-mine", "https://mine.example/v1")

    def test_the_providers_own_address_may_stand_in_the_file(self, tmp_path: Path) -> None:
        (tmp_path / "segue.toml").write_text(
            '[targets.groq]\nbase_url = "https://api.groq.com/openai/v1/"\nmodel = "m"\n'
        )
        assert key_and_address(tmp_path, "groq", {"GROQ_API_KEY": "k"})[0] == "k"

    def test_a_model_or_a_chain_of_the_file_changes_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "segue.toml").write_text('chain = ["openai"]\n[targets.openai]\nmodel = "gpt-6-luna"\n')
        assert key_and_address(tmp_path, "openai")[0] == "sk-mine"


def test_no_path_of_a_file_leads_to_another_host() -> None:
    """A target's quirk may name a path for continuations; behind the host's name `@` would make it another's."""
    from segue.chat.messages import Message, Text, user
    from segue.chat.request import ChatRequest
    from segue.routing.resolve import named
    from segue.secret import Secret

    request = ChatRequest(messages=(user("Hi"), Message(role="assistant", parts=(Text("The"),))))
    call = Call(
        model=named("deepseek", "m"),
        base_url="https://api.deepseek.com",
        key=Secret("k"),
        prefill=True,
        quirks={"prefix": True, "prefix_path": "@evil.example/beta"},
    )
    assert place(upstream("openai_chat").encode(request, call).url).origin.host == "api.deepseek.com"
