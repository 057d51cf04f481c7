"""Whole requests in a language are told; names, mixtures and English with an accent are not."""

from __future__ import annotations

import pytest

from genre_models.classification.certain_language import certain_language
from genre_models.classification.languages import LanguageIdentifier
from genre_models.taxonomy import Taxonomy

GERMAN = "Der Hund hat meine Schuhe gefressen, und ich bin froh. "
IDENTIFIER = LanguageIdentifier()


def told(text: str) -> str | None:
    return certain_language(text, IDENTIFIER.identify(text))


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ("de", "Witz über Zahnärzte|Werbeslogan für eine Bäckerei|schreib mir ein gedicht|"
               "Mein Vermieter behält die Kaution, was schicke ich ihm?|Meine Katze ist gestorben"),
        ("es", "chiste de dentistas|Poema para mi madre|correo a mi jefe|se murió mi gato|"
               "Mi casero se queda con la fianza, qué le mando|carta de renuncia"),
        ("fr", "blague sur les dentistes|une critique de restaurant|mon chat est mort|"
               "fais-moi rire|slogan pour une boulangerie|"
               "Mon propriétaire garde la caution, que lui envoyer ?"),
        ("pt", "piada de dentista|um soneto de amor|poema para minha mãe|carta de demissão|"
               "O meu senhorio ficou com a caução, o que lhe mando?"),
        ("ja", "歯医者のジョーク|猫が死にました|大家さんが敷金を返してくれない、何と書けばいい？"),  # noqa: RUF001
        ("zh", "讲个笑话|我的猫死了|房东不退押金，我该怎么写信给他"),  # noqa: RUF001
        ("ko", "가을에 대한 시를 써 줘"),
        ("it", "Scrivi una poesia sul mare"),
        ("pl", "Napisz wiersz o jesieni"),
        ("nl", "Schrijf een gedicht over de herfst"),
        ("ar", "اكتب قصيدة عن الخريف"),
    ],
)  # fmt: skip
def test_requests_of_many_kinds_are_told(code: str, texts: str) -> None:
    assert {text: told(text) for text in texts.split("|")} == dict.fromkeys(texts.split("|"), code)


@pytest.mark.parametrize(
    "text",
    [
        "Café de la Paix menu du jour",
        "Rio de Janeiro carnival poster",
        "ad for La Casa del Pan",
        "slogan for Der Spiegel und Die Zeit",
        "Göteborg Malmö Stockholm",
        "Je ne sais quoi perfume tagline",
        "Los Angeles Lakers chant",
        "Los Angeles de Charlie",
        "lorem ipsum dolor sit amet consectetur adipiscing elit",
        "four-star comment on a yoga mat",
        "tagline sushi bar 寿司",
        "solve for y: 2y + 7 = 19",
        "AI et al",
        "Ich liebe dich und du liebst mich. Please translate this into English.",
        "Please translate into English: " + GERMAN * 30,
        GERMAN * 12 + "Summarise this for my boss",
        "",
        "1 + 1 = ?",
        "😀😀",
        "Hola",
    ],
)  # fmt: skip
def test_what_is_in_doubt_is_not_told(text: str) -> None:
    assert told(text) is None


def test_no_request_or_text_of_a_genre_is_taken_for_another_language() -> None:
    genres = Taxonomy.load().genres.values()
    texts = [text for genre in genres for text in (*genre.requests, *genre.texts)]
    assert [text for text in texts if told(text) is not None] == []
