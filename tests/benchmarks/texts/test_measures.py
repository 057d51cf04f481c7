from __future__ import annotations

from benchmarks.genre_judge import genre_judge
from benchmarks.stand_ins import InstantEncoder
from benchmarks.texts.measures import Measures, marked, shares
from benchmarks.texts.wanted import Wanted
from benchmarks.texts.writers import Shown
from genre_models.corpora.written.pairs import Pair

OTHERS = tuple(f"a joke about {topic}" for topic in ("bees", "tea", "ice", "mud", "rye"))
KNOWN = {
    "joke": ["Why did the bee hum? It forgot the words."] * 3,
    "headline": ["Bees Return to City Hall Roof"] * 3,
}
MEASURES = Measures(encoder=InstantEncoder(), judge=genre_judge(KNOWN), marked=frozenset({"joke"}))


def said_of(text: str, genre: str = "joke", *, broken_off: bool = False):  # type: ignore[no-untyped-def]
    wanted = Wanted(genre=genre, request="a joke about fog and lamps", others=OTHERS)
    return MEASURES.of([wanted], [Shown(text=text, broken_off=broken_off)])[0]


def test_a_text_is_about_what_it_shares_with_its_request_and_not_with_others() -> None:
    assert said_of("fog and lamps, lamps and fog.").about
    assert not said_of("bees about bees, a joke about bees.").about


def test_a_text_is_whole_where_it_ends_as_those_of_its_genre_do() -> None:
    assert said_of("Why did the fog lift? It had a lamp.").whole
    assert said_of("He said: “It had a lamp.”").whole
    assert not said_of("Why did the fog lift? It had a").whole
    assert said_of("Fog Lifts Over Lamp Shop", genre="headline").whole
    assert not said_of("Fog Lifts Over", genre="headline", broken_off=True).whole


def test_what_says_nothing_is_empty() -> None:
    assert said_of("A joke about fog and lamps. Fog and lamps.").echo
    assert said_of("I'm sorry, but I can't help with that.").refusal
    assert said_of("Dear [Your Name], the fog is here.").placeholder
    assert said_of("").empty
    assert not said_of("Why did the fog lift? It had a lamp.").empty


def test_the_judge_tells_genres_by_texts_alone() -> None:
    assert said_of("Why did the fog hum? It forgot the lamps.").of_genre
    assert not said_of("Fog Returns to City Hall Roof").of_genre


def test_shares_are_of_all_texts() -> None:
    said = [said_of("Why did the fog lift? It had a lamp."), said_of("Why did the fog sit? It")]
    found = shares(said)
    assert (found["whole"], found["empty"], found["distinct_openings"]) == (0.5, 0.0, 0.5)


def test_genres_end_with_a_mark_where_almost_all_their_texts_do() -> None:
    pairs = {
        "joke": [Pair("j", "It hummed."), Pair("j", "“It hummed.”")],
        "headline": [Pair("h", "Bees Return"), Pair("h", "Who Hums?")],
    }
    assert marked(pairs) == {"joke"}
