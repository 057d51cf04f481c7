"""Where a text may end: what a reader would call whole, and what breaks off."""

# ruff: noqa: RUF001  signs of many scripts
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.endings import ANY, Ended, Ending, ended

LINES, COUPLETS = Ending(unit="line"), Ending(unit="couplet")
RIDDLE = Ending(closing="Answer:")


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("The shop opens at nine. Please com", "The shop opens at nine."),
        ("Hello there. It was Dr. Smith who", "Hello there."),
        ("It is late. See e.g. the U.S. army, No. 5, and", "It is late."),
        ("I like apples, pears, etc. They are", "I like apples, pears, etc."),
        ("Please say no. Then", "Please say no."),
        ("It weighs 2 kg. It costs 3.", "It weighs 2 kg."),
        ("It costs 3.5 euros. It was made on 3. Mai in", "It costs 3.5 euros."),
        ("She was born in 1987. He", "She was born in 1987."),
        ("Meet me at 5 p.m. on Monday. Then", "Meet me at 5 p.m. on Monday."),
        ('"Go." She went. "No', '"Go." She went.'),
        ('He left. Then he said, "I am here. I will', "He left."),
        ("(It is so.) And", "(It is so.)"),
        ('The 18" pipe broke. It', 'The 18" pipe broke.'),
        ("And then... he left. So", "And then... he left."),
        ("She smiled. He waited...", "She smiled."),
        ('"Really?" she asked. I', '"Really?" she asked.'),
        ("Yahoo! is a company. Really", "Yahoo! is a company."),
        ("why not? bring milk. ok an", "why not? bring milk."),
        ("**Bold.** Then", "**Bold.**"),
        ("1. Mix the eggs\n2. Add 3", "1. Mix the eggs"),
        ("- two eggs\n- three cups of", "- two eggs"),
        ("Cat: Hi\nDog: Yes\nCat: No\nDog: Per", "Cat: Hi\nDog: Yes\nCat: No"),
        ("今日は晴れです。明日は", "今日は晴れです。"),
        ("यह अच्छा है। वह", "यह अच्छा है।"),
        ("هل أنت هنا؟ نعم، أنا هنا۔ لكن", "هل أنت هنا؟ نعم، أنا هنا۔"),
        ("Dear Anna,\n\nThank you for", ""),
        ("The Last Train\n\nIt was raining and", ""),
        ("Why did the duck cross the pond? To", ""),
        ("no end at all", ""),
        ("", ""),
    ],
)
def test_a_text_is_cut_back_to_its_last_whole_sentence(text: str, whole: str) -> None:
    assert ANY.whole(text) == whole
    shown = ended(text, ANY, is_cut=True)
    assert shown == Ended(text=whole or text, trimmed=bool(whole), broken_off=not whole)


@pytest.mark.parametrize(
    ("ending", "text", "whole"),
    [
        (LINES, "Snow on the gate.\nA crow consid", "Snow on the gate."),
        (LINES, "Snow on the gate\nA crow considers\nwhe", "Snow on the gate\nA crow considers"),
        (LINES, "It snows.\nThe crow,\nthe gate,\nand", "It snows.\nThe crow,\nthe gate,"),
        (LINES, "It snows, it snows.\nThe crow,\nand", "It snows, it snows."),
        (LINES, "Snow on the gate.", "Snow on the gate."),
        (LINES, "City council votes on fr", ""),
        (COUPLETS, "a b\nc d\ne f\ng", "a b\nc d"),
        (COUPLETS, "a b\nc d\n\ne f\ng", "a b\nc d"),
        (COUPLETS, "a crow,\na gate.\nIt snows.\nA", "a crow,\na gate.\nIt snows."),
    ],
)
def test_verse_is_cut_back_to_a_line_or_a_couplet(ending: Ending, text: str, whole: str) -> None:
    assert ending.whole(text) == whole


def test_a_riddle_keeps_its_answer_or_breaks_off() -> None:
    told = "I have cities but no houses. What am I?"
    assert ended(f"{told} Answer: a map. Mor", RIDDLE, is_cut=True).text == f"{told} Answer: a map."
    assert ended(f"{told}\nanswer: a map\nI ha", RIDDLE, is_cut=True).text.endswith("a map")
    for text, is_cut in ((told, True), (told, False), (f"{told} Answer:", False)):
        assert ended(text, RIDDLE, is_cut=is_cut) == Ended(text=text, broken_off=True)
    assert not RIDDLE.has_come(told)


def test_what_ends_by_itself_stays_as_it_is() -> None:
    assert ended("see you at 5 ", ANY, is_cut=False) == Ended(text="see you at 5 ")
    assert ended("See you at nine.", ANY, is_cut=True) == Ended(text="See you at nine.")


@pytest.mark.parametrize(
    ("text", "has_come"),
    [
        ("The shop is open.", True),
        ("The shop is open. ", True),
        ("The shop of Dr.", False),
        ("It costs 3.", False),
        ('"The shop is open.', False),
        ('"The shop is open."', True),
        ("He waited...", False),
        ("The shop", False),
        ("Dear Anna,\n", False),
        ("", False),
    ],
)
def test_a_text_may_end_only_where_that_is_sure(text: str, has_come: bool) -> None:
    assert ANY.has_come(text) is has_come


@given(
    st.text(alphabet='aB 3.!?…"“”()。\n-,:', max_size=60), st.sampled_from([ANY, LINES, COUPLETS])
)
def test_a_text_is_never_cut_to_nothing_and_its_whole_part_stays_whole(
    text: str, ending: Ending
) -> None:
    shown = ended(text, ending, is_cut=True)
    assert text.startswith(shown.text) and bool(shown.text) == bool(text)
    if not shown.broken_off:
        assert shown.text.strip()
        assert ending.whole(f"{shown.text}\nX") in (shown.text, f"{shown.text}\nX")


@pytest.mark.parametrize("piece", ["!", ". ", ".)", "a.", "\n", "。", "a\n", '"a. ', "1. a\n"])
def test_long_texts_of_signs_take_no_longer_than_others(piece: str) -> None:
    assert len(ended(piece * 5000 + "x", COUPLETS, is_cut=True).text) > 0
    assert len(ended(piece * 5000 + "x", ANY, is_cut=True).text) > 0
