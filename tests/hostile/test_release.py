"""What a release is made of is named exactly: each file by its hash, the base image by its digest, no place by a name that can be led elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "deploy/requirements.lock").read_text()
PINS = dict(re.findall(r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;]+)", LOCK, re.MULTILINE))


def test_each_requirement_of_the_image_has_hashes() -> None:
    assert len(PINS) > 20
    for entry in re.split(r"\n(?=\w)", LOCK.strip())[1:]:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry[:80]


def test_they_are_the_versions_that_are_tested() -> None:
    tested = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert {name: version for name, version in PINS.items() if tested.get(name, version) != version} == {}


def test_no_place_to_get_them_from_is_named() -> None:
    assert "://" not in LOCK
    assert "--index" not in LOCK


def test_the_images_it_is_built_on_are_named_by_digest_and_nothing_is_installed_without_hashes() -> None:
    text = (ROOT / "deploy/Containerfile").read_text()
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert len(bases) == 2
    assert all(re.search(r"@sha256:[0-9a-f]{64}$", base) for base in bases)
    for line in re.findall(r"pip install[^\n]*", text):
        assert "--require-hashes" in line or ("--no-deps ." in line and "--no-build-isolation" in line)
