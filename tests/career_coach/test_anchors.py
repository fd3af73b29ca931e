"""Whether a text names something of the résumé."""

from __future__ import annotations

import pytest

from career_coach.anchors import Anchors, terms

ANCHORS = Anchors(
    projects=[
        "주문 이벤트 파이프라인 전환",
        "Order Fulfilment Rewrite",
        "출퇴근길 알리미 (Commute Bot)",
        "ShopEasy 주문 서비스",
    ],
    companies=["(주)마켓온", "Acme Corp."],
    skills=[
        "Apache Kafka",
        "Spring Boot 3",
        "Node.js",
        "C++",
        "C",
        "Go",
        "React 18",
        "AWS (EKS, S3)",
        "Java / Kotlin",
        "redis",
    ],
)


@pytest.mark.parametrize(
    "text",
    [
        "주문 이벤트 파이프라인 전환에서 무엇이 어려웠나요?",
        "이벤트 파이프라인을 왜 나누었나요?",
        "주문이벤트 파이프라인은 어떻게 동작하나요?",
        "In the order fulfilment work, what broke first?",
        "Commute Bot의 캐시는 어떻게 동작하나요?",
        "ShopEasy에서 맡은 일은?",
        "마켓온에서의 협업은 어땠나요?",
        "At Acme, who decided that?",
        "Kafka를 고른 이유는?",
        "How did you size a REDIS cluster?",
        "springboot의 기동 시간을 줄인 방법은?",
        "Why Spring Boot?",
        "A NodeJS service leaks memory.",
        "Why C++ and not Rust?",
        "Which allocator did you use in C?",
        "Is Go's scheduler fair?",
        "React 렌더링을 줄인 방법은?",
        "EKS 노드를 어떻게 늘리나요?",
        "Kotlin 코루틴을 쓴 이유는?",
        "Redis에 저장한 재고는 언제 사라지나요?",
    ],
)
def test_a_name_is_recognised_as_people_write_it(text: str) -> None:
    assert ANCHORS.named_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "Tell me about yourself.",
        "동료와 의견이 달랐던 경험을 말해 주세요.",
        "How would you go about it, and how did users react?",
        "Order matters; fulfilment does too.",
        "Is Cassandra a good choice?",
        "Can you explain category theory?",
        "What does predisposed mean?",
        "Why not C#?",
        "",
    ],
)
def test_a_text_about_something_else_is_not_taken_for_it(text: str) -> None:
    assert not ANCHORS.named_in(text)


def test_without_names_every_text_passes() -> None:
    assert Anchors().named_in("anything")
    assert Anchors(skills=["", " ", "3"]).named_in("anything")


def test_terms_of_english_are_names_within_sentences_and_what_is_spelled_like_a_technology() -> None:
    text = (
        "Built APIs in Python. The team used PostgreSQL, k8s and Kafka (mail me@example.com, https://example.com/Path)."
    )
    assert terms(text) == ["APIs", "Python", "PostgreSQL", "k8s", "Kafka"]


def test_terms_of_korean_are_its_latin_words() -> None:
    assert terms("저는 react와 Spring Boot로 화면과 API를 만듭니다.") == ["react", "Spring", "Boot", "API"]
