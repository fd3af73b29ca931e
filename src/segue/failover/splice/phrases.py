"""The prompt by which a model without prefill is asked to continue, and the phrases by which an answer to that prompt is recognised.

The turn is written as the user whose connection dropped, in the language of the answer. It quotes the last words that arrived and asks
to repeat them: models take an operator's notice for an injection, and a model that is only asked to continue drops the whitespace
at the seam.
"""

from __future__ import annotations

import re
from typing import Final

from segue.failover.splice.folding import fold

ANCHOR: Final = 40
"""Characters of the text's end that are quoted …"""

_WORD: Final = 20
"""… and how many more, at most, so that the quotation begins with a word."""

_DEMANDS: Final = {
    "en": (
        "My connection dropped in the middle of your answer. The last words that reached me are:\n\n{anchor}\n\n"
        "Please send me the rest: begin by repeating exactly these words, and then go straight on from there to the end of your "
        "answer. Write nothing before them, and nothing about the interruption."
    ),
    "ko": (
        "답변을 받는 도중에 제 연결이 끊겼습니다. 마지막으로 받은 내용은 다음과 같습니다.\n\n{anchor}\n\n"
        "나머지를 보내 주세요. 먼저 위의 글자를 그대로 한 번 반복한 다음, 바로 이어서 답변을 끝까지 써 주세요. "
        "그 앞에 다른 말을 쓰지 말고, 끊김에 대해서도 언급하지 마세요."
    ),
    "ja": (
        "回答の途中で私の接続が切れました。最後に届いたのは次の部分です。\n\n{anchor}\n\n"
        "続きを送ってください。まず上の文字列をそのまま繰り返し、そこから切れ目なく最後まで書いてください。"
        "その前には何も書かず、中断についても触れないでください。"
    ),
    "zh": (
        "我的连接在你回答到一半时断开了。我收到的最后内容是：\n\n{anchor}\n\n"
        "请把剩下的部分发给我：先一字不差地重复上面这段文字，然后紧接着把回答写完。前面不要写任何其他内容，也不要提到中断。"
    ),
    "de": (
        "Meine Verbindung ist mitten in deiner Antwort abgebrochen. Das Letzte, was bei mir ankam, ist:\n\n{anchor}\n\n"
        "Bitte schick mir den Rest: Wiederhole zuerst genau diese Worte und schreib dann direkt von dort bis zum Ende weiter. "
        "Schreib nichts davor und nichts über die Unterbrechung."
    ),
    "fr": (
        "Ma connexion a été coupée au milieu de ta réponse. Les derniers mots que j'ai reçus sont :\n\n{anchor}\n\n"
        "Envoie-moi la suite, s'il te plaît : commence par répéter exactement ces mots, puis continue directement jusqu'à la fin de "
        "ta réponse. N'écris rien avant et rien sur l'interruption."
    ),
    "es": (
        "Se me cortó la conexión en mitad de tu respuesta. Lo último que me llegó es:\n\n{anchor}\n\n"
        "Envíame el resto, por favor: empieza repitiendo exactamente esas palabras y sigue directamente desde ahí hasta el final de "
        "tu respuesta. No escribas nada antes ni menciones la interrupción."
    ),
    "pt": (
        "A minha conexão caiu no meio da sua resposta. As últimas palavras que recebi são:\n\n{anchor}\n\n"
        "Envie o resto, por favor: comece repetindo exatamente essas palavras e continue diretamente daí até o fim da resposta. "
        "Não escreva nada antes e não mencione a interrupção."
    ),
    "it": (
        "La mia connessione è caduta a metà della tua risposta. Le ultime parole che ho ricevuto sono:\n\n{anchor}\n\n"
        "Mandami il resto, per favore: comincia ripetendo esattamente queste parole e poi prosegui direttamente da lì fino alla fine "
        "della risposta. Non scrivere nulla prima e non parlare dell'interruzione."
    ),
    "ru": (
        "Посреди вашего ответа у меня оборвалась связь. Последнее, что до меня дошло:\n\n{anchor}\n\n"
        "Пришлите, пожалуйста, остальное: сначала повторите эти слова в точности, а затем сразу продолжайте до конца ответа. "
        "Перед ними ничего не пишите и о перерыве не упоминайте."
    ),
}
"""By ISO 639-1 code."""

_SCRIPTS: Final = (
    ("ko", re.compile(r"[가-힣]")),
    ("ja", re.compile(r"[ぁ-んァ-ヶ]")),
    ("zh", re.compile(r"[一-鿿]")),
    ("ru", re.compile(r"[а-яё]", re.IGNORECASE)),
)

_COMMON: Final = {
    "en": " the of and to in is that it for was with as on are this be by ",
    "de": " der die das und ist nicht ein eine zu den mit von sich auf für im dem ",
    "fr": " le la les de des et est une un dans que pour qui sur au pas du ",
    "es": " el la los las de y que en es un una por con para se del al ",
    "pt": " o a os as de e que em um uma do da não com para é no na ",
    "it": " il lo la gli di e che in un una per non con è della del sono ",
}
"""Each language's most common words, separated by blanks."""

_SAMPLE: Final = 600
"""Characters at the end of an answer by which its language is detected."""


def anchor_of(delivered: str) -> str:
    """The last words of a text, about `ANCHOR` characters."""
    text = delivered.rstrip()
    start = max(0, len(text) - ANCHOR)
    least = max(0, start - _WORD)
    while start > least and not text[start - 1].isspace():
        start -= 1
    return text[start:].lstrip()


