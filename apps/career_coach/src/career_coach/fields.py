"""The names that fields of a résumé go by, and the values they are given: everything here is tolerant and total.

A name may be in snake_case, camelCase, with spaces, or in Korean; what it stands for is in the tables below (JSON Resume's names
among them). What is in no table keeps its name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[\W_]+")
_HANGUL_GAP = re.compile(r"(?<=[가-힣])_(?=[가-힣])")


def key_of(name: str) -> str:
    """A field's name in lower snake_case; Korean without spaces: "techStack" and "Tech stack" are `tech_stack`."""
    parts = _NO_WORD.sub("_", _CAMEL.sub("_", unicodedata.normalize("NFKC", name))).strip("_").lower()
    return _HANGUL_GAP.sub("", parts)


def _table(**names: str) -> dict[str, str]:
    return {alias: field for field, aliases in names.items() for alias in (field, *aliases.split())}


TOP: Final = _table(
    name="full_name 이름 성명 氏名 名前",
    summary="about about_me profile introduction objective headline label 요약 소개 자기소개 한줄소개 간단소개 프로필 about_myself professional_summary personal_statement 自己pr 職務要約 概要",
    work_experiences="work_experience experiences experience work employment employment_history career careers jobs "
    "work_history professional_experience 경력 경력사항 업무경험 업무경력 직장경력 회사경력 재직이력 근무경력 work_history_and_experience 職歴 職務経歴 職務経歴書 勤務経験",
    personal_projects="projects project side_projects portfolio open_source 프로젝트 개인프로젝트 사이드프로젝트 "
    "주요프로젝트 프로젝트경험 토이프로젝트 プロジェクト 開発実績 実績",
    technical_skills="skills skill tech_stack stack technologies tech_skills 기술 기술스택 보유기술 스킬 사용기술 기술역량 digital_skills personal_skills job_related_skills technical_competences core_skills スキル 技術 技術スキル 使用技術 活かせる経験",
    total_experience_months="experience_months total_months months_of_experience total_experience 총경력 총경력개월 "
    "총경력개월수 경력개월 경력개월수 경력기간",
    total_experience_years="experience_years years_of_experience total_years 총경력연수 총경력년수 경력연차 연차",
)

_COMMON: Final = {
    "period": "duration dates date 기간 근무기간 재직기간 진행기간 수행기간",
    "description": "summary details detail content responsibilities duties 설명 내용 업무 담당업무 주요업무 업무내용 상세 소개 요약",
    "achievements": "highlights accomplishments results outcomes impact 성과 주요성과 실적 결과",
    "technologies": "technology tech_stack tech techs stack skills tools keywords 기술 기술스택 사용기술 스택",
    "projects": "project_list 프로젝트 주요프로젝트 수행프로젝트",
}
WORK: Final = _table(
    company="company_name employer organization organisation name 회사 회사명 직장 직장명 소속 기업 기업명",
    position="role title job_title job 직책 직무 직위 역할 포지션 직급",
    **_COMMON,
)
PROJECT: Final = _table(
    name="title project project_name 이름 제목 프로젝트명",
    position="role 역할 담당 담당역할",
    **{**_COMMON, "projects": ""},
)


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CONTACT: Final = words(
    "email e_mail mail phone phone_number mobile_phone tel telephone contact contacts address home_address location_address "
    "birth birthday birth_date date_of_birth age gender sex photo image picture marital_status nationality national_id "
    "resident_number ssn url website homepage web profiles social links location github linkedin blog twitter sns postal_code city_address "
    "社会番号 氏名カナ 生年月日 住所 現住所 電話 電話番号 メール 性別 국적및비자 홈페이지 블로그 깃허브 링크 이메일 메일 전화 전화번호 휴대폰 휴대전화 휴대폰번호 연락처 주소 생년월일 생일 나이 성별 사진 "
    "주민등록번호 주민번호 결혼여부 국적 병역 병역사항"
)
"""Personal data, which no provider needs: name, address and the like, not skills."""

_CATEGORY = re.compile(
    r"language|framework|librar|database|\bdb\b|tool|cloud|infra|devops|front|back|server|data|mobile|test|monitor|other|etc|"
    r"언어|프레임|라이브|데이터|도구|툴|클라우드|인프라|프론트|백엔드|서버|모바일|테스트|협업|모니터|배포|기타|운영|메시징|메시지"
)
_BRACKET_OR_SEPARATOR = re.compile(r"[()\[\],;\n·•|、]")
_SKILL_NAMES = ("name", "skill", "technology", "기술", "기술명", "이름")
_SKILL_LISTS = ("keywords", "items", "skills", "technologies", "list", "기술")


def skills_of(value: Any) -> list[str]:
    """The skills in whatever they are written as: a text with commas, a list, a table by category or by level."""
    found: list[str] = []
    if isinstance(value, str):
        found = [piece.strip(" -*\t") for piece in _pieces(value)]
    elif isinstance(value, Mapping):
        found = _skills_of_table({key_of(key): (key, inner) for key, inner in value.items()})
    elif isinstance(value, (list, tuple)):
        found = [skill for item in value for skill in skills_of(item)]
    return list(dict.fromkeys(skill for skill in found if skill))


def _pieces(text: str) -> list[str]:
    """The text split at its separators, but for those within brackets: where the next bracket closes."""
    ends: list[int] = []
    closes = False
    for found in reversed(list(_BRACKET_OR_SEPARATOR.finditer(text))):
        if found[0] in "()[]":
            closes = found[0] in ")]"
        elif not closes:
            ends.append(found.start())
    starts = [0, *(end + 1 for end in reversed(ends))]
    return [text[start:end] for start, end in zip(starts, [*reversed(ends), len(text)], strict=True)]


def _skills_of_table(table: dict[str, tuple[str, Any]]) -> list[str]:
    listed = [
        skills_of(table[key][1]) for key in _SKILL_LISTS if key in table and not isinstance(table[key][1], (int, float))
    ]
    for key in _SKILL_NAMES:
        if key in table and isinstance(table[key][1], str):
            name = table[key][1].strip()
            return (
                [skill for skills in listed for skill in skills]
                if any(listed) and _CATEGORY.search(name.lower())
                else [name, *(skill for skills in listed for skill in skills)]
            )
    found = []
    for key, (label, inner) in table.items():
        is_list = isinstance(inner, (list, tuple, Mapping)) or (isinstance(inner, str) and len(_pieces(inner)) > 1)
        found += skills_of(inner) if is_list or _CATEGORY.search(key) else [label.strip()]
    return found


_YEARS = re.compile(r"(?<![\d.])(\d{1,4}(?:\.\d{1,4})?)\s{0,4}(?:년|years?|yrs?|y\b)", re.IGNORECASE)
_MONTHS = re.compile(r"(?<!\d)(\d{1,4})\s{0,4}(?:개월|달|months?|mos?\b|m\b)", re.IGNORECASE)
_LONGEST_CAREER = 12 * 80


def months_of(value: Any, *, unit: int = 1) -> int | None:
    """Months from a number, or a text such as "3년 2개월" or "3 years"; None for anything else. A bare number counts `unit` months."""
    if isinstance(value, str):
        years, months = _YEARS.search(value), _MONTHS.search(value)
        if years or months:
            total = (float(years[1]) * 12 if years else 0.0) + (int(months[1]) if months else 0)
            return round(total) if total <= _LONGEST_CAREER else None
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return round(value * unit) if 0 <= value * unit <= _LONGEST_CAREER else None
