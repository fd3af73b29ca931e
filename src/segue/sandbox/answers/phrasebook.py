"""The sentences themselves: for a field's name, rows of forms. The row goes with the item, the form with its place in a list.

The rows of an interview question, and of a step of a learning path, belong together across fields: the first question is about
implementation, then come trade-offs, performance, reliability and scale.
"""

from __future__ import annotations

from typing import TypeAlias

Book: TypeAlias = tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]

GENERIC = {"en": ("your latest project", "the technology you know best"), "ko": ("최근 프로젝트", "주력 기술")}
"""What is spoken of where the prompt names nothing: a project, a technology."""

ENGLISH: Book = (
    ("question", (
        ("In {subject} you worked with {skill}. Walk me through the part that was hardest to build: how does it work today?",),
        ("You chose {skill} for {subject}. Which alternative came closest, and what did you give up by not taking it?",),
        ("Suppose {subject} had become slow. How would you find out whether {skill} is the cause, and what would you measure first?",),
        ("Tell me about a failure in {subject} in which {skill} had a part. How did you notice, and what keeps it from coming back?",),
        ("{subject} gets ten times the load next month. What gives way first around {skill}, and what would you change?",),
    )),
    ("cover|criteri|expect|good_answer", (
        ("explains how {skill} is used in {subject}, step by step", "names the case that did not fit at first", "says how it was tested"),
        ("names a real alternative to {skill}", "says what was given up, not only what was won", "says when the other choice would be right"),
        ("measures before changing anything", "tells {skill} from what surrounds it", "gives a figure before and after"),
        ("tells how the failure was noticed, and how long that took", "names what data was at risk", "names the measure that stayed"),
        ("names the first bottleneck with a rough figure", "distinguishes scaling {skill} from needing it less", "says what it would cost"),
    )),
    ("topic|subject|theme", (("{skill} in {subject}",),)),
    ("strength", (("{skill} put to use in {subject}",), ("Responsibility for {subject} from design to operation",), ("Breadth: {skill} beside other technologies",))),
    ("weakness|gap", (("How the effect of {skill} in {subject} was measured is not shown",), ("Tests around {skill} are not shown",), ("How {subject} behaves under failure is left open",))),
    ("title|heading", (
        ("Explain {skill} down to its failure modes",), ("Find the bottleneck of {subject} by measuring",), ("Take {subject} to ten times its load",),
        ("Give {subject} a safety net of tests",), ("Put the design decisions of {subject} into writing",),
    )),
    ("reason|why|rationale", (
        ("{subject} shows {skill} at work; knowing its limits is what the next level asks for.",),
        ("What {subject} achieved is described, but not how it was measured.",),
        ("The experience with {skill} carries further: load is where it shows.",),
        ("Tests are not mentioned beside {skill}, and others will have to change {subject}.",),
        ("The decisions in {subject} are the strongest material for an interview, once they can be retold.",),
    )),
    ("summary|overview", (("{subject} shows solid work with {skill}. The next step is depth: measure, let it fail on purpose, and explain the decisions.",),)),
    ("resource|material|reading|book|course", (
        ("The official documentation of {skill}", "A talk on running {skill} in production", "A post-mortem of an outage, read with a colleague"),
        ("The profiling guide of your runtime", "The chapter on metrics in the documentation of {skill}", "A load-testing tool's tutorial"),
        ("The scaling chapter in the documentation of {skill}", "A paper on back-pressure and queues", "A talk on capacity planning"),
        ("The testing guide of your framework", "A course on integration tests with containers", "The documentation of {skill} on test set-ups"),
        ("A collection of architecture decision records", "A guide to design documents", "Notes on {skill} by its maintainers"),
    )),
    ("description|detail|content|body|plan|step|action", (
        ("In two weeks, break {skill} in a copy of {subject} in five ways, and write down what was seen and what helped.",),
        ("Add three metrics to {subject}, find the slowest path in a week, and cut its 95th percentile by a third.",),
        ("Load a copy of {subject} until it gives way, remove that limit, and repeat until ten times the load holds.",),
        ("Write tests for the paths of {subject} that use {skill}; done when a deliberate bug in each is caught.",),
        ("Write one page for each of three decisions in {subject}: the choice, the alternatives, and what came of it.",),
    )),
    ("city|place|location", (("Seoul",),)),
    ("country", (("Korea",),)),
    ("language", (("English",),)),
    ("name", (("{subject}",),)),
)  # fmt: skip

