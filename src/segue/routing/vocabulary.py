"""The words and marks that tell what kind of work a text asks for, in English and Korean.

Each belongs to one `Cue`. They name kinds of work (calculating, weighing a cause, writing a story), not topics that were hard for
some model: what a model finds hard changes from model to model, what is asked for does not. Korean words are stems: a word of a text
belongs to the longest stem that it begins with, up to four syllables; stems of one syllable have to be the whole word.
"""

from __future__ import annotations

from enum import IntEnum


class Cue(IntEnum):
    """What a word speaks of; the value is its place in a list of counts."""

    FACT = 0
    REASON = 1
    MATH = 2
    QUANTITY = 3
    TIME = 4
    SEQUENCE = 5
    CODE = 6
    LOGIC = 7
    CONSTRAINT = 8
    CHANGE = 9
    NEGATION = 10
    SCENE = 11
    CREATIVE = 12
    CHAT = 13
    TRANSFORM = 14
    OPERATOR = 15
    FORMULA = 16
    EXPLAIN = 17
    QUESTION = 18
    STOP = 19


ENGLISH: dict[Cue, str] = {
    Cue.FACT: "who whom whose when where which what name named called born founded located capital",
    Cue.REASON: (
        "why how prove proof derive show justify analyze analyse evaluate design plan argue infer deduce determine determined strategy "
        "approach optimize optimise step steps reason reasons reasoning think because since"
    ),
    Cue.EXPLAIN: (
        "explain explanation describe description discuss compare contrast overview introduction introduce difference differences "
        "importance important history historical role impact influence significance concept concepts insight insights examples example "
        "define definition meaning mean culture society tell"
    ),
    Cue.MATH: (
        "calculate compute solve sum product equation equations probability integral derivative function polynomial matrix vector triangle "
        "circle angle area volume perimeter radius diameter factor factors prime integer integers divisible remainder ratio fraction "
        "percent percentage average mean median variance deviation square root cube log graph parallel perpendicular coordinate "
        "coordinates theorem algebra geometry value values simplify evaluate formula estimate approximately hypothesis regression "
        "coefficient sequence series permutation combinations modulo digits digit number numbers expression"
    ),
    Cue.QUANTITY: (
        "total each per twice half double triple remaining left many much altogether times cost costs price paid pay spends spent dollars "
        "cents miles feet meters kilometers pounds gallons liters kg km cm dozen third "
        "quarter every more less fewer than equally share shares earns earn sells sold buys bought speed distance amount rate one two "
        "three four five six seven eight nine ten"
    ),
    Cue.CODE: (
        "python javascript typescript java rust golang sql html css bash shell code coding program programs programming script implement "
        "implementation algorithm array arrays string strings list lists tuple dict dictionary return returns def class method variable "
        "loop recursion recursive regex api json yaml bug debug exception compile compiler database query server git docker kubernetes "
        "linux pointer thread async await null boolean int float print import const void public static refactor stack queue linked binary "
        "complexity runtime endpoint http unittest pytest parse function functions procedure"
    ),
    Cue.LOGIC: (
        "if then therefore thus hence implies imply implied argument arguments premise premises conclusion valid invalid true false "
        "statement statements assume suppose given unless either neither both iff consistent contradiction logically logic follows "
        "necessarily sufficient necessary fallacy whether would clue clues puzzle exactly all some none"
    ),
    Cue.CREATIVE: (
        "story poem essay blog email letter song lyrics haiku novel character dialogue scene screenplay roleplay pretend imagine "
        "imaginative creative persona tone style slogan tagline joke funny humorous witty compelling vivid engaging persuasive travel "
        "caption tweet post speech toast metaphor metaphors narrator article paragraph paragraphs draft compose embody act role"
    ),
    Cue.CHAT: (
        "hello hi hey thanks thank please sorry good morning night welcome bye lol ok okay cool nice love feel feeling today weekend "
        "recommend recommendation advice favorite favourite tips suggest suggestion suggestions ideas opinion chat"
    ),
    Cue.TRANSFORM: (
        "translate translation summarize summarise summary rewrite rephrase paraphrase proofread correct edit grammar extract classify "
        "categorize identify format table csv convert shorten expand bullet headline title review reviews sentiment"
    ),
    Cue.CONSTRAINT: (
        "must only least most maximum minimum limit within without between except ensure avoid require requires required exceed should "
        "shall constraint constraints respectively distinct different unique optimal satisfy satisfies allowed"
    ),
    Cue.CHANGE: (
        "increase increases increased increasing decrease decreases decreased decreasing rise rises rising fall falls falling higher lower "
        "greater smaller effect effects affect affects cause causes caused result results lead leads shift shifts curve demand supply "
        "change changes changed constant compared relationship depends faster slower larger reduce reduces reduced"
    ),
    Cue.NEGATION: "not no never cannot isn doesn don didn won nor incorrect untrue",
    Cue.TIME: "hour hours minute minutes second seconds day days week weeks month months year years daily weekly",
    Cue.SEQUENCE: "first next after before finally until while during again later initially meanwhile",
    Cue.SCENE: (
        "he she his her him hers they them their himself herself man woman boy girl husband wife brother sister mother father family "
        "friend friends student students people"
    ),
}

