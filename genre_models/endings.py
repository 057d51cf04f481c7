"""Where a text may end: after a sentence, or after a line or a couplet where it is verse.

A boundary that is in doubt is none: a text that is cut back a sentence too far is still whole, one
that ends at "Dr." is not.
"""

# ruff: noqa: RUF001, SIM905  signs of many scripts; words read better than quoted lists
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Unit = Literal["sentence", "line", "couplet"]

_CLOSERS = "\"”’»)\\]*_'」』）】》"
# Full stops of scripts that write no spaces, or that mean nothing else, end a sentence anywhere.
_MARKS = re.compile(
    rf"(?:(?<![.!?…])[.!?…]++(?=[{_CLOSERS}]*(?:\s|\Z))|[。！？｡．؟۔।॥։።]+)[{_CLOSERS}]*"
)
_MAY_END = re.compile(rf"(?:[.!?…。！？｡．؟۔।॥։።][{_CLOSERS}]*\s*|\S\s*\n\s*)\Z")
# Their full stop never ends a sentence; that of `_SHORT` may, and of `_NUMBERED` before no number.
_TITLES = frozenset(
    "mr mrs ms mx dr prof st gen col capt lt sgt maj sen rep rev fr mt vs pp eds eg ie cf ca al "
    "approx est dept nr hr bzw z mme mlle tel ext".split()
)
_SHORT = frozenset(
    "jr sr etc inc ltd co corp llc bros usw jan feb aug sep sept oct nov dec ft kg km cm mm ml oz "
    "lb hrs mins secs".split()
)
_NUMBERED = frozenset("no nos fig figs vol ch sec art".split())
_LONGEST = 80  # characters of a word, or of the space after it, that are looked at
_GAP = re.compile(r"[^\w.]|_")  # between words; "U.S" is one
_INITIALS = re.compile(r"[^\W\d](?:\.[^\W\d])+|[^\W\dI]")  # "U.S", "e.g", "J"; but "you and I"
_ITEM = re.compile(r"(?:[-*•–]|\d{1,3}[.)])[ \t]{1,8}\S")
_PAIRS = {"“": "”", "«": "»", "(": ")", "[": "]", "「": "」", "『": "』", "（": "）"}
_GOES_ON = tuple(",;:-–—")
_LINES, _WIDTH = 3, 60  # so many whole lines, none longer: read as verse, list, dialogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the texts of a genre end.

    `unit` is the smallest part that they may end with. `closing` is what a whole text has near its
    end, in capitals or not, with something after it: 'Answer:' of a riddle.
    """

    unit: Unit = "sentence"
    closing: str = ""

    def has_come(self, text: str) -> bool:
        """Whether a text that is still being written may end where it stands.

        >>> Ending().has_come("The shop opens at nine."), Ending().has_come("The shop of Dr.")
        (True, False)
        """
        if not _MAY_END.search(text[-_LONGEST:]):  # the usual case, cheaply
            return False
        return 0 < len(self.whole(text)) == len(text.rstrip())

    def is_closed(self, text: str) -> bool:
        """Whether a text has its closing, or needs none."""
        place = text.lower().find(self.closing.lower())
        return not self.closing or (place >= 0 and bool(text[place + len(self.closing) :].strip()))

    def whole(self, text: str) -> str:
        """The longest beginning of `text` that is whole, '' where there is none.

        >>> Ending().whole("It costs 3.5 euros. It was made by Dr. Gr")
        'It costs 3.5 euros.'
        >>> Ending(unit="line").whole("Snow on the gate.\\nA crow consid")
        'Snow on the gate.'
        """
        if self.unit != "sentence" or _is_in_lines(text):
            end = _end_of_lines(text, 2 if self.unit == "couplet" else 1)
        else:
            end = max(_ends_of_sentences(text, self.closing), default=0)
        whole = text[:end]
        return whole if self.is_closed(whole) and not _only_asks(whole) else ""


ANY = Ending()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A text as it is shown: whether it was cut back (`trimmed`), and whether it breaks off."""

    text: str
    trimmed: bool = False
    broken_off: bool = False


