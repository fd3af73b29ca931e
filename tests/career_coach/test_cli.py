"""The command, over the sandbox's real sockets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import validate
from typer.testing import CliRunner, Result

from career_coach import cli
from career_coach.cli import app
from career_coach.schemas import PATH_SCHEMA, QUESTIONS_SCHEMA

from .harness import RESUME

EXAMPLES = Path(__file__).parents[2] / "examples"
KOREAN = str(EXAMPLES / "resume_ko.json")
ENGLISH = str(EXAMPLES / "resume_en.json")
TEXT = str(EXAMPLES / "resume_ko.txt")
DEAD = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No keys, no files, a ledger in memory, no waiting between rounds."""
    for name in ("GEMINI", "GOOGLE", "OPENAI", "CLAUDE", "ANTHROPIC"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
        monkeypatch.delenv(f"{name}_BASE_URL", raising=False)
    monkeypatch.delenv("SEGUE_CHAIN", raising=False)
    monkeypatch.delenv("SEGUE_CONFIG", raising=False)
    monkeypatch.setenv("SEGUE_LEDGER", "none")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(cli, "system_language", lambda: "en")
    (tmp_path / "segue.toml").write_text("[policy]\nrounds = 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(app, list(arguments), **options)


def test_without_a_key_stand_ins_answer_and_every_title_says_so() -> None:
    result = run(KOREAN)
    assert result.exit_code == 0, result.stderr
    titles = [line for line in result.stdout.splitlines() if line.startswith("╭")]
    assert len(titles) == 12
    assert all("(시뮬레이션)" in title for title in titles)
    assert "시도 내역 (시뮬레이션)" in result.stdout
    assert "API 키가 설정되지 않아" in result.stdout
    assert "gemini (시뮬레이션)" in result.stdout
    assert "gemini (시뮬레이션)에 요청 중" in result.stderr


def test_a_provider_that_breaks_is_followed_by_the_next_and_the_table_shows_both() -> None:
    result = run(KOREAN, "--break", "gemini")
    assert result.exit_code == 0, result.stderr
    table = result.stdout[result.stdout.index("시도 내역") :]
    assert table.count("gemini (시뮬레이션)") == 3
    assert table.count("openai (시뮬레이션)") == 2
    assert table.count("답변 끊김") == 2
    assert "일부러 장애를 일으킨" in result.stdout
    assert "면접 질문: gemini (시뮬레이션): 답변 끊김" in result.stderr


@pytest.mark.parametrize("resume", [KOREAN, ENGLISH, TEXT])
def test_the_json_file_has_the_whole_result(resume: str, tmp_path: Path) -> None:
    result = run(resume, "--json", str(tmp_path / "out.json"))
    assert result.exit_code == 0, result.stderr
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert written["simulated"] is True
    assert written["language"] == ("en" if resume == ENGLISH else "ko")
    validate({"questions": written["questions"]}, QUESTIONS_SCHEMA)
    validate(written["learning_path"], PATH_SCHEMA)
    assert {attempt["task"] for attempt in written["attempts"]} == {"questions", "path"}
    assert all(attempt["simulated"] for attempt in written["attempts"])
    assert written["failures"] == {}


def test_json_on_standard_output_is_alone_there() -> None:
    result = run(ENGLISH, "--only", "questions", "--json", "-")
    assert result.exit_code == 0
    written = json.loads(result.stdout)
    assert len(written["questions"]) == 5
    assert written["learning_path"] is None
    assert "Interview questions (simulated) 1" in result.stderr


def test_only_one_of_the_two_is_asked_for() -> None:
    result = run(ENGLISH, "--only", "path")
    assert result.exit_code == 0
    assert "Learning path (simulated) 5" in result.stdout
    assert "Interview questions" not in result.stdout


def test_the_language_can_be_chosen() -> None:
    assert "커리어 코치" in run(ENGLISH, "--only", "path", "--language", "ko").stdout
    assert "Career coach" in run(KOREAN, "--only", "path", "--language", "en").stdout


def test_a_resume_comes_on_standard_input_too() -> None:
    result = run("-", "--only", "questions", input=json.dumps(RESUME))
    assert result.exit_code == 0, result.stderr
    assert "Order Pipeline Rewrite" in result.stdout


def test_the_chain_can_be_chosen() -> None:
    result = run(ENGLISH, "--chain", "openai, gemini", "--only", "questions", "--json", "-")
    assert [attempt["target"] for attempt in json.loads(result.stdout)["attempts"]] == ["openai"]


def test_a_chain_of_the_settings_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "segue.toml").write_text('[chains.fast]\ntargets = ["openai"]\n', encoding="utf-8")
    result = run(ENGLISH, "--chain", "fast", "--only", "questions", "--json", "-")
    assert [attempt["target"] for attempt in json.loads(result.stdout)["attempts"]] == ["openai"]


BREAK_ALL = ("--break", "gemini=503", "--break", "openai=auth", "--break", "claude=quota")


def test_all_targets_failing_ends_with_1_and_each_attempts_reason(tmp_path: Path) -> None:
    result = run(ENGLISH, *BREAK_ALL, "--json", str(tmp_path / "out.json"))
    assert result.exit_code == 1
    for task in ("Interview questions", "Learning path"):
        assert f"{task} (simulated): failed: All LLM providers failed" in result.stderr
    for reason in (
        "gemini [gemini-3.5-flash-lite]: overload (HTTP 503)",
        "openai [gpt-6-luna]: auth",
        "claude [claude-sonnet-5-5]: money",
    ):
        assert result.stderr.count(reason) >= 2
    assert "Traceback" not in result.output
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        (["nowhere.json"], {}, "error: nowhere.json: No such file or directory"),
        (["empty.txt"], {}, "error: empty.txt: it is empty"),
        ([ENGLISH, "--break", "gemini=nonsense"], {}, "error: 'nonsense' is not a fault of the sandbox"),
        ([ENGLISH, "--break", "groq"], {}, "error: --break groq: the chain has no such target (gemini, openai, claude)"),
        ([ENGLISH, "--chain", ", "], {}, "must name each of its targets once"),
        ([ENGLISH, "--chain", "openai,openai"], {}, "must name each of its targets once"),
        ([ENGLISH, "--chain", "unknown"], {}, "error: target 'unknown': 'unknown' is not a known provider"),
        ([ENGLISH, "--json", "nowhere/out.json"], {}, "error: --json nowhere/out.json: there is no such directory"),
        ([ENGLISH, "--json", "."], {}, "error: --json .: it is a directory"),
        ([ENGLISH, "--deadline", "inf"], {}, "error: --deadline must be a number of seconds"),
        ([ENGLISH], {"GEMINI_TEMPERATURE": "9"}, "error: GEMINI_TEMPERATURE=9 is out of range: use 0 to 2"),
        (
            [ENGLISH, "--chain", "openai,claude"],
            {"OPENAI_API_KEY": "sk-secret"},
            "error: claude has no key: set CLAUDE_API_KEY or leave it out of --chain",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_before_anything_is_asked_ends_with_2_and_one_line(
    arguments: list[str], environ: dict[str, str], message: str
) -> None:
    Path("empty.txt").touch()
    result = run(*arguments, env=environ)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_korean_reader_sees_only_korean_where_all_targets_fail() -> None:
    result = run(KOREAN, *BREAK_ALL)
    assert "면접 질문 (시뮬레이션): 실패: 모든 제공자가 답하지 못했습니다" in result.stderr
    assert "제공자의 서버에 문제가 있습니다(HTTP 503)" in result.stderr
    for words in ("failed", "overload", "providers", "credit", "recover"):
        assert words not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.json"], "오류: nowhere.json: 파일이 없습니다\n"),
        ([KOREAN, "--break", "groq"], "오류: --break groq: 체인에 없는 이름입니다(gemini, openai, claude)\n"),
    ],
)
def test_errors_are_in_korean_for_a_korean_reader(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "system_language", lambda: "ko")
    assert run(*arguments).stderr == message


