"""Settings: what is read from where, and the message for a wrong value."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from segue.errors import ConfigurationError
from segue.ledger.stores.memory import MemoryStore
from segue.runtime import Runtime
from segue.settings import Settings
from segue.settings_loading import load


def settings(directory: Path, environ: dict[str, str] | None = None, *, toml: str = "", dotenv: str = "") -> Settings:
    if toml:
        (directory / "segue.toml").write_text(toml, encoding="utf-8")
    if dotenv:
        (directory / ".env").write_text(dotenv, encoding="utf-8")
    return load(environ or {}, directory=directory)


def test_without_anything_set_the_chain_is_the_guides_and_no_target_has_a_key(tmp_path: Path) -> None:
    plain = settings(tmp_path)
    assert plain.chain == ("gemini", "openai", "claude")
    assert not any(plain.target(name).api_key for name in plain.chain)


@pytest.mark.parametrize(
    ("variable", "target"),
    [
        ("GEMINI_API_KEY", "gemini"),
        ("GOOGLE_API_KEY", "gemini"),
        ("OPENAI_API_KEY", "openai"),
        ("CLAUDE_API_KEY", "claude"),
        ("ANTHROPIC_API_KEY", "claude"),
    ],
)
def test_a_key_is_taken_from_each_of_its_names(tmp_path: Path, variable: str, target: str) -> None:
    assert settings(tmp_path, {variable: "k-1"}).target(target).api_key.reveal() == "k-1"


def test_the_guides_own_name_of_a_key_wins_over_the_vendors(tmp_path: Path) -> None:
    both = settings(tmp_path, {"CLAUDE_API_KEY": "ours", "ANTHROPIC_API_KEY": "theirs"})
    assert both.target("claude").api_key.reveal() == "ours"


def test_the_environment_wins_over_dotenv_and_dotenv_over_the_file(tmp_path: Path) -> None:
    toml = '[targets.openai]\nmodel = "file"\nmax_tokens = 1\ntemperature = 0.1\n'
    dotenv = "OPENAI_MODEL=dotenv\nOPENAI_MAX_TOKENS=2\n"
    target = settings(tmp_path, {"OPENAI_MODEL": "environment"}, toml=toml, dotenv=dotenv).target("openai")
    assert (target.model, target.max_tokens, target.temperature) == ("environment", 2, 0.1)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"GEMINI_TEMPERATURE": "3"}, "GEMINI_TEMPERATURE=3 is out of range: use 0 to 2 (in the environment)"),
        ({"GEMINI_TEMPERATURE": "nan"}, "GEMINI_TEMPERATURE=nan is out of range: use 0 to 2 (in the environment)"),
        (
            {"OPENAI_MAX_TOKENS": "many"},
            "OPENAI_MAX_TOKENS=many is wrong: use a whole number from 1 (in the environment)",
        ),
        ({"CLAUDE_TIMEOUT": "0"}, "CLAUDE_TIMEOUT=0 is out of range: use seconds, more than 0 (in the environment)"),
        ({"SEGUE_CHAIN": "openai,openai"}, "chain must name each of its targets once"),
        ({"OPENAI_BASE_URL": "localhost:1"}, "must begin with http:// or https://"),
        (
            {"OPENAI_BASE_URL": "http://llm.test:99999/v1"},
            "OPENAI_BASE_URL is not an address: see whether its host and its port",
        ),
        ({"OPENAI_BASE_URL": "http://[llm/v1"}, "OPENAI_BASE_URL is not an address: see whether its host and its port"),
        ({"OPENAI_BASE_URL": "http:///v1"}, "OPENAI_BASE_URL is not an address: see whether its host and its port"),
        ({"SEGUE_CONFIG": "/nowhere.toml"}, "there is no settings file '/nowhere.toml'"),
        ({"SEGUE_CONFIG": "/proc/self/mem"}, "/proc/self/mem can't be read: Input/output error"),
        ({"SEGUE_CONFIG": "/" + 300 * "x"}, "can't be read: File name too long"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(tmp_path: Path, environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(tmp_path, environ)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("chian = []", "'chian' is not a setting: did you mean 'chain'?"),
        ("chain = []", "chain must name each of its targets once, and at least one"),
        ("chain = [1]", "chain=[1] is wrong: use a list, each text"),
        ('[targets.gemini]\nheaders = {"a b" = "c"}', "targets.gemini.headers: 'a b' is not a header's name"),
        ('[targets.gemini]\nheaders = {a = "b\\r\\nc: d"}', "targets.gemini.headers.a must be one line"),
        ("[targets.gemini]\ntemperature = 3", "targets.gemini.temperature=3 is out of range: use 0 to 2"),
        ("[targets.gemini]\nmax_tokens = 1.5", "targets.gemini.max_tokens=1.5 is wrong: use a whole number from 1"),
        ("[targets.gemini]\nmodle = 'x'", "did you mean 'targets.gemini.model'?"),
        ("[targets]\ngemini = 1", "targets.gemini must be a table"),
        ("[chains.fast]\ndeadline = 1", "chains.fast must be a table with targets"),
        ("[chains.fast]\ntargets = ['openai']\ndedline = 1", "did you mean 'chains.fast.deadline'?"),
        ("[policy]\nrounds = 'many'", "policy.rounds='many' is wrong: use a whole number from 1"),
        ("daily_budget = -1", "daily_budget=-1 is not a daily budget: use US dollars, more than 0"),
        (
            "[chains.fast]\ntargets = ['openai']\ndaily_budget = true",
            "chains.fast.daily_budget=True is not a daily budget",
        ),
        ("timezone = 'Mars'", "timezone=Mars is not a time zone: use a name such as Asia/Seoul"),
        ("policy = 1", "policy must be a table"),
        ("chain = [", "is not valid TOML"),
    ],
)
def test_a_wrong_line_in_the_file_is_named(tmp_path: Path, toml: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(tmp_path, toml=toml)
    assert message in str(caught.value)


def test_a_named_chain_has_the_policy_of_the_file_and_its_own_changes(tmp_path: Path) -> None:
    toml = '[policy]\nrounds = 2\n[chains.fast]\ntargets = ["groq", "gemini"]\ndeadline = 10.0\n'
    fast = settings(tmp_path, {"GROQ_API_KEY": "k"}, toml=toml).chains["fast"]
    assert fast.targets == ("groq", "gemini")
    assert (fast.policy.deadline, fast.policy.rounds) == (10.0, 2)


def test_a_target_that_only_the_chain_names_reads_its_own_variables(tmp_path: Path) -> None:
    read = settings(tmp_path, {"SEGUE_CHAIN": "groq, gemini", "GROQ_API_KEY": "k", "GROQ_MODEL": "m"})
    assert read.chain == ("groq", "gemini")
    assert read.target("groq").model == "m"


def test_no_key_is_ever_printed(tmp_path: Path) -> None:
    read = settings(tmp_path, {"OPENAI_API_KEY": "sk-secret", "MONGODB_URL": "mongodb://user:secret@host"})
    assert "secret" not in repr(read)
    assert "secret" not in str(read.target("openai"))


def test_budgets_and_the_time_zone_are_read_from_file_and_environment(tmp_path: Path) -> None:
    toml = 'timezone = "Asia/Seoul"\ndaily_budget = 12.5\n[chains.fast]\ntargets = ["openai"]\ndaily_budget = "0.10"\n'
    read = settings(tmp_path, {"SEGUE_DAILY_BUDGET": "20"}, toml=toml)
    assert (read.daily_budget, read.timezone) == (Decimal(20), "Asia/Seoul")
    assert read.chains["fast"].daily_budget == Decimal("0.10")
    assert settings(tmp_path, {"SEGUE_TIMEZONE": "Europe/Berlin"}).timezone == "Europe/Berlin"


def test_a_key_makes_a_provider_usable_by_name_though_no_chain_has_it() -> None:
    environ = {
        "SEGUE_CHAIN": "openai",
        "OPENAI_API_KEY": "o",
        "GROQ_API_KEY": "q",
        "KIMI_API_KEY": "k",
        "GROQ_MODEL": "m",
    }
    settings = load({**environ, "AZURE_OPENAI_API_KEY": "a", "LANGSMITH_API_KEY": "l"}, directory="/nonexistent")
    assert settings.chain == ("openai",)
    assert settings.targets["groq"].model == "m"
    assert settings.targets["moonshot"].api_key.reveal() == "k"
    assert not {"azure", "langsmith", "deepseek"} & settings.targets.keys()


def test_the_fast_path_is_turned_off_by_one_setting(tmp_path: Path) -> None:
    assert load({}, directory=tmp_path).fast_path
    assert not load({"SEGUE_FAST_PATH": "false"}, directory=tmp_path).fast_path
    (tmp_path / "segue.toml").write_text("fast_path = false")
    settings = load({}, directory=tmp_path)
    assert not settings.fast_path
    assert load({"SEGUE_FAST_PATH": "true"}, directory=tmp_path).fast_path
    assert Runtime(settings, ledger=MemoryStore()).engine.fast_steps == 0


def test_origins_are_named_in_the_environment_or_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "segue.toml").write_text('origins = ["https://a.example"]')
    assert load({}, directory=tmp_path).origins == ("https://a.example",)
    assert load({"SEGUE_ORIGINS": "app://x, https://b.example"}, directory=tmp_path).origins == (
        "app://x",
        "https://b.example",
    )


@pytest.mark.parametrize("name", [".env", "segue.toml"])
def test_a_file_that_this_user_may_not_read_is_named(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).touch()

    def denied(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("segue.settings_loading.dotenv_values", denied)
    monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(ConfigurationError, match=f"{name} can't be read: Permission denied; let this user read it"):
        settings(tmp_path)


def test_without_a_way_into_the_working_directory_its_files_count_as_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", denied)
    assert settings(tmp_path).chain == ("gemini", "openai", "claude")


def test_a_byte_order_mark_before_the_file_is_passed_over(tmp_path: Path) -> None:
    assert settings(tmp_path, toml='\ufeffchain = ["claude"]\r\n').chain == ("claude",)
