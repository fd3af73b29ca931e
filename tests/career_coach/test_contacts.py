"""Contact data is found by its kind wherever it stands, and figures, dates and versions are left alone."""

from __future__ import annotations

import pytest

from career_coach.contacts import KINDS, masked
from career_coach.labels import LABELS


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("kim.haneul+cv@mail.example.co.kr", "email"),
        ("010-1234-5678", "phone"),
        ("01012345678", "phone"),
        ("(02) 555-1234", "phone"),
        ("070-4123-4567", "phone"),
        ("1588-1234", "phone"),
        ("+82 10-1234-5678", "phone"),
        ("(+49) 170 1234567", "phone"),
        ("+44 20 7946 0958", "phone"),
        ("(555) 123-4567", "phone"),
        ("090-1234-5678", "phone"),
        ("900101-1234567", "id_number"),
        ("주민번호: 900101-1******", "id_number"),
        ("123-45-6789", "id_number"),
        ("생년월일: 1990.01.02", "birth_date"),
        ("1990년 1월 2일생", "birth_date"),
        ("Date of birth: 01/02/1990", "birth_date"),
        ("born on 2 January 1990", "birth_date"),
        ("生年月日 1990年1月2日", "birth_date"),
        ("서울특별시 강남구 테헤란로 123, 4층", "postal_address"),
        ("경기도 성남시 분당구 판교역로 166", "postal_address"),
        ("123 Main Street, Springfield, IL 62704", "postal_address"),
        ("〒150-0001 東京都渋谷区神宮前1-2-3", "postal_address"),
        ("https://www.linkedin.com/in/kim-haneul", "link"),
    ],
)
def test_contact_data_is_masked_whole_and_named_by_its_kind(text: str, kind: str) -> None:
    assert masked(text) == ("[…]", [kind])
    assert masked(f"Engineer at Acme, {text} , Kotlin")[0] == "Engineer at Acme, […] , Kotlin"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("주소: 서울시 어딘가 12", "주소: […]"),
        ("Address:\nMusterstr. 1, 10115, Berlin", "Address:\n[…]"),
        ("Gender: female | Kotlin", "Gender: […]| Kotlin"),
        ("국적: 대한민국", "국적: […]"),
        ("Tel. 030 1234567", "Tel. […]"),
    ],
)
def test_what_a_label_announces_is_masked_whatever_it_looks_like(text: str, left: str) -> None:
    assert masked(text)[0] == left


@pytest.mark.parametrize("profile", ["github.com/mocr", "https://github.com/dohyunk92/", "www.gitlab.com/kim-dh"])
def test_a_profile_where_code_is_kept_is_masked_and_a_repository_is_not(profile: str) -> None:
    assert masked(f"GitHub: {profile}, github.com/kim/settlement") == (
        "GitHub: […], github.com/kim/settlement",
        ["link"],
    )


@pytest.mark.parametrize(
    "text",
    [
        "2021-03-01 - 2023-05-31, 120,000,000 rows, p99 320ms, 8.8.8.8, 1,234-5,678",
        "2019 2021 2022 2023",
        "2021.03 - 2024.01, 2021/03~2023/02, 2016-2020, 01/03/2021 – 05/06/2022",
        "v1.2.3-20240101, order 20210301-000123, ISBN 978-3-16-148410-0, 10.0.0.1:8080, 0.123456789",
        "99.95%, 3,000,000 → 12,000 TPS, 900 ms to 120 ms",
        "서울에서 근무하는 로그 123건, 수원대로 가는 길",
        "I was born to code, github.com/kim/settlement, https://gitlab.com/kim/a.b",
    ],
)
def test_figures_dates_and_versions_are_no_contact_data(text: str) -> None:
    assert masked(text) == (text, [])


def test_each_kind_has_a_word_in_both_languages() -> None:
    assert all(kind in words for words in LABELS.values() for kind in KINDS)