KOREAN: dict[Cue, str] = {
    Cue.FACT: "누구 누가 언제 어디 어느 무엇 무슨 뭐 이름 수도 태어",
    Cue.REASON: (
        "왜 어떻게 증명 유도 분석 평가 설계 계획 논증 추론 판단 전략 이유 때문 단계 생각 근거 최적 방법 보이시 보여라"
    ),
    Cue.EXPLAIN: "설명 묘사 논하 논의 비교 대조 개요 소개 차이 중요 역사 영향력 의의 개념 통찰 예시 예를 정의 의미 문화 사회",
    Cue.MATH: (
        "계산 구하 구해 풀어 풀이 방정식 확률 적분 미분 도함수 함수 다항식 행렬 벡터 삼각형 원의 각도 넓이 면적 부피 둘레 반지름 지름 "
        "약수 소수 정수 나머지 나누어 비율 분수 퍼센트 백분율 평균 중앙값 분산 표준편차 제곱 제곱근 로그 그래프 평행 수직 좌표 정리 대수 "
        "기하 공식 근사 가설 회귀 계수 수열 순열 조합 자릿수 숫자 식을 값을 값은 합은 합을 자연수 최솟값 최댓값 곱은 곱을"
    ),
    Cue.QUANTITY: (
        "총 모두 전부 각각 당 두배 절반 남은 남는 남았 얼마 몇 배 비용 가격 지불 원을 원이 원에 만원 천원 달러 "
        "킬로 미터 리터 그램 개 명 속력 속도 거리 더 보다 한 두 세 네 다섯 여섯 마다 합계 팔아 팔았 샀다"
    ),
    Cue.CODE: (
        "파이썬 자바 자바스크립트 코드 코딩 프로그램 프로그래밍 스크립트 구현 알고리즘 배열 문자열 리스트 튜플 딕셔너리 반환 클래스 메서드 "
        "변수 반복문 재귀 정규식 정규표 버그 디버 예외 컴파일 데이터베이스 쿼리 서버 도커 리눅스 포인터 스레드 비동기 리팩터 스택 큐 "
        "이진 복잡도 엔드포인트 파싱 테스트"
    ),
    Cue.LOGIC: (
        "만약 만일 따라서 그러므로 논증 전제 결론 타당 참 거짓 명제 진술 가정 가정하 주어진 모순 논리 필연 충분 필요 오류 단서 퍼즐 "
        "정확히 모든 어떤 하나도 라면 이면"
    ),
    Cue.CREATIVE: (
        "이야기 시를 에세이 블로그 이메일 메일 편지 노래 가사 소설 등장인물 대화 장면 대본 역할극 연기 상상 창의 "
        "말투 문체 슬로건 농담 재미있 유머 재치 여행 캡션 게시글 연설 축사 은유 글을 문단 초안 척하 역할"
    ),
    Cue.CHAT: (
        "안녕 고마 감사 부탁 미안 죄송 좋은 반가 잘자 오늘 주말 추천 조언 좋아하 팁 알려 알려줘 제안 아이디어 의견 기분 느낌 요즘 심심 "
        "축하"
    ),
    Cue.TRANSFORM: (
        "번역 요약 고쳐 다듬 바꿔 교정 문법 추출 분류 형식 표로 변환 줄여 늘려 제목 리뷰 감정 정리해 맞춤법"
    ),
    Cue.CONSTRAINT: (
        "반드시 오직 최소 최대 이상 이하 이내 제한 없이 사이 제외 해야 하지 조건 서로 다른 만족 허용 넘지 초과 미만 최적 않도록 되도록"
    ),
    Cue.CHANGE: (
        "증가 감소 상승 하락 높아 낮아 커지 작아 영향 효과 원인 결과 초래 이동 곡선 수요 공급 변화 변하 일정 관계 빨라 느려 줄어 늘어 올라 "
        "내려"
    ),
    Cue.NEGATION: "아니 않은 않는 않다 없는 없다 못하 안 옳지 틀린",
    Cue.TIME: "시간 분 초 일 주 개월 년 하루 매일 매주 동안",
    Cue.SEQUENCE: "먼저 처음 그다음 다음에 이후 후에 전에 나중 마지막 그동안 다시 때까지",
    Cue.SCENE: "그는 그녀 그의 그가 그를 그들 남자 여자 남편 아내 소년 소녀 형제 누나 동생 어머니 아버지 가족 친구 학생 사람",
}

MARKS: dict[Cue, str] = {
    Cue.OPERATOR: "= + * / ^ < > ≤ ≥ ≠ × ÷ ± % → ⇒ ∧ ∨ ¬ ∀ ∃ ∈ ∪ ∩ ∼ ~ ≡ ⊃ |",
    Cue.FORMULA: "\\ $ √ ∑ ∫ π ∞ θ λ μ σ Δ α β ω °",
    Cue.QUESTION: "? ？",
    Cue.STOP: ". ! 。",
}


def table(words: dict[Cue, str]) -> dict[str, int]:
    """From each word to its cue's value; the first cue that names a word keeps it."""
    found: dict[str, int] = {}
    for cue, line in words.items():
        for word in line.split():
            found.setdefault(word, cue.value)
    return found


LATIN_TABLE = table(ENGLISH) | table(MARKS)
HANGUL_TABLE = table(KOREAN)
