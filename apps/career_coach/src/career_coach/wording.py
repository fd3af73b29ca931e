"""What goes wrong, in the reader's language: one table by error class, one by an attempt's outcome, one by the coach's own error codes.

English keeps Segue's and the providers' own words. Korean has a sentence for each class, because those words are English; they stay in
an attempt's `detail` and in the ledger.
"""

from __future__ import annotations

import locale
import os
from typing import Final

from career_coach.language import Language
from segue import (
    APIConnectionError,
    AttemptSummary,
    AuthenticationError,
    ConfigurationError,
    ContentRefusedError,
    DeadlineExceededError,
    InvalidRequestError,
    LLMServiceUnavailableError,
    RateLimitError,
    SegueError,
    StreamInterruptedError,
)


class CoachError(ValueError):
    """A résumé or an option that is wrong. `str()` is the English line.

    `code` is a key of `PROBLEMS`, `values` what its text names, `source` the file at fault, if it is one.
    """

    def __init__(self, code: str, *, source: str = "", **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.source = source
        self.values = values

    def __str__(self) -> str:
        return explained(self, "en")


class CutAnswerError(LLMServiceUnavailableError):
    """An answer ended before its document was complete, most often at its token limit."""


PROBLEMS: Final[dict[str, dict[Language, str]]] = {
    "unreadable": {"en": "it cannot be read", "ko": "읽을 수 없습니다"},
    "FileNotFoundError": {"en": "No such file or directory", "ko": "파일이 없습니다"},
    "IsADirectoryError": {"en": "Is a directory", "ko": "파일이 아니라 디렉터리입니다"},
    "PermissionError": {"en": "Permission denied", "ko": "접근 권한이 없습니다"},
    "empty": {"en": "it is empty", "ko": "내용이 없습니다"},
    "too_large": {
        "en": "it is larger than {megabytes} MB: is it a résumé?",
        "ko": "{megabytes}MB보다 큽니다. 이력서 파일인지 확인하세요",
    },
    "needs_web": {
        "en": "reading PDF, Word and Hangul documents needs more packages: pip install 'segue-career-coach[web]'",
        "ko": "PDF·Word·한글 문서를 읽으려면 패키지가 더 필요합니다. pip install 'segue-career-coach[web]'",
    },
    "archive": {
        "en": "it is an archive, but neither a Word (docx) nor a Hangul (hwpx) document",
        "ko": "압축 파일이지만 Word(docx) 문서도 한글(hwpx) 문서도 아닙니다",
    },
    "password": {
        "en": "it is protected by a password: save it without one",
        "ko": "암호가 걸려 있습니다. 암호를 해제하고 저장하세요",
    },
    "no_text": {
        "en": "it has no text in it, perhaps only a scanned picture: save it as text or paste the text",
        "ko": "글자가 들어 있지 않습니다. 스캔한 이미지라면 글을 붙여 넣으세요",
    },
    "damaged": {"en": "the file is damaged and cannot be read", "ko": "파일이 손상되어 읽을 수 없습니다"},
    "limits": {
        "en": "it takes too much time or memory to read: is it a résumé?",
        "ko": "읽는 데 시간이나 메모리가 너무 많이 듭니다. 이력서 파일인지 확인하세요",
    },
    "rich_text": {
        "en": "it is rich text (RTF): save it as text or JSON first",
        "ko": "서식 있는 텍스트(RTF)입니다. 일반 텍스트나 JSON으로 저장하세요",
    },
    "picture": {
        "en": "it is a picture: save it as text or JSON first",
        "ko": "이미지입니다. 텍스트나 JSON으로 저장하세요",
    },
    "binary": {"en": "it is neither text nor JSON", "ko": "텍스트도 JSON도 아닙니다"},
    "encoding": {
        "en": "its character encoding is not clear: save it as UTF-8",
        "ko": "문자 인코딩을 알 수 없습니다. UTF-8로 저장하세요",
    },
    "nested": {"en": "its JSON is nested too deeply", "ko": "JSON의 중첩이 너무 깊습니다"},
    "no_json": {"en": "it is not valid JSON: {detail}", "ko": "올바른 JSON이 아닙니다({detail})"},
    "no_object": {
        "en": "a résumé in JSON must be one object with fields such as summary, work_experiences, technical_skills",
        "ko": "JSON 이력서는 summary, work_experiences, technical_skills 같은 필드를 가진 객체 하나여야 합니다",
    },
    "nothing_to_ask": {
        "en": "the résumé says nothing to ask about: give it a summary, work experience, projects or skills",
        "ko": "질문할 내용이 없습니다. 요약, 경력, 프로젝트, 기술 중 하나는 적어 주세요",
    },
    "no_key": {
        "en": "{target} has no key: set {variable} or leave it out of --chain",
        "ko": "{target}의 API 키가 없습니다. {variable}를 설정하거나 --chain에서 빼세요",
    },
    "no_target": {
        "en": "--break {name}: the chain has no such target ({targets})",
        "ko": "--break {name}: 체인에 없는 이름입니다({targets})",
    },
    "chain": {
        "en": "--chain {value!r} must name each of its targets once, and at least one",
        "ko": "--chain {value!r}: 하나 이상의 이름을 중복 없이 적어야 합니다",
    },
    "no_directory": {"en": "--json {file}: there is no such directory", "ko": "--json {file}: 디렉터리가 없습니다"},
    "directory": {"en": "--json {file}: it is a directory", "ko": "--json {file}: 디렉터리입니다"},
    "unwritable": {"en": "--json {file}: it cannot be written", "ko": "--json {file}: 쓸 수 없습니다"},
    "deadline": {"en": "--deadline must be a number of seconds", "ko": "--deadline에는 초 단위의 수를 적어야 합니다"},
}

_ERRORS: Final[dict[type[SegueError], str]] = {
    ConfigurationError: "설정이 잘못되었습니다: {message}",
    ContentRefusedError: "제공자가 이 내용에 대한 답변을 거절했습니다",
    InvalidRequestError: "제공자가 요청을 받아들이지 않았습니다. 이력서의 길이와 설정을 확인하세요",
    RateLimitError: "모든 제공자가 요청 한도에 걸려 있습니다",
    AuthenticationError: "모든 제공자가 API 키를 거부했습니다. 키를 확인하세요",
    APIConnectionError: "어느 제공자에도 연결할 수 없습니다. 네트워크와 주소를 확인하세요",
    DeadlineExceededError: "제한 시간 안에 답을 준 제공자가 없습니다",
    StreamInterruptedError: "답변이 중간에 끊겼고 이어 갈 수 없었습니다",
    CutAnswerError: "답변이 끝까지 작성되지 않았습니다",
    LLMServiceUnavailableError: "모든 제공자가 답하지 못했습니다",
    SegueError: "요청을 처리하지 못했습니다",
}

_OUTCOMES: Final[dict[str, str]] = {
    "ok": "답변했습니다",
    "cancelled": "필요가 없어져 취소했습니다",
    "skipped": "지금은 사용할 수 없어 건너뛰었습니다",
    "lost": "프로그램이 도중에 종료되었습니다",
    "pending": "아직 끝나지 않았습니다",
    "rate": "요청 한도를 넘었습니다",
    "money": "잔액이나 할당량이 남아 있지 않습니다",
    "overload": "제공자의 서버에 문제가 있습니다",
    "auth": "API 키나 지역이 거부되었습니다",
    "model_gone": "제공이 종료된 모델입니다",
    "capability": "이 모델이 처리할 수 없는 요청입니다",
    "policy": "제공자가 이 내용에 대한 답변을 거절했습니다",
    "caller": "제공자가 요청이 잘못되었다고 답했습니다",
    "transport": "서버에 연결할 수 없거나 연결이 끊겼습니다",
    "broken": "답변이 도중에 끊겼거나 비어 있습니다",
    "stall": "정해진 시간 동안 응답이 없었습니다",
    "invalid": "요구한 형식이나 규칙에 맞지 않는 답변입니다",
}


def explained(error: Exception, language: Language) -> str:
    """What an error means to the reader: a line, and one more for each attempt where the error has attempts."""
    if isinstance(error, CoachError):
        source = f"{error.source}: " if error.source else ""
        return source + PROBLEMS[error.code][language].format(**error.values)
    if language == "en" or not isinstance(error, SegueError):
        return str(error)
    sentence = next(_ERRORS[kind] for kind in type(error).__mro__ if kind in _ERRORS)
    lines = [sentence.format(message=error), *map(_attempt_line, getattr(error, "attempts", ()))]
    return "\n".join(lines)


def reason(outcome: str, detail: str, language: Language, status: int | None = None) -> str:
    """Why an attempt ended as it did. `detail` is Segue's or the provider's own text, in English; "" after an answer."""
    if language == "en" or not detail or outcome not in _OUTCOMES:
        return detail
    return f"{_OUTCOMES[outcome]}(HTTP {status})" if status else _OUTCOMES[outcome]


def system_language() -> Language:
    """The language of the user's locale, for what is shown before a résumé was read.

    Its variables count even where the locale itself is not installed, as in most containers; Windows has none of them.
    """
    variables = filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG")))
    name = next(variables, None) or locale.getlocale()[0] or ""
    return "ko" if name.lower().startswith("ko") else "en"


def _attempt_line(attempt: AttemptSummary) -> str:
    text = reason(attempt.outcome, attempt.reason or attempt.outcome, "ko", attempt.status)
    wait = f", {attempt.recovers_in:.0f}초 뒤에 회복될 수 있습니다" if attempt.recovers_in else ""
    return f"  {attempt.target} [{attempt.model}]: {text}{wait}"
