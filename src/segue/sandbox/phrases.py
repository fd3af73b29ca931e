"""Made-up sentences for the fields of a structured answer, in the prompt's language, about the things that the prompt names.

They are there to read sensibly in a demonstration. They claim nothing to be a model's work.
"""

from __future__ import annotations

import re

from segue.sandbox.material import Material

_LINK = re.compile(r"link|url|href|website|링크", re.I)

_ENGLISH: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("question", (
        "In {subject} you worked with {skill}. Walk me through how you implemented its most difficult part.",
        "Why did you choose {skill} for {subject}, and what did you give up by it?",
        "{subject} suddenly gets ten times the load. Where does {skill} become the bottleneck, and how would you measure it?",
        "Tell me about an outage or a wrong result in {subject}. How did you notice it, and what keeps it from happening again?",
        "If {subject} had to run in three regions, what would you change about your use of {skill}?",
    )),
    ("cover|criteri|expect|good_answer", (
        "names a concrete situation from {subject}",
        "says what {skill} was measured against, with numbers",
        "names a drawback and when another choice would be right",
    )),
    ("topic|subject|theme", ("{skill} in {subject}",)),
    ("strength", ("Hands-on work with {skill}, shown in {subject}", "Takes {subject} from design to operation")),
    ("weakness|gap", ("{subject} says little about how {skill} was measured", "Little is said about tests around {skill}")),
    ("title|name|heading", ("{skill}, one level deeper", "From {subject} to production", "Measuring {skill}")),
    ("reason|why|rationale", ("{subject} shows {skill} at work; the next step is to explain its limits with numbers.",)),
    ("summary|overview", ("The résumé shows {skill} at work in {subject}. The next step is depth: measuring, operating, explaining decisions.",)),
    ("resource|material|reading|book|course", ("The official documentation of {skill}", "A weekend project that measures {skill}", "A talk on running {skill} in production")),
    ("description|detail|content|body|plan|step|action", (
        "Rebuild a part of {subject} with {skill}, measure it before and after, and write down what changed and why.",
    )),
    ("city|place|location", ("Seoul",)),
    ("country", ("Korea",)),
    ("language", ("English",)),
)  # fmt: skip

_KOREAN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("question|질문", (
        "{subject}에서 {skill} 관련 작업을 하셨는데, 가장 까다로웠던 부분을 어떻게 구현했는지 설명해 주세요.",
        "{subject}에 {skill} 대신 다른 선택지도 있었을 텐데, 무엇을 근거로 결정했고 무엇을 포기했나요?",
        "{subject}의 트래픽이 갑자기 10배가 된다면 {skill}의 어느 지점이 병목이 되고, 어떻게 측정하시겠습니까?",
        "{subject}에서 장애나 잘못된 결과를 겪은 경험을 들려주세요. 어떻게 발견했고 재발은 어떻게 막았나요?",
        "{subject}를 여러 리전으로 확장한다면 {skill} 사용 방식을 어떻게 바꾸시겠습니까?",
    )),
    ("cover|criteri|expect|good_answer|기준|요소", (
        "{subject}에서 겪은 구체적인 상황을 든다",
        "{skill}의 효과를 수치로 설명한다",
        "단점과, 다른 선택이 더 나은 조건을 말한다",
    )),
    ("topic|subject|theme|주제", ("{subject}의 {skill}",)),
    ("strength|강점", ("{subject}에서 확인되는 {skill} 실무 경험", "{subject}를 설계부터 운영까지 이끈 경험")),
    ("weakness|gap|약점", ("{subject}에서 {skill}의 성능을 어떻게 측정했는지에 대한 설명이 부족함", "{skill} 관련 테스트 경험이 드러나지 않음")),
    ("title|name|heading|제목", ("{skill} 한 단계 더 깊이", "{subject}를 운영 수준으로", "{skill} 측정과 개선")),
    ("reason|why|rationale|이유", ("{subject}에서 {skill} 활용은 확인되지만, 한계를 수치로 설명할 수 있으면 더 설득력이 있습니다.",)),
    ("summary|overview|요약", ("{subject}에서 {skill} 실무 경험이 확인됩니다. 다음 단계는 측정과 운영, 그리고 의사결정을 설명하는 깊이입니다.",)),
    ("resource|material|reading|book|course|자료", ("{skill} 공식 문서", "{skill} 성능을 직접 재 보는 주말 프로젝트", "{skill} 운영 사례 발표 영상")),
    ("description|detail|content|body|plan|step|action|설명|내용", (
        "{subject}의 한 부분을 {skill}(으)로 다시 만들어 보고, 전후를 측정해 무엇이 왜 달라졌는지 정리합니다.",
    )),
    ("city|place|location", ("서울",)),
    ("country", ("대한민국",)),
    ("language", ("한국어",)),
)  # fmt: skip

_OTHER = {"en": "{subject}", "ko": "{subject}"}
_NOTHING = {"en": ("your project", "the technology you know best"), "ko": ("진행하신 프로젝트", "주력 기술")}


def phrase(name: str, index: int, material: Material) -> str:
    """A text for the field `name` of item number `index`."""
    subject, skill = _names(index, material)
    if _LINK.search(name):
        return f"https://example.com/{_slug(skill)}"
    table = _KOREAN if material.language == "ko" else _ENGLISH
    for pattern, forms in table:
        if re.search(pattern, name, re.I):
            return forms[index % len(forms)].format(subject=subject, skill=skill)
    return _OTHER[material.language].format(subject=subject)


def _names(index: int, material: Material) -> tuple[str, str]:
    nothing = _NOTHING[material.language]
    subjects, skills = material.subjects or nothing[:1], material.abilities or nothing[1:]
    return subjects[index % len(subjects)], skills[index % len(skills)]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "more"
