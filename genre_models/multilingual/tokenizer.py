"""Texts as pieces of words, the most probable ones together (a unigram model, Kudo 2018).

As SentencePiece cuts them; the 250,000 pieces take 60 MB here, where the `tokenizers` of Hugging
Face take 300.
"""

from __future__ import annotations

import re

from genre_models.multilingual.packed_model import Vocabulary

_GAP = "\u2581"  # stands for a space, and begins a word
_GAPS = re.compile(r" {2,}")
_UNKNOWN = 10.0  # less than the least probable piece, as in SentencePiece
_NEVER = -1e30


class Tokenizer:
    """Cuts texts by a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._pieces = {piece: number for number, piece in enumerate(vocabulary.pieces)}
        del self._pieces[vocabulary.pieces[vocabulary.unknown]]
        self._scores = vocabulary.scores.tolist()
        self._longest = max(map(len, self._pieces))
        self._begin, self._end = vocabulary.begin, vocabulary.end
        self._unknown = vocabulary.unknown
        self._cost = float(vocabulary.scores.min()) - _UNKNOWN
        self._spellings = dict(vocabulary.spellings)

    def ids(self, text: str, most: int) -> tuple[int, ...]:
        """The ids of its first pieces, at most `most` with those for begin and end."""
        plain = _GAPS.sub(" ", text.translate(self._spellings)).replace(" ", _GAP)
        cut = self._cut(plain if plain.startswith(_GAP) else _GAP + plain)
        return (self._begin, *cut[: most - 2], self._end)

    def _cut(self, text: str) -> list[int]:
        """The pieces of which `text` is most probably made."""
        scores = [0.0] + [_NEVER] * len(text)
        before = [(self._unknown, 0)] * (len(text) + 1)
        for start in range(len(text)):
            score = scores[start]
            for end in range(start + 1, min(start + self._longest, len(text)) + 1):
                piece = self._pieces.get(text[start:end])
                if piece is not None and score + self._scores[piece] > scores[end]:
                    scores[end], before[end] = score + self._scores[piece], (piece, start)
            if score + self._cost > scores[start + 1]:
                scores[start + 1], before[start + 1] = score + self._cost, (self._unknown, start)
        pieces, end = [], len(text)
        while end:
            piece, end = before[end]
            pieces.append(piece)
        return pieces[::-1]
