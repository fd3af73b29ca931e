from __future__ import annotations

import pytest

from segue.failover.splice.phrases import (
    ANCHOR,
    anchor_of,
    demand,
    ends_a_sentence,
    is_about_itself,
    is_preface,
    language_of,
)

SPEECH = {
    "en": "The harbour is old, and the boats that lie in it are older than the town itself",
    "ko": "항구는 오래되었고 그 안에 있는 배들은 마을보다도 더 오래되었습니다",
    "ja": "港は古く、そこに停泊している船は町そのものよりも古いのです",
    "zh": "这个港口很古老，停在里面的船比小镇本身还要古老",
    "de": "Der Hafen ist alt, und die Boote, die in ihm liegen, sind älter als die Stadt",
    "fr": "Le port est vieux, et les bateaux qui sont dans le port sont plus vieux que la ville",
    "es": "El puerto es viejo, y los barcos que están en el puerto son más viejos que la ciudad",
    "pt": "O porto é velho, e os barcos que estão no porto são mais velhos do que a cidade",
    "it": "Il porto è vecchio, e le barche che sono nel porto sono più vecchie della città",
    "ru": "Гавань старая, и лодки, которые в ней стоят, старше самого города",
}


@pytest.mark.parametrize("language", SPEECH)
def test_the_rest_is_asked_for_in_the_language_of_the_answer(language: str) -> None:
    assert language_of(SPEECH[language]) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "en"),
        ("42", "en"),
        ("```python\nfor i in range(10):\n    print(i)\n", "en"),
        ("Redis는 메모리에 데이터를 저장하는 key-value 저장소입니다. Redis를 사용하면", "ko"),
        ("東京は日本の首都です。2024年の人口は", "ja"),
        ("The word 하늘 means sky in Korean, and it is used in", "en"),
    ],
)
def test_where_the_language_is_mixed_the_one_that_most_is_in_counts(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize("language", SPEECH)
def test_the_last_words_are_quoted_and_what_echoes_the_demand_gives_itself_away(language: str) -> None:
    asked = demand(SPEECH[language])
    assert anchor_of(SPEECH[language]) in asked
    assert is_about_itself(asked[:80], "The river flows")
    assert is_about_itself("  > " + asked.split("\n\n")[2][:60], "The river flows")


@pytest.mark.parametrize(
    ("text", "anchor"),
    [
        ("", ""),
        ("  \n", ""),
        ("Short.", "Short."),
        (
            "It rises in the Black Forest and flows through ten countries",
            "Black Forest and flows through ten countries",
        ),
        (
            "It rises in the Black Forest and flows through ten countries \n",
            "Black Forest and flows through ten countries",
        ),
        ("x" * 100, "x" * 60),
    ],
)
def test_the_anchor_is_the_last_words_from_the_beginning_of_a_word_on(text: str, anchor: str) -> None:
    assert anchor_of(text) == anchor
    assert len(anchor) <= ANCHOR + 20


@pytest.mark.parametrize(
    ("text", "introduces"),
    [
        ("", True),
        ("…", True),
        ("Sure, here is the rest:\n\n", True),
        ("```python\n", True),
        ("The river then goes east, and ", False),
        ("They took these things: ", True),
    ],
)
def test_what_stands_before_the_repeated_words_is_an_introduction_or_text(text: str, introduces: bool) -> None:
    assert is_preface(text, in_code=False) is introduces


def test_a_line_of_code_that_ends_with_a_colon_introduces_nothing() -> None:
    assert not is_preface("    if x == 3:\n", in_code=True)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("It is.", True),
        ("It is.**", True),
        ("It is", False),
        ("It is\n", True),
        ("“It is!”", True),
        ("이다。", True),
        ("a, ", False),
    ],
)
def test_where_a_text_ends_a_sentence(text: str, ends: bool) -> None:
    assert ends_a_sentence(text) is ends
