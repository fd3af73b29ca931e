"""What the sandbox's stand-ins answer to the coach: sentences about the résumé that was sent, whatever form it came in.

They read sensibly in a demonstration and claim nothing to be a model's work. Which of the coach's requests it is, the schema says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from career_coach.anchors import Anchors
from career_coach.language import Language
from career_coach.plain import from_text
from career_coach.resume import Resume, ResumeError, from_document
from career_coach.schemas import PLAN, TYPES
from segue import ChatRequest, Reply

_WORD = re.compile(r"[^\W_]{2,40}")
_MOST = 24


def reply(request: ChatRequest) -> str | Reply:
    """The sandbox's answer to a request of the coach's; to any other, a sentence."""
    prompt = "\n".join(message.text for message in request.messages if message.role == "user")
    instructions = "\n".join(message.text for message in request.messages if message.role == "system")
    language: Language = "ko" if "한국어로" in instructions else "en"
    properties = ((request.output.schema if request.output else None) or {}).get("properties", {})
    if "points" in properties:
        return _reply(_feedback(prompt, properties["points"]["minItems"], language))
    subjects = Subjects(prompt, language)
    if "learning_paths" in properties:
        return _reply(_path(subjects, language))
    if "questions" in properties:
        kinds = TYPES[: len(PLAN)]
        return _reply({"questions": [_question(n, kind, PLAN[n], subjects, language) for n, kind in enumerate(kinds)]})
    if "what_good_answers_cover" in properties:
        [difficulty], kinds = properties["difficulty"]["enum"], properties["type"]["enum"]
        return _reply(_question(len(TYPES) - len(kinds), kinds[0], difficulty, subjects, language))
    return "I am a stand-in of the career coach, and no model."


class Subjects:
    """What the résumé in a prompt names, in pairs of a place (project or company) and a skill."""

    def __init__(self, prompt: str, language: Language) -> None:
        resume = _resume(prompt)
        self._places = [*resume.projects, *resume.companies][:_MOST]
        self._skills = resume.skills[:_MOST] or resume.anchors.skills[:_MOST]
        self._anchors = Anchors(projects=resume.projects, companies=resume.companies, skills=self._skills)
        self._generic = _GENERIC[language]

    def pair(self, number: int) -> dict[str, str]:
        """The `number`-th place and skill, such that the coach would recognise one of them."""
        for turn in range(_MOST):
            place = _nth(self._places, number + turn) or self._generic[0]
            skill = _nth(self._skills, number + turn) or self._generic[1]
            if self._anchors.named_in(f"{place}\n{skill}"):
                break
        return {"place": place, "skill": skill}


def _nth(names: Sequence[str], number: int) -> str:
    return names[number % len(names)] if names else ""


def _within(prompt: str, tag: str) -> str:
    """The text of the first block of that tag, "" without one. By `find`: a pattern is slow where a block is opened often and never closed."""
    opened = prompt.find(f"<{tag}>\n")
    begin = opened + len(tag) + 3
    closed = prompt.find(f"\n</{tag}>", begin)
    return prompt[begin:closed] if opened >= 0 and closed >= 0 else ""


def _resume(prompt: str) -> Resume:
    text = _within(prompt, "resume")
    try:
        return from_document(msgspec.json.decode(text)) if text.startswith("{") else from_text(text)
    except (ResumeError, msgspec.DecodeError):
        return Resume(text=text)


def _reply(document: dict[str, Any]) -> Reply:
    return Reply(text=msgspec.json.encode(document).decode())


def _question(number: int, kind: str, difficulty: str, subjects: Subjects, language: Language) -> dict[str, Any]:
    names = subjects.pair(number)
    question, *covers = (form.format(**names) for form in _QUESTIONS[language][kind])
    topic = f"{names['skill']} · {names['place']}"
    return {
        "difficulty": difficulty,
        "topic": topic,
        "type": kind,
        "question": question,
        "what_good_answers_cover": covers,
    }


def _path(subjects: Subjects, language: Language) -> dict[str, Any]:
    words = _PATHS[language]
    steps = []
    for number, (kind, title, description, reason, *resources) in enumerate(words["steps"]):
        names = subjects.pair(number)
        steps.append(
            {
                "type": kind,
                "title": title.format(**names),
                "description": description.format(**names),
                "reason": reason.format(**names),
                "resources": [resource.format(**names) for resource in resources],
                "link": "https://example.com/",
            }
        )
    names = subjects.pair(0)
    return {
        "analysis": {
            "strengths": [form.format(**names) for form in words["strengths"]],
            "weaknesses": [form.format(**names) for form in words["weaknesses"]],
        },
        "summary": words["summary"].format(**names),
        "learning_paths": steps,
    }


def _feedback(prompt: str, points: int, language: Language) -> dict[str, Any]:
    """A point counts as covered where the answer is long enough to speak of it: no judgement, only its form."""
    length = len(_WORD.findall(_within(prompt, "answer")))
    words = _FEEDBACK[language]
    verdicts = [
        "covered" if length > 12 * (n + 1) else "partly" if length > 6 * (n + 1) else "missing" for n in range(points)
    ]
    return {
        "points": [{"verdict": verdict, "comment": words[verdict]} for verdict in verdicts],
        "summary": words["summary"],
        "next_step": words["next_step"],
    }


_GENERIC: Final[dict[Language, tuple[str, str]]] = {
    "en": ("your latest project", "the technology you know best"),
    "ko": ("최근 프로젝트", "가장 익숙한 기술"),
}

_QUESTIONS: Final[dict[Language, dict[str, tuple[str, ...]]]] = {
    "en": {
        "implementation": (
            "In {place} you worked with {skill}. Walk me through the part that was hardest to build: how does it work today?",
            "explains what {skill} does in {place}, step by step",
            "names the case that did not fit at first",
            "says how it was tested",
        ),
        "trade-off": (
            "You chose {skill} for {place}. Which alternative came closest, and what did you give up by not taking it?",
            "names a real alternative to {skill}",
            "says what was given up, not only what was won",
            "says when the other choice would be right",
        ),
        "performance": (
            "Suppose {place} had become slow. How would you find out whether {skill} is the cause, and what would you measure first?",
            "measures before changing anything",
            "tells {skill} from what surrounds it",
            "gives a figure before and after",
        ),
        "reliability": (
            "Tell me about a failure in {place} in which {skill} had a part. How did you notice, and what keeps it from coming back?",
            "tells how the failure was noticed, and how long that took",
            "names what data was at risk",
            "names the measure that stayed",
        ),
        "scalability": (
            "{place} gets ten times the load next month. What gives way first around {skill}, and what would you change?",
            "names the first bottleneck with a rough figure",
            "distinguishes scaling {skill} from needing it less",
            "says what it would cost",
        ),
        "quality": (
            "A colleague takes over {place} tomorrow. What around {skill} would they break first, and which test would tell them?",
            "names the part that is hard to change, and why",
            "describes a test that exists, or says that it is missing",
        ),
        "collaboration": (
            "Who disagreed with you about {skill} in {place}, and how was it settled?",
            "gives the other side's best argument",
            "says what the decision rested on",
        ),
        "business": (
            "What was {place} good for, and how would you show that {skill} had a part in it?",
            "names who gained, and what",
            "gives a measure of it",
        ),
    },
    "ko": {
        "implementation": (
            "{place} 관련 업무에서 {skill} 기술을 사용하셨는데, 만들기 가장 까다로웠던 부분은 어디였고 지금은 어떻게 동작하나요?",
            "{place}에서 {skill} 기술이 맡은 역할을 순서대로 설명한다",
            "처음에 맞지 않았던 사례를 든다",
            "어떻게 검증했는지 말한다",
        ),
        "trade-off": (
            "{place}에 {skill} 기술을 선택하셨습니다. 마지막까지 고민한 대안은 무엇이었고, 그것을 택하지 않으면서 무엇을 포기했나요?",
            "{skill} 대신 쓸 수 있었던 실제 대안을 든다",
            "얻은 것뿐 아니라 포기한 것을 말한다",
            "다른 선택이 옳은 조건을 말한다",
        ),
        "performance": (
            "{place} 서비스가 느려졌다고 가정해 보겠습니다. {skill} 쪽이 원인인지 어떻게 확인하고, 무엇부터 측정하시겠어요?",
            "바꾸기 전에 먼저 측정한다",
            "{skill} 자체의 문제와 그 주변의 원인을 구분한다",
            "전후 수치를 제시한다",
        ),
        "reliability": (
            "{place}에서 {skill} 때문에 겪은 장애 경험을 들려주세요. 어떻게 알아챘고, 재발은 무엇으로 막고 있나요?",
            "장애를 알아챈 경로와 걸린 시간을 말한다",
            "위험했던 데이터를 짚는다",
            "지금까지 남아 있는 재발 방지책을 든다",
        ),
        "scalability": (
            "다음 달에 {place}의 부하가 열 배가 됩니다. {skill} 주변에서 무엇이 가장 먼저 무너지고, 무엇을 바꾸시겠어요?",
            "첫 병목을 대략의 수치로 짚는다",
            "{skill} 규모를 키우는 것과 덜 쓰는 것을 구분한다",
            "그 비용을 말한다",
        ),
        "quality": (
            "내일 동료가 {place} 업무를 이어받습니다. {skill} 주변에서 무엇을 먼저 망가뜨릴 것 같고, 어떤 테스트가 알려 줄까요?",
            "고치기 어려운 부분과 그 이유를 짚는다",
            "있는 테스트를 설명하거나 없다고 말한다",
        ),
        "collaboration": (
            "{place}에서 {skill} 관련 결정을 두고 누구와 의견이 달랐고, 어떻게 정리되었나요?",
            "상대방의 가장 좋은 근거를 말한다",
            "결정이 무엇에 근거했는지 말한다",
        ),
        "business": (
            "{place} 덕분에 누구에게 무엇이 좋아졌고, {skill} 기술이 거기에 기여했다는 것을 어떻게 보이시겠어요?",
            "누가 무엇을 얻었는지 말한다",
            "그것을 잰 방법을 든다",
        ),
    },
}

_PATHS: Final[dict[Language, dict[str, Any]]] = {
    "en": {
        "strengths": ("{skill}, put to use in {place}", "Responsibility for {place} from design to operation"),
        "weaknesses": (
            "How the effect of {skill} in {place} was measured is not shown",
            "Tests around {skill} are not shown",
        ),
        "summary": "{place} shows solid work with {skill}. The next step is depth: measure, let it fail on purpose, and explain the decisions.",
        "steps": (
            ("strength", "Explain {skill} down to its failure modes",
             "In two weeks, break {skill} in a copy of {place} in five ways, and write down what was seen and what helped.",
             "{place} shows {skill} at work; knowing its limits is what the next level asks for.",
             "The official documentation of {skill}", "A talk on running {skill} in production", "A post-mortem of an outage, read with a colleague"),
            ("weakness", "Find the bottleneck of {place} by measuring",
             "Add three metrics to {place}, find the slowest path in a week, and cut its 95th percentile by a third.",
             "What {place} achieved is described, but not how it was measured.",
             "The profiling guide of your runtime", "The chapter on metrics in the documentation of {skill}", "A load-testing tool's tutorial"),
            ("strength", "Take {place} to ten times its load",
             "Load a copy of {place} until it gives way, remove that limit, and repeat until ten times the load holds.",
             "The experience with {skill} carries further: load is where it shows.",
             "The scaling chapter in the documentation of {skill}", "A paper on back-pressure and queues", "A talk on capacity planning"),
            ("weakness", "Give {place} a safety net of tests",
             "Write tests for the paths of {place} that use {skill}; done when a deliberate bug in each is caught.",
             "Tests are not mentioned beside {skill}, and others will have to change {place}.",
             "The testing guide of your framework", "A course on integration tests with containers", "The documentation of {skill} on test set-ups"),
            ("weakness", "Put the design decisions of {place} into writing",
             "Write one page for each of three decisions in {place}: the choice, the alternatives, and what came of it.",
             "The decisions in {place} are the strongest material for an interview, once they can be retold.",
             "A collection of architecture decision records", "A guide to design documents", "Notes on {skill} by its maintainers"),
        ),
    },
    "ko": {
        "strengths": ("{place}에서 보여 준 {skill} 활용 능력", "{place} 업무를 설계부터 운영까지 책임진 경험"),
        "weaknesses": ("{place}에서 {skill} 도입 효과를 어떻게 쟀는지 확인되지 않음", "{skill} 주변의 테스트가 확인되지 않음"),
        "summary": "{place} 경험에서 {skill} 실력이 잘 드러납니다. 다음 단계는 깊이입니다. 측정하고, 일부러 망가뜨려 보고, 결정의 이유를 설명해 보세요.",
        "steps": (
            ("strength", "{skill} 기술을 장애 상황까지 설명하기",
             "2주 동안 {place}의 사본에서 {skill} 장애를 다섯 가지 방법으로 일으키고, 본 것과 도움이 된 것을 기록합니다.",
             "{place}에서 {skill} 활용은 드러났으니, 그 한계를 아는 것이 다음 수준입니다.",
             "{skill} 공식 문서", "{skill} 운영 경험 발표", "동료와 함께 읽는 장애 보고서"),
            ("weakness", "측정으로 {place}의 병목 찾기",
             "{place}에 지표 세 가지를 더하고, 1주 안에 가장 느린 경로를 찾아 95백분위를 3분의 1 줄입니다.",
             "{place}의 성과는 적혀 있지만 어떻게 쟀는지는 확인되지 않습니다.",
             "사용하는 런타임의 프로파일링 안내서", "{skill} 문서의 지표 장", "부하 시험 도구의 튜토리얼"),
            ("strength", "{place} 부하를 열 배까지 견디게 하기",
             "{place}의 사본에 부하를 걸어 무너지는 지점을 없애고, 열 배를 견딜 때까지 되풀이합니다.",
             "{skill} 경험은 부하에서 가장 잘 드러납니다.",
             "{skill} 문서의 확장 장", "배압과 큐에 관한 논문", "용량 계획에 관한 발표"),
            ("weakness", "{place}에 테스트 안전망 갖추기",
             "{place}에서 {skill} 기술이 쓰이는 경로의 테스트를 작성합니다. 일부러 넣은 버그가 모두 잡히면 끝입니다.",
             "{skill} 옆에 테스트가 언급되지 않았고, 다른 사람도 {place} 코드를 고치게 됩니다.",
             "사용하는 프레임워크의 테스트 안내서", "컨테이너를 쓰는 통합 테스트 강의", "{skill} 문서의 테스트 환경 장"),
            ("weakness", "{place}의 설계 결정을 글로 남기기",
             "{place}의 결정 세 가지를 한 쪽씩 적습니다. 선택과 대안, 그리고 결과를 담습니다.",
             "{place}의 결정들은 다시 설명할 수 있을 때 면접에서 가장 강한 재료가 됩니다.",
             "아키텍처 결정 기록 모음", "설계 문서 작성 안내서", "{skill} 관리자들의 글"),
        ),
    },
}  # fmt: skip

_FEEDBACK: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "covered": "The answer has room for this point. A stand-in can't judge what it says.",
        "partly": "The answer is short here: say what you did, and what came of it.",
        "missing": "Nothing in the answer is about this yet.",
        "summary": "This is a stand-in's feedback: it sees how long the answer is, not whether it is right. A model reads what it says.",
        "next_step": "Begin with the situation in one sentence, then the decision, then a figure that shows the effect.",
    },
    "ko": {
        "covered": "이 내용을 담을 만큼 답변이 충분합니다. 모의 서버는 내용의 옳고 그름을 판단하지 못합니다.",
        "partly": "이 부분은 답변이 짧습니다. 무엇을 했고 어떤 결과가 나왔는지 말해 보세요.",
        "missing": "아직 이 내용에 관한 말이 없습니다.",
        "summary": "모의 서버의 피드백입니다. 답변의 길이만 볼 뿐 내용을 이해하지 못합니다. 실제 모델은 내용을 읽고 답합니다.",
        "next_step": "상황을 한 문장으로 시작하고, 결정을 말한 뒤, 효과를 보여 주는 수치로 마무리해 보세요.",
    },
}
