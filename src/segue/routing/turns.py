"""What a caller's next turn says of the answer before it. Pure.

A request ends with a user's turn. Its `mark` is a checksum of that turn and of its place in the conversation, `before` that of the user's turn
before it: with these two numbers, and without any text, the ledger can tell that a request was sent again, and which request it goes on from.
`verdict` is what the turn says of the answer it follows: "bad" where it complains or asks for the same once more, "good" where it thanks,
"on" where it goes on with something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from segue.chat.request import ChatRequest

EDGE = 300
"""Characters at each end of a turn that its mark is made of."""
HEAD = 160
"""Characters of a turn in which a complaint or thanks are looked for."""

_COMPLAINS = re.compile(
    r"\b(?:wrong|incorrect|try again|not what i|(?:doesn|didn|isn|won)['’]?t (?:work|help|correct|right)|still (?:not|fails?|broken|the same)|no, |"
    r"incorrecto|equivocad[oa]|no funciona|otra vez|no es lo que|sigue sin|"
    r"falsch|funktioniert nicht|stimmt nicht|nochmal|noch einmal|nicht das|"
    r"faux|incorrect|ne (?:marche|fonctionne) pas|réessaie|ce n['’]est pas)\b"
    r"|틀렸|틀린|아니야|아니에요|아닌데|다시 (?:해|써|작성|확인)|안 ?돼|안 ?되|잘못|여전히"
    r"|違(?:い|う)|間違|もう一度|やり直|動かない|動きません|直って(?:い)?ない|うまくいか"
    r"|不对|错了|不行|重新|再(?:来|试|写)一|还是(?:不|报错|一样)|没有?用",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"\b(?:thanks|thank you|perfect|great|works now|that works|gracias|perfecto|genial|danke|perfekt|super|klappt|merci|parfait|nickel)\b"
    r"|고마|감사|완벽|잘 ?되네|됐어요|ありがとう|助かり|完璧|できました|谢谢|完美|可以了|搞定",
    re.IGNORECASE,
)


class Turn(NamedTuple):
    """`mark` and `before` are eight hexadecimal digits; `before` and `verdict` are "" in a conversation's first turn."""

    mark: str
    before: str = ""
    verdict: str = ""


def turn_of(request: ChatRequest) -> Turn | None:
    """None where the request does not end with what a user says, such as with a tool's result."""
    if not request.messages or request.messages[-1].role != "user" or not request.messages[-1].text:
        return None
    texts = _texts(request)
    last = next(texts)
    place = sum(message.role == "user" for message in request.messages)
    mark = _mark(last, place)
    earlier = next(texts, "")
    if not earlier:
        return Turn(mark)
    head = last[:HEAD]
    again = earlier[:EDGE].strip() == last[:EDGE].strip()
    verdict = "bad" if again or _COMPLAINS.search(head) else "good" if _THANKS.search(head) else "on"
    return Turn(mark, _mark(earlier, place - 1), verdict)


def _texts(request: ChatRequest) -> Iterator[str]:
    """The texts of the user's turns, the latest first. A turn of tool results alone has none."""
    return (text for message in reversed(request.messages) if message.role == "user" and (text := message.text))


def _mark(text: str, place: int) -> str:
    edges = text if len(text) <= 2 * EDGE else text[:EDGE] + text[-EDGE:]
    return f"{crc32(edges.encode('utf-8', 'surrogatepass'), place):08x}"
