"""The words of the terminal, in both languages."""

from __future__ import annotations

from typing import Final

from career_coach.contacts import KINDS
from career_coach.language import Language

LABELS: Final[dict[Language, dict[str, str]]] = {
    "en": {
        "title": "Career coach",
        "simulated": "simulated",
        "no_key": "No API key is set, so local stand-ins answered: what you see is no model's work.",
        "broken": "Providers were broken on purpose, so local stand-ins answered: what you see is no model's work.",
        "unbilled": "Costs are list prices for what a model would have used (on Gemini's free tier, $0); nothing was billed.",
        "resume": "Résumé",
        "months": "{months} months of experience",
        "counts": "{companies} companies, {projects} projects, {skills} technologies",
        "withheld": "Contact data was left out of the prompt: {detail}",
        "email": "e-mail address",
        "phone": "telephone number",
        "postal_address": "postal address",
        "birth_date": "date of birth",
        "id_number": "identity number",
        "link": "profile link",
        "personal": "personal details",
        "shortened": "The résumé is long: its texts and lists were shortened for the prompt ({detail} characters).",
        "cut": "The résumé is long: its end was left out of the prompt ({detail} characters).",
        "questions": "Interview questions",
        "path": "Learning path",
        "feedback": "Feedback",
        "covers": "A good answer covers",
        "topic": "About",
        "strengths": "Strengths",
        "weaknesses": "Weaknesses",
        "summary": "Summary",
        "reason": "Why",
        "resources": "Resources",
        "attempts": "Attempts",
        "target": "Target",
        "outcome": "Outcome",
        "time": "Time",
        "tokens": "Tokens in/out",
        "cost": "Cost",
        "at_most": "At most",
        "total": "Total",
        "failed": "failed",
        "error": "error",
        "asking": "asking {target}",
        "waiting": "waiting",
        "easy": "easy",
        "medium": "medium",
        "hard": "hard",
        "implementation": "implementation",
        "trade-off": "trade-off",
        "performance": "performance",
        "reliability": "reliability",
        "scalability": "scalability",
        "quality": "quality",
        "collaboration": "collaboration",
        "business": "business",
        "strength": "builds on a strength",
        "weakness": "closes a gap",
        "ok": "answered",
        "lost": "process ended",
        "pending": "not ended",
        "cancelled": "cancelled",
        "skipped": "skipped",
        "rate": "rate-limited",
        "money": "out of credit",
        "overload": "provider error",
        "auth": "key refused",
        "model_gone": "model gone",
        "capability": "can't take it",
        "policy": "declined",
        "caller": "refused",
        "transport": "unreachable",
        "broken_answer": "broke off",
        "stall": "silent",
        "invalid": "invalid answer",
    },
    "ko": {
        "title": "커리어 코치",
        "simulated": "시뮬레이션",
        "no_key": "API 키가 설정되지 않아 로컬 모의 서버가 답했습니다. 모델이 만든 결과가 아닙니다.",
        "broken": "일부러 장애를 일으킨 실행이므로 로컬 모의 서버가 답했습니다. 모델이 만든 결과가 아닙니다.",
        "unbilled": "비용은 실제 모델이었다면 들었을 금액을 정가로 계산한 것이며(Gemini 무료 등급이라면 $0), 청구되지 않습니다.",
        "resume": "이력서",
        "months": "경력 {months}개월",
        "counts": "회사 {companies}곳, 프로젝트 {projects}개, 기술 {skills}개",
        "withheld": "개인정보를 프롬프트에서 제외했습니다: {detail}",
        "email": "이메일 주소",
        "phone": "전화번호",
        "postal_address": "주소",
        "birth_date": "생년월일",
        "id_number": "주민등록번호 등 식별 번호",
        "link": "프로필 링크",
        "personal": "신상 정보",
        "shortened": "이력서가 길어 글과 목록을 줄여 프롬프트에 넣었습니다({detail}자).",
        "cut": "이력서가 길어 뒷부분을 프롬프트에서 제외했습니다({detail}자).",
        "questions": "면접 질문",
        "path": "학습 경로",
        "feedback": "피드백",
        "covers": "좋은 답변에 담길 내용",
        "topic": "주제",
        "strengths": "강점",
        "weaknesses": "보완할 점",
        "summary": "요약",
        "reason": "이유",
        "resources": "학습 자료",
        "attempts": "시도 내역",
        "target": "제공자",
        "outcome": "결과",
        "time": "시간",
        "tokens": "토큰 입력/출력",
        "cost": "비용",
        "at_most": "최대",
        "total": "합계",
        "failed": "실패",
        "error": "오류",
        "asking": "{target}에 요청 중",
        "waiting": "대기 중",
        "easy": "쉬움",
        "medium": "보통",
        "hard": "어려움",
        "implementation": "구현",
        "trade-off": "트레이드오프",
        "performance": "성능",
        "reliability": "안정성",
        "scalability": "확장성",
        "quality": "품질",
        "collaboration": "협업",
        "business": "비즈니스",
        "strength": "강점 강화",
        "weakness": "약점 보완",
        "ok": "응답",
        "lost": "프로그램 종료",
        "pending": "진행 중",
        "cancelled": "취소",
        "skipped": "건너뜀",
        "rate": "요청 한도 초과",
        "money": "잔액·할당량 소진",
        "overload": "서버 이상",
        "auth": "키 거부",
        "model_gone": "모델 종료",
        "capability": "처리 불가",
        "policy": "답변 거절",
        "caller": "요청 거부",
        "transport": "연결 실패",
        "broken_answer": "답변 끊김",
        "stall": "무응답",
        "invalid": "형식 오류",
    },
}


class Labels:
    """The words of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._words = LABELS[language]

    def __call__(self, name: str, /, **values: object) -> str:
        return self._words[name].format(**values)

    def outcome(self, outcome: str) -> str:
        """The word for an attempt's outcome; one that is not known stands for itself."""
        return self._words.get("broken_answer" if outcome == "broken" else outcome, outcome)

    def notice(self, kind: str, detail: str) -> str:
        """A notice in words; what was withheld is named by its kind, or by the field's own name."""
        if kind == "withheld":
            detail = ", ".join(map(self.withheld, detail.split(", ")))
        return self(kind, detail=detail)

    def withheld(self, name: str) -> str:
        """The word for a kind of contact data; a field that was left out stands for itself."""
        return self._words[name] if name in KINDS else name

    def titled(self, name: str, *, simulated: bool) -> str:
        """A heading, which says so where what follows is simulated."""
        return f"{self(name)} ({self('simulated')})" if simulated else self(name)