@pytest.mark.parametrize("arguments", [["--only", "jokes"], ["--language", "fr"], ["--deadline", "0"], ["--nonsense"]])
def test_an_option_that_is_wrong_ends_with_2(arguments: list[str]) -> None:
    result = run(ENGLISH, *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_no_key_is_in_any_output(tmp_path: Path) -> None:
    keys = {f"{name}_API_KEY": f"sk-very-secret-{name.lower()}" for name in ("GEMINI", "OPENAI", "CLAUDE")}
    addresses = {f"{name}_BASE_URL": DEAD for name in ("GEMINI", "OPENAI", "CLAUDE")}
    result = run(ENGLISH, "--json", str(tmp_path / "out.json"), env={**keys, **addresses})
    assert result.exit_code == 1
    assert "simulated" not in result.output
    assert result.stderr.count("gemini [gemini-3.5-flash-lite]: transport") >= 2
    assert "secret" not in result.output


def test_with_keys_set_a_broken_provider_is_the_sandboxes_and_no_key_leaves_the_machine(tmp_path: Path) -> None:
    keys = {f"{name}_API_KEY": f"sk-very-secret-{name.lower()}" for name in ("GEMINI", "OPENAI", "CLAUDE")}
    result = run(ENGLISH, "--break", "gemini=503", "--json", str(tmp_path / "out.json"), env=keys)
    assert result.exit_code == 0, result.stderr
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["simulated"] is True
    assert "secret" not in result.output + (tmp_path / "out.json").read_text(encoding="utf-8")


def test_an_interruption_ends_with_130_and_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupted)
    result = run(ENGLISH)
    assert result.exit_code == 130
    assert "Traceback" not in result.output


def test_python_dash_m_runs_the_same_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "career_coach", str(tmp_path / "nowhere.json")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path / 'nowhere.json'}: No such file or directory\n"


@pytest.mark.parametrize("encoding", ["cp949", "ascii"])
def test_a_narrow_console_gets_what_it_can_show(encoding: str) -> None:
    environ = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "career_coach", KOREAN, "--break", "gemini"]
    done = subprocess.run([*command, "--json", "-"], env=environ, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr.decode(encoding, "replace")
    assert json.loads(done.stdout.decode(encoding))["language"] == "ko"