def ended(text: str, ending: Ending, *, is_cut: bool) -> Ended:
    """A finished text, cut back to its last whole part where writing was cut for lack of tokens.

    One without a whole part stays as it is, and breaks off; so does one without its closing.

    >>> ended("The shop is open. Please com", ANY, is_cut=True).text
    'The shop is open.'
    """
    if not is_cut:
        return Ended(text=text, broken_off=not ending.is_closed(text))
    whole = ending.whole(text)
    if not whole:
        return Ended(text=text, broken_off=True)
    return Ended(text=whole, trimmed=len(whole) < len(text.rstrip()))


def _ends_of_sentences(text: str, closing: str = "") -> Iterator[int]:
    """Where sentences end, whole items of a list, and a whole line with the closing; ascending."""
    has_capitals = not text.lstrip()[:1].islower()
    for start, line in _lines(text):
        opened: list[str] = []
        seen = start
        for marks in _MARKS.finditer(text, start, start + len(line.rstrip())):
            _follow(opened, text, seen, marks.end())
            seen = marks.end()
            if not opened and _is_end(text, marks, has_capitals=has_capitals):
                yield seen
        bare = line.rstrip()
        is_part = _ITEM.match(line.lstrip()) or (closing and closing.lower() in line.lower())
        if line != bare and is_part and not bare.endswith(":"):
            yield start + len(bare)


def _end_of_lines(text: str, couplet: int) -> int:
    """Where the last whole line ends, or every second one of a stanza; 0 where none does.

    A line after which a sentence goes on counts where the others would lose half of the text.
    """
    last = closed = number = 0
    for start, line in _lines(text):
        bare = line.rstrip()
        end = start + len(bare)
        number = number + 1 if bare else 0
        *_, marks = (None, *_MARKS.finditer(text, start, end))
        is_sentence = bool(marks and marks.end() == end and _is_end(text, marks))
        is_line = bare not in ("", line) and number % couplet == 0
        if is_line or is_sentence:
            last = end
            closed = closed if bare.endswith(_GOES_ON) else end
    return closed if 2 * closed >= last else last


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with the place where they begin."""
    start = 0
    for line in text.splitlines(keepends=True):
        yield start, line
        start += len(line)


def _is_end(text: str, marks: re.Match[str], *, has_capitals: bool = False) -> bool:
    """Whether these marks end a sentence, by the word before them and the letter after them."""
    after = text[marks.end() : marks.end() + _LONGEST]
    if has_capitals and after.lstrip()[:1].islower():
        return False
    signs = marks.group().rstrip(_CLOSERS.replace("\\", ""))
    if signs.endswith(("..", "…")):
        return bool(after)  # whether a sentence goes on after it is unknown before more comes
    return signs != "." or _is_full_stop(text[: marks.start()][-_LONGEST:], after)


def _is_full_stop(before: str, after: str) -> bool:
    """Whether a dot between these ends more than an abbreviation or a number."""
    written = _GAP.split(before)[-1].lstrip(".")
    if not written:
        return bool(before.strip())
    word, is_last = written.lower(), not after.strip()
    if word in _TITLES or _INITIALS.fullmatch(written):
        return False
    if word in _NUMBERED:
        return not after.lstrip()[:1].isdigit() and not is_last
    if word[-1].isdigit():  # an item's number, an ordinal, the first half of 3.5
        return len(word) > 2 and not is_last
    return not (is_last and word in _SHORT)


def _follow(opened: list[str], text: str, start: int, end: int) -> None:
    """Note which quotations and brackets are open at `end`, from those that were at `start`."""
    for at in range(start, end):
        sign = text[at]
        if opened and sign == opened[-1]:
            opened.pop()
        elif sign in _PAIRS:
            opened.append(_PAIRS[sign])
        elif sign == '"' and not text[at - 1 : at].isdigit():  # 18" are inches
            opened.append(sign)


def _is_in_lines(text: str) -> bool:
    """Whether the last whole lines are short ones, as in verse, lists and dialogue."""
    last = text.split("\n")[-_LINES - 1 : -1]
    return len(last) == _LINES and all(0 < len(line.strip()) <= _WIDTH for line in last)


def _only_asks(text: str) -> bool:
    """Whether it is one question: the first half of a joke."""
    return "?" in text[-4:] and len([*_ends_of_sentences(text)]) < 2