KOREAN: Book = (
    ("question|질문", (
        ("{subject}에서 {skill:을} 사용하셨는데, 만들기 가장 까다로웠던 부분은 어디였고 지금은 어떻게 동작하나요?",),
        ("{subject}에 {skill:을} 선택하셨습니다. 마지막까지 고민한 대안은 무엇이었고, 그것을 택하지 않으면서 무엇을 포기했나요?",),
        ("{subject:이} 느려졌다고 가정해 보겠습니다. {skill:이} 원인인지 어떻게 확인하고, 무엇부터 측정하시겠어요?",),
        ("{subject}에서 {skill:과} 관련된 장애를 겪은 경험을 들려주세요. 어떻게 알아챘고, 재발은 무엇으로 막고 있나요?",),
        ("다음 달에 {subject}의 부하가 열 배가 됩니다. {skill} 주변에서 무엇이 가장 먼저 무너지고, 무엇을 바꾸시겠어요?",),
    )),
    ("cover|criteri|expect|good_answer|기준|요소", (
        ("{subject}에서 {skill:이} 하는 역할을 순서대로 설명한다", "처음에 맞지 않았던 사례를 든다", "어떻게 검증했는지 말한다"),
        ("{skill}의 실제 대안을 든다", "얻은 것뿐 아니라 포기한 것을 말한다", "다른 선택이 옳은 조건을 말한다"),
        ("바꾸기 전에 먼저 측정한다", "{skill:과} 그 주변의 원인을 구분한다", "전후 수치를 제시한다"),
        ("장애를 알아챈 경로와 걸린 시간을 말한다", "위험했던 데이터를 짚는다", "지금까지 남아 있는 재발 방지책을 든다"),
        ("첫 병목을 대략의 수치로 짚는다", "{skill:을} 키우는 것과 덜 쓰는 것을 구분한다", "그 비용을 말한다"),
    )),
    ("topic|subject|theme|주제", (("{subject}의 {skill}",),)),
    ("strength|강점", (("{subject}에서 확인되는 {skill} 실무 경험",), ("{subject:을} 설계부터 운영까지 책임진 경험",), ("{skill:을} 비롯한 여러 기술을 엮어 본 폭",))),
    ("weakness|gap|약점", (("{subject}에서 {skill}의 효과를 어떻게 측정했는지 확인되지 않음",), ("{skill} 주변의 테스트가 확인되지 않음",), ("장애 상황에서 {subject:이} 어떻게 동작하는지 비어 있음",))),
    ("title|heading|제목", (
        ("{skill:을} 장애 상황까지 설명할 수 있게 되기",), ("{subject}의 병목을 측정으로 찾아내기",), ("{subject:을} 열 배의 부하까지 끌어올리기",),
        ("{subject}에 테스트 안전망 만들기",), ("{subject}의 설계 결정을 글로 남기기",),
    )),
    ("reason|why|rationale|이유", (
        ("{subject}에서 {skill} 활용은 확인됩니다. 다음 단계에서는 그 한계를 아는지가 중요해집니다.",),
        ("{subject}의 성과는 적혀 있지만, 어떻게 측정했는지는 확인되지 않습니다.",),
        ("{skill} 경험은 더 멀리 갈 수 있습니다. 그것이 드러나는 곳이 부하입니다.",),
        ("{skill:과} 함께 테스트가 언급되지 않았는데, {subject:은} 앞으로 다른 사람도 고쳐야 합니다.",),
        ("{subject}의 결정들은 면접에서 가장 강한 소재입니다. 다시 설명할 수 있게 정리해 두어야 합니다.",),
    )),
    ("summary|overview|요약", (("{subject}에서 {skill:을} 탄탄하게 사용한 경험이 확인됩니다. 다음 단계는 깊이입니다. 측정하고, 일부러 실패시켜 보고, 결정을 설명해 보세요.",),)),
    ("resource|material|reading|book|course|자료", (
        ("{skill} 공식 문서", "{skill} 운영 경험 발표 영상", "동료와 함께 읽는 장애 회고 글"),
        ("사용 중인 런타임의 프로파일링 안내서", "{skill} 공식 문서의 지표 장", "부하 테스트 도구 튜토리얼"),
        ("{skill} 공식 문서의 확장 장", "배압과 큐를 다룬 논문", "용량 계획 발표 영상"),
        ("사용 중인 프레임워크의 테스트 안내서", "컨테이너 기반 통합 테스트 강의", "{skill} 공식 문서의 테스트 환경 장"),
        ("아키텍처 결정 기록 모음", "설계 문서 작성 안내서", "{skill} 메인테이너의 글"),
    )),
    ("description|detail|content|body|plan|step|action|설명|내용", (
        ("2주 동안 {subject}의 복제 환경에서 {skill:을} 다섯 가지 방법으로 고장 내 보고, 관찰한 것과 도움이 된 조치를 기록합니다.",),
        ("{subject}에 지표 세 개를 추가하고 일주일 안에 가장 느린 경로를 찾아, 95번째 백분위수를 3분의 1 줄입니다.",),
        ("{subject}의 복제 환경에 무너질 때까지 부하를 걸고 한계를 하나씩 없애, 열 배의 부하를 견딜 때까지 반복합니다.",),
        ("{subject}에서 {skill:을} 쓰는 경로마다 테스트를 작성합니다. 일부러 넣은 버그를 모두 잡아내면 끝입니다.",),
        ("{subject}의 결정 세 가지를 한 쪽씩 정리합니다. 무엇을 골랐고, 대안은 무엇이었고, 결과는 어땠는지 적습니다.",),
    )),
    ("city|place|location", (("서울",),)),
    ("country", (("대한민국",),)),
    ("language", (("한국어",),)),
    ("name|이름", (("{subject}",),)),
)  # fmt: skip
