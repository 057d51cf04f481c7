from __future__ import annotations

from dataclasses import replace

from genre_models.classification.examples import (
    NO_GENRE,
    of_languages,
    of_requests,
    of_texts,
    written_digest,
)
from genre_models.taxonomy import Genre, Taxonomy

ODE = Genre(
    id="sea_ode",
    family="verse",
    description="An ode to the sea.",
    instruction="Write one ode.",
    requests=("praise the sea",),
    texts=("O sea!", "O wave!", "O salt!", "O foam!"),
)
SMALL = Taxonomy([ODE, Taxonomy.load().genres["joke"]], outside=("what time is it",))


def labels(taxonomy: Taxonomy, text: str) -> set[str]:
    return {each.label for each in of_requests(taxonomy) if each.text == text}


def test_a_genre_with_few_requests_is_learned_from_all_that_it_has() -> None:
    for text in (ODE.description, "praise the sea", "sea ode", "write a sea ode", "O sea!"):
        assert labels(SMALL, text) == {"sea_ode"}
    joke = Taxonomy.load().genres["joke"]
    assert labels(SMALL, joke.description) == {"joke"} and not labels(SMALL, joke.texts[0])


def test_what_is_written_is_learned_of_known_genres_and_of_none() -> None:
    found = {each.label for each in of_requests(SMALL) if each.source != "taxonomy"}
    assert found == {"joke", NO_GENRE} and labels(SMALL, "what time is it") == {NO_GENRE}


def test_english_is_learned_by_itself_and_with_the_other_languages() -> None:
    assert "languages" not in {each.source for each in of_requests(SMALL)}
    sources = {each.source for each in of_languages(SMALL)}
    assert "languages" in sources and "pairs" not in sources


def test_texts_are_learned_and_where_there_are_few_requests_stand_for_them() -> None:
    assert {each.label for each in of_texts(SMALL)} == {"sea_ode", "joke"}
    assert "praise the sea" not in [each.text for each in of_texts(SMALL)]
    bare = Taxonomy([replace(ODE, texts=())])
    assert "praise the sea" in [each.text for each in of_texts(bare)]


def test_the_digest_is_that_of_files_alone() -> None:
    assert written_digest() == written_digest() and len(written_digest()) == 64