def demand(delivered: str) -> str:
    """The user's turn, after a dropped connection, that asks for the rest of an answer of which `delivered` arrived."""
    return _DEMANDS[language_of(delivered)].format(anchor=anchor_of(delivered))


def language_of(text: str) -> str:
    """The language of a text, among those of `demand`; "en" if unclear."""
    sample = text[-_SAMPLE:]
    letters = sum(map(str.isalpha, sample))
    for language, script in _SCRIPTS:
        if 3 * len(script.findall(sample)) > letters:
            return language
    words = re.findall(r"[^\W\d_]+", sample.lower())
    votes = {language: sum(f" {word} " in common for word in words) for language, common in _COMMON.items()}
    best = max(votes, key=lambda language: votes[language])
    return best if votes[best] > votes["en"] else "en"


_ECHO: Final = 16
"""Characters (folded) of the demand's text that are not a coincidence."""

_OWN_WORDS: Final = frozenset(
    fold(sentence)[:_ECHO]
    for words in _DEMANDS.values()
    for sentence in re.split(r"(?<=[.:])\s+|(?<=[。：])", words.replace("{anchor}", ""))
    if len(fold(sentence)) >= _ECHO
)

_SORRY: Final = re.compile(
    r"(?:(?:I(?:['’]m| am) (?:so |very )?sorry|Sorry|(?:My a|A)pologies|I apologi[sz]e|Apologi[sz]ing)\b"
    r"|죄송|미안|申し訳|すみません|ごめん|抱歉|对不起|對不起|Entschuldig|Es tut mir leid|Désolé|Je suis désolé|Lo siento|Perdón|Disculp"
    r"|Desculp|Sinto muito|Mi dispiace|Mi scuso|Scus|Извин|Прошу прощения|Простите)"
)

_INTERRUPTION: Final = re.compile(
    r"(?:where (?:I|we|you|it|my|the) .{0,24}?(?:left off|stopped|broke off|cut off|ended)|(?:left|broke|cut) off"
    r"|(?:connection|response|answer|message|reply) (?:was |has been |got )?(?:dropped|interrupted|cut|lost)"
    r"|(?:the|your) (?:interruption|connection)|your (?:request|prompt|instruction)|(?:can ?not|can['’]t|will not|won['’]t) repeat|(?:rest|remainder|continuation) of (?:the|my|your) (?:answer|response|message|text|story)"
    r"|here(?:['’]s| is) the (?:rest|remainder|continuation)|(?:I(?:['’]ll| will)|let me) (?:now )?(?:continue|go on|carry on|pick up|resume)"
    r"|continuing (?:from|with|the|my|your)|picking up|resuming|repeat(?:ing)? (?:the|these|those|your|exactly)"
    r"|끊(?:긴|겼|겨|김)|이어서 (?:답변|작성|설명|계속|말씀|쓰|보내)|중단된|続きを|中断|途切れ|接続が切|継続します|断开|中断|继续(?:回答|上|之前|我)|接着(?:上|之前)|以下是(?:剩|续|接)"
    r"|Unterbrechung|abgebrochen|hier ist der Rest|ich (?:mache|fahre|schreibe) .{0,12}(?:weiter|fort)|interruption|coupé|voici la suite|je (?:continue|reprends)"
    r"|interrupción|se cortó|aquí (?:está|tienes) el resto|continúo|interrupção|aqui está o resto|vou continuar|interruzione|ecco il resto|continuo da|riprendo"
    r"|прерва|обрыв|продолж(?:аю|у)|вот (?:остальное|продолжение))",
    re.IGNORECASE,
)

_SURE: Final = re.compile(
    r"(?:Sure|Certainly|Of course|Absolutely|Understood|Got it|No problem|Okay|OK|Alright|No worries)\s*[,.!:—–-]"
    r"|(?:물론|네,? 알겠|알겠습니다|もちろん|承知|わかりました|当然|好的|没问题|Natürlich|Gerne|Klar[,.!]|Bien sûr|D'accord|Claro|Por supuesto|Certo[,.!]|Certamente|Конечно|Хорошо[,.!])"
)

_HEAD: Final = 120
"""Characters at a continuation's beginning in which it would mention the interruption."""


def is_about_itself(continuation: str, delivered: str) -> bool:
    """Whether a continuation begins with the demand's text, an apology, an acknowledgement, or words about the interruption.

    Words that the answer itself has used are its subject, and do not count.
    """
    start = continuation.lstrip(" \t\r\n>*_\"'“”«»([")
    if fold(start)[:_ECHO] in _OWN_WORDS:
        return True
    if _SORRY.match(start) and not _SORRY.search(delivered):
        return True
    if _INTERRUPTION.search(start[:_HEAD]) and not _INTERRUPTION.search(delivered):
        return True
    return _SURE.match(start) is not None and (
        _SURE.match(delivered.lstrip()) is not None or not ends_a_sentence(delivered)
    )


def is_preface(text: str, *, in_code: bool) -> bool:
    """Whether `text`, which stands before the repeated words, introduces them, or opens the code block again."""
    start = text.strip().rstrip("\"'“”«»「『…* ")
    if not start or re.fullmatch(r"[`~]{3,}\w*", start) or is_about_itself(text, ""):
        return True
    return not in_code and start.endswith((":", "："))


def ends_a_sentence(text: str) -> bool:
    """Whether a text ends with a sentence or a line."""
    body = text.rstrip()
    return "\n" in text[len(body) :] or body.rstrip("\"'”’»)]*_").endswith(
        (".", "!", "?", "。", "！", "？", "…", ":", "：")
    )
