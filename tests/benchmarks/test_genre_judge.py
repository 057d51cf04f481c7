from __future__ import annotations

from benchmarks.genre_judge import genre_judge, lookalikes

KNOWN = {
    "joke": ["Why did the bee hum? It forgot the words."] * 3,
    "riddle": ["I hum and have no words. Who am I? Answer: a bee."] * 3,
    "headline": ["Bees Return to City Hall Roof"] * 3,
}


def test_what_texts_are_taken_for_comes_nearest_first() -> None:
    judge = genre_judge(KNOWN)
    assert lookalikes(judge, KNOWN["joke"], "joke", KNOWN) == ["riddle", "headline"]
    assert lookalikes(judge, KNOWN["joke"], "joke", {"headline", "joke"}) == ["headline"]
