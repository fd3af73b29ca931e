"""Contact data in texts: what says who and where a person is. It is found, named and masked, and no provider gets it.

E-mail addresses, telephone numbers (judged by libphonenumber), postal addresses, dates of birth, numbers of identity cards, and the
addresses of profiles. Every pattern is bounded, so that a text takes time in proportion to its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import phonenumbers

MASK: Final = "[…]"
KINDS: Final = ("email", "phone", "postal_address", "birth_date", "id_number", "link", "personal")
"""What is found in texts; `labels` has a word for each."""

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_ID_NUMBER = re.compile(
    r"(?<!\d)\d{6} ?[-–] ?[1-8]\d{6}(?!\d)"  # a Korean resident registration number
    r"|(?<!\d)\d{6} ?[-–] ?[1-8]\*{6}"  # … of which half is hidden already
    r"|(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"  # a US social security number
    r"|(?:주민(?:등록)?번호|외국인등록번호|여권번호|passport(?: no\.?| number)?|social security(?: no\.?| number)?|ssn|マイナンバー)"
    r"\s{0,4}[:：]?\s{0,4}[A-Z\d*][A-Z\d*-]{5,16}",
    re.IGNORECASE,
)
_DAY = (
    r"(?:(?:19|20)\d\d ?[-./年년] ?\d{1,2} ?[-./月월] ?\d{1,2}(?: ?[日일])?"
    r"|\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d\d"
    r"|\d{1,2}\.? [^\W\d_]{3,12}\.?,? (?:19|20)\d\d|[^\W\d_]{3,12}\.? \d{1,2},? (?:19|20)\d\d|(?:昭和|平成) ?\d{1,2}年 ?\d{1,2}月 ?\d{1,2}日|\d{6})"
)
_BIRTH = re.compile(
    r"(?:생년월일|생일|출생(?:일|년도)?|生年月日|date of birth|birth ?date|birthday|d\.?o\.?b\.?|geburtsdatum|date de naissance"
    r"|fecha de nacimiento|born(?: on| in)?)"
    rf"\s{{0,4}}[:：|]?\s{{0,4}}(?:{_DAY}|(?:19|20)\d\d년?(?!\d))|{_DAY} ?(?:생(?=[\s,.)]|$)|生まれ?|출생)",
    re.IGNORECASE,
)
_LABELLED_ADDRESS = re.compile(
    r"(?m)(?:^|[|•] ?)[^\S\n]{0,8}(?:[-*•] )?(?:주소|거주지|현주소|자택|住所|現住所|(?:home |postal |street |current )?address|adresse|anschrift|dirección)"
    r"[^\S\n]{0,4}(?:[:：|]\s{0,4}|\t)(?P<rest>[^\s|][^\n|]{0,200})",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충[북남]|전[북남]|경[북남]|제주|충청[북남]|전라[북남]|경상[북남])"
    r"(?:특별시|광역시|특별자치시|특별자치도|도|시)?\s(?:[가-힣]{1,8}(?:시|군|구|읍|면)\s){0,3}"
    r"[가-힣\d]{1,12}(?:로|길|동|리|가)\s?\d{1,4}(?:-\d{1,4})?(?:번?길 \d{1,4})?(?:번지)?(?:,?\s\d{1,4}(?:동|호|층)){0,3}"
    r"|〒 ?\d{3}-\d{4}[^\n,|]{0,60}[^\s,|]"
    r"|(?<![\w-])\d{1,5} (?:[A-Z][A-Za-z'.]{1,20} ){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Square|Sq)\b\.?"
    r"(?:,? (?:Apt|Suite|Unit|#) ?[\w-]{1,6})?(?:, [A-Z][A-Za-z .'-]{1,30}){0,2}(?:,? ?(?:[A-Z]{2} )?\d{5}(?:-\d{4})?)?"
)
_PROFILE = re.compile(
    r"(?:https?://)?(?<![\w.-])(?:[a-z]{2,3}\.)?(?:www\.)?(?:linkedin\.com/(?:in|pub)|facebook\.com|instagram\.com|(?:x|twitter)\.com|t\.me"
    r"|open\.kakao\.com|threads\.net)/[\w%.@/-]{1,120}"
    r"|(?:https?://)?(?<![\w.-])(?:www\.)?git(?:hub|lab)\.com/[\w-]{1,39}(?![\w-])(?!/[\w.-])/?",  # a repository is work
    re.IGNORECASE,
)
_PERSONAL = re.compile(
    r"(?:nationality|gender|marital status|성별|국적|나이|결혼여부|병역|性別|国籍|年齢)[^\S\n]{0,4}[:：|][^\S\n]{0,4}(?P<rest>[^\s|][^\n|]{0,40})",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.,+(/-])(?P<number>(?:\(?\+|\()?\d[\d ().\-–]{5,22}\d)(?![\w/%]|[,.]\d)")
_PHONE_LABEL = re.compile(
    r"(?:tel|phone|mobile|cell|fax|téléphone|telefon|handy|móvil|전화|휴대폰|휴대전화|핸드폰|연락처|전화번호|번호|電話|携帯)"
    r"(?:번호|番号| no\.?| number)?[^\S\n]{0,4}[:：.|)\t]?[^\S\n]{0,4}$",
    re.IGNORECASE,
)
_NO_PHONE = re.compile(r"^\d+\.\d+$|(?:19|20)\d\d ?[-./–]|^\d{1,2}[-./]\d{1,2}[-./]\d{4}|(?:19|20)\d\d$")
_NATIONAL: Final = ("KR", "US", "JP", "GB", "DE", "FR")
"""Regions whose national numbers are known as they are dialled; of others a number is known with its `+`, or by a word before it."""


def masked(text: str) -> tuple[str, list[str]]:
    """The text with contact data masked, and the kinds of what was found, each as often as it was."""
    found: list[str] = []

    def taken(kind: str) -> Callable[[re.Match[str]], str]:
        def replace(match: re.Match[str]) -> str:
            found.append(kind)
            if "rest" in match.re.groupindex:
                return match[0][: match.start("rest") - match.start()] + MASK
            return MASK

        return replace

    for kind, pattern in _PATTERNS:
        text = pattern.sub(taken(kind), text)
    text, phones = _without_phones(text)
    return text, found + phones


_PATTERNS: Final = (
    ("email", _EMAIL),
    ("link", _PROFILE),
    ("birth_date", _BIRTH),
    ("id_number", _ID_NUMBER),
    ("postal_address", _LABELLED_ADDRESS),
    ("postal_address", _ADDRESS),
    ("personal", _PERSONAL),
)


def _without_phones(text: str) -> tuple[str, list[str]]:
    pieces: list[str] = []
    end = 0
    for match in _NUMBER.finditer(text):
        if _is_phone(match["number"], text[max(0, match.start() - 24) : match.start()]):
            pieces += [text[end : match.start()], MASK]
            end = match.end()
    return "".join([*pieces, text[end:]]), ["phone"] * (len(pieces) // 2)


def _is_phone(number: str, before: str) -> bool:
    digits = sum(character.isdigit() for character in number)
    if not 7 <= digits <= 15:
        return False
    if _PHONE_LABEL.search(before):
        return True
    if _NO_PHONE.search(number):
        return False
    return any(phonenumbers.is_valid_number(parsed) for parsed in _parsed(number))


def _parsed(number: str) -> Iterator[phonenumbers.PhoneNumber]:
    regions: tuple[str | None, ...] = (None,)
    if "+" not in number:
        grouped = number.startswith("(") or any(sign in number for sign in "-. )")
        regions = (
            _NATIONAL if number.startswith(("0", "(0")) else ("KR", "US") if grouped and _GROUPS.match(number) else ()
        )
    for region in regions:
        try:
            yield phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            continue


_GROUPS = re.compile(r"\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}$|1[568]\d\d-\d{4}$")
"""A North American number, or a Korean one of a company, as they are grouped."""
