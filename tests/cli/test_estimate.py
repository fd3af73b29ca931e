from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from segue.catalog.tokens import estimate_tokens
from segue.cli.estimate.quote import PATH_PROMPT, QUESTIONS_PROMPT

from .conftest import Run

RESUME = "Jane Doe, backend engineer: Python, Redis, PostgreSQL. " * 40


@pytest.fixture
def resume(bare: Path) -> str:
    (bare / "resume.txt").write_text(RESUME, encoding="utf-8")
    return "resume.txt"


def test_the_guides_table_is_reproduced_at_the_guides_prices(run: Run, resume: str) -> None:
    output = json.loads(run("estimate", resume, "--guide-prices", "--json").stdout)
    prompt = estimate_tokens(RESUME)
    assert output["prompt_tokens"] == prompt
    per_token = {"gemini": Decimal(0), "openai": Decimal("0.0000015"), "claude": Decimal("0.000003")}
    for row in output["targets"]:
        price = per_token[row["target"]]
        assert Decimal(row["questions"]) == (prompt + 500) * price
        assert Decimal(row["path"]) == (prompt + 800) * price
        assert Decimal(row["both"]) == (2 * prompt + 1300) * price


def test_todays_prices_are_those_of_the_models_that_are_set(
    run: Run, resume: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {row["target"]: row for row in json.loads(run("estimate", resume, "--json").stdout)["targets"]}
    assert all(Decimal(row["both"]) > 0 for row in rows.values())
    monkeypatch.setenv("CLAUDE_MODEL", "claude-haiku-4-5")
    cheaper = {row["target"]: row for row in json.loads(run("estimate", resume, "--json").stdout)["targets"]}
    assert cheaper["claude"]["model"] == "claude-haiku-4-5"
    assert Decimal(cheaper["claude"]["both"]) < Decimal(rows["claude"]["both"])


def test_prices_of_the_settings_win(run: Run, resume: str, bare: Path) -> None:
    (bare / "segue.toml").write_text('[prices."gemini/*"]\ninput = "0"\noutput = "0"\n')
    rows = {row["target"]: row for row in json.loads(run("estimate", resume, "--json").stdout)["targets"]}
    assert Decimal(rows["gemini"]["both"]) == 0


def test_a_model_without_a_known_price_says_so(run: Run, resume: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_MODEL", "an-unknown-model")
    row = next(line for line in run("estimate", resume).stdout.splitlines() if line.startswith("openai"))
    assert row.split()[2:] == ["unknown"] * 3


def test_the_coachs_own_prompts_are_counted(run: Run, resume: str) -> None:
    output = json.loads(run("estimate", resume, "--json").stdout)
    assert output["coach_prompt_tokens"] == {"questions": QUESTIONS_PROMPT, "path": PATH_PROMPT}
    claude = next(row for row in output["targets"] if row["target"] == "claude")
    sent = estimate_tokens(RESUME) + QUESTIONS_PROMPT
    assert Decimal(claude["questions"]) == sent * Decimal("0.000002") + 500 * Decimal("0.00001")


@pytest.mark.parametrize(
    ("tier", "costs", "notice"),
    [
        (None, True, "gemini: free within 500 requests a day, else $"),
        ("free", False, "gemini: free within 500 requests a day, as GEMINI_TIER=free says"),
        ("paid", True, None),
    ],
)
def test_both_prices_are_shown_where_the_tier_is_not_known(
    tier: str | None, costs: bool, notice: str | None, run: Run, resume: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tier:
        monkeypatch.setenv("GEMINI_TIER", tier)
    gemini = json.loads(run("estimate", resume, "--json").stdout)["targets"][0]
    assert (gemini["tier"]["tier"], Decimal(gemini["both"]) > 0) == (tier, costs)
    shown = [line for line in run("estimate", resume).stdout.splitlines() if line.startswith("gemini: ")]
    assert [line.startswith(notice) for line in shown] == [True] if notice else shown == []
    assert tier or "paid is assumed: set GEMINI_TIER to" in shown[0]


def test_people_get_a_table(run: Run, resume: str) -> None:
    notice, table = run("estimate", resume, "--guide-prices").stdout.split("target", 1)
    assert " ".join(notice.split()).endswith(
        "500 of output for questions, 800 for a learning path; the original guide's count and prices"
    )
    assert table.splitlines()[0].split() == ["model", "questions", "path", "both"]
    assert table.splitlines()[1].split()[-1] == "$0"


def test_a_resume_comes_from_standard_input_too(run: Run) -> None:
    assert json.loads(run("estimate", "-", "--json", input=RESUME).stdout)["prompt_tokens"] == estimate_tokens(RESUME)


@pytest.mark.parametrize(
    ("name", "output"), [("missing.txt", "No such file"), (".", "Is a directory"), ("binary.txt", "not UTF-8")]
)
def test_a_file_that_cannot_be_read_is_one_line_and_status_2(run: Run, bare: Path, name: str, output: str) -> None:
    (bare / "binary.txt").write_bytes(b"\xff\xfe\x00")
    result = run("estimate", name)
    assert result.exit_code == 2
    assert output in result.stderr
    assert len(result.stderr.splitlines()) == 1
