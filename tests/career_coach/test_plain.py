"""Résumés that come as text."""

from __future__ import annotations

import pytest

from career_coach.plain import from_text

ENGLISH = """\
Jane Doe | Data Engineer
jane@example.com, +49 170 1234567

EXPERIENCE
Northwind Traders — Data Engineer (2021 – 2024)
  - Moved nightly jobs to Airflow
Contoso, Analyst (2019 – 2021)
  * Built dashboards

## Projects
1. Grid Forecast (2023): predicts load
   - 12 % better than the baseline
2. Bird Counter

Skills: Python, dbt, Apache Airflow
Total experience: 5 years 3 months

Education
University of Somewhere
"""

KOREAN = """\
이력서

■ 기술 스택
 • 언어: Kotlin, Java
 • 데이터: MySQL / Redis
■ 경력 사항
마켓온 (2022.01 ~ 현재)
 - 정산 담당
■ 주요 프로젝트
- 재고 선점 개선: 초과 판매 0건
- 알림 발송 재설계
"""


def test_names_are_found_under_english_headings() -> None:
    resume = from_text(ENGLISH)
    assert resume.name == "Jane Doe"
    assert resume.companies == ["Northwind Traders", "Contoso"]
    assert resume.projects == ["Grid Forecast", "Bird Counter"]
    assert resume.technical_skills == ("Python", "dbt", "Apache Airflow")
    assert resume.total_experience_months == 63


def test_names_are_found_under_korean_headings() -> None:
    resume = from_text(KOREAN)
    assert resume.name == ""
    assert resume.companies == ["마켓온"]
    assert resume.projects == ["재고 선점 개선", "알림 발송 재설계"]
    assert resume.technical_skills == ("Kotlin", "Java", "MySQL / Redis")


def test_a_company_may_begin_with_its_form_and_text_below_a_heading_names_nothing() -> None:
    resume = from_text(
        "# 김도현\n## 경력\n### (주)달빛커머스 — 백엔드 개발자 (2021.06 ~ 재직 중)\n- 주문 서비스\n"
        "### 주식회사 한빛로지스 — 개발자 (2019.03 ~ 2021.05)\n배송 추적 API를 개발\n"
        "## 프로젝트\n### 재고 동기화 (2023)\nKafka Streams와 CDC(Debezium)로 재고를 맞춤.\n"
    )
    assert resume.companies == ["(주)달빛커머스", "주식회사 한빛로지스"]
    assert resume.projects == ["재고 동기화"]


def test_the_whole_text_is_kept_but_for_contact_data() -> None:
    resume = from_text(ENGLISH)
    assert "12 % better than the baseline" in resume.text
    assert "University of Somewhere" in resume.text
    assert "jane@example.com" not in resume.text
    assert "1234567" not in resume.text
    assert resume.notices[0].detail == "email, phone"


@pytest.mark.parametrize(
    "text", ["I write Go services and run Kafka clusters for a living, mostly alone.", "개발자입니다. " * 5]
)
def test_text_without_any_heading_is_a_resume_too(text: str) -> None:
    resume = from_text(text)
    assert resume.text == text.strip()
    assert resume.document == {"text": text.strip()}


def test_a_question_may_be_about_a_technology_that_the_text_only_mentions() -> None:
    anchors = from_text("I write Go services and run Kafka clusters for a living, mostly alone.").anchors
    assert anchors.named_in("How do you size a Kafka cluster?")
    assert not anchors.named_in("How do you size a database?")
