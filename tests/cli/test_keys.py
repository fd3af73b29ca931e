from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from segue.server.keys.sqlite import FileKeyRing

from .conftest import Run


@pytest.fixture(autouse=True)
def ring(bare: Path, monkeypatch: pytest.MonkeyPatch) -> FileKeyRing:
    path = bare / "keys.sqlite3"
    monkeypatch.setenv("SEGUE_KEYS", str(path))
    return FileKeyRing(path)


def test_a_made_keys_secret_is_all_of_the_output_with_a_note_that_it_is_shown_once(run: Run, ring: FileKeyRing) -> None:
    result = run(
        "keys", "create", "ci", "--rate", "60", "--daily-budget", "2.50", "--models", "auto, openai/gpt-6-luna"
    )
    assert result.exit_code == 0, result.output
    key = ring.find(result.stdout.strip())
    assert key is not None
    assert (key.name, key.rate, key.daily_budget) == ("ci", 60, Decimal("2.50"))
    assert key.models == ("auto", "openai/gpt-6-luna")
    assert "can't be shown again" in result.stderr
    assert key.id in result.stderr


def test_keys_are_listed_without_a_secret_and_with_their_names_as_they_are(run: Run) -> None:
    secrets = [run("keys", "create", name).stdout.strip() for name in ("[red]ci[/red]", "web")]
    limited = run("keys", "create", "paid", "--daily-budget", "0.05").stdout.strip()
    listed = run("keys", "list")
    assert listed.exit_code == 0
    lines = listed.stdout.splitlines()
    assert lines[0].split("  ")[0] == "id"
    assert [line.split()[1] for line in lines[1:]] == ["[red]ci[/red]", "web", "paid"]
    assert re.search(r"paid +calls +all +\$0\.05 +\$0 +since \d{4}-", lines[3])
    assert not any(secret[9:] in listed.output for secret in (*secrets, limited))


def test_without_keys_the_output_shows_how_to_make_one(run: Run, ring: FileKeyRing) -> None:
    result = run("keys", "list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "segue keys create NAME" in result.stderr
    assert not ring.path.exists()


def test_a_revoked_key_is_refused_and_stays_listed(run: Run, ring: FileKeyRing) -> None:
    secret = run("keys", "create", "ci").stdout.strip()
    key = ring.find(secret)
    assert key is not None
    result = run("keys", "revoke", key.id)
    assert result.exit_code == 0
    assert "is revoked" in result.stdout
    assert FileKeyRing(ring.path).find(secret) is None
    assert "revoked 2" in run("keys", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("revoke", "key_x"), "there is no key 'key_x'"),
        (("create", "ci", "--daily-budget", "much"), "use US dollars, such as 2.50"),
        (("create", "ci", "--daily-budget", "-1"), "more than 0"),
        (("create", "ci", "--models", "auto,"), "names without spaces"),
        (("create", "ci", "--models", ""), "names without spaces"),
        (("create", ""), "printable"),
        (("create", "ci", "--rate", "0"), "rate"),
    ],
)
def test_a_mistake_is_reported_with_what_to_do_and_makes_nothing(
    run: Run, ring: FileKeyRing, arguments: tuple[str, ...], message: str
) -> None:
    result = run("keys", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not ring.path.exists()


def test_keys_in_mongodb_are_made_listed_revoked_and_copied(
    run: Run, ring: FileKeyRing, mongodb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = ring.create("old")[0]
    monkeypatch.setenv("MONGODB_URL", mongodb_url)
    empty = run("keys", "list")
    assert "There is no key in MongoDB (MONGODB_URL): make one" in empty.stderr
    assert f"copy the 1 in {ring.path}, which are no longer used, with `segue keys copy`" in empty.stderr
    created = run("keys", "create", "ci")
    assert created.stdout.startswith("sk-segue-")
    assert "only a hash is stored in MongoDB (MONGODB_URL)" in created.stderr
    assert run("keys", "copy").stdout == f"Keys taken over from {ring.path} into MongoDB (MONGODB_URL): 1\n"
    listed = run("keys", "list")
    assert {line.split()[1] for line in listed.stdout.splitlines()[1:]} == {"ci", "old"}
    assert "They are in MongoDB (MONGODB_URL)." in listed.stderr
    assert "revoked in MongoDB (MONGODB_URL)" in run("keys", "revoke", old.id).stdout
    assert ring.listed() == (old,)


def test_without_a_database_there_is_nowhere_to_copy_to(run: Run) -> None:
    result = run("keys", "copy")
    assert result.exit_code == 2
    assert "set MONGODB_URL" in result.stderr
