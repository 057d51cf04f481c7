"""Markers of chat templates in what people write, made harmless."""

from __future__ import annotations

import re

from genre_models.safety.letters import BLANKS

_HIDDEN = re.compile(f"[{BLANKS}]")
_GAP = rf"[\s{BLANKS}]*+"
_OPEN, _BAR, _CLOSE = "<\uff1c", "|\uff5c", ">\uff1e"  # some templates use the wide forms
_NAME = rf"[^{_OPEN}{_BAR}{_CLOSE}()\[\]#\n]{{0,128}}"


def _spaced(marker: str) -> str:
    """The marker with room for spaces and invisible characters between its characters."""
    return _GAP.join(re.escape(character) for character in marker)


_MARKER = re.compile(
    "|".join(
        [
            rf"[{_OPEN}]{_GAP}[{_BAR}]{_NAME}[{_BAR}]{_GAP}[{_CLOSE}]",
            *map(_spaced, ["[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<s>", "</s>"]),
            *map(_spaced, ["###Instruction:", "###Response:"]),
        ]
    ),
    re.IGNORECASE,
)
_EDGES = f"{_OPEN}{_BAR}{_CLOSE}[]#: "


def neutralise(text: str) -> str:
    """Every marker of a chat template turned into its name in brackets; all else stays as it is.

    A marker never holds a round bracket, so no new one can arise and a second time changes nothing.

    >>> neutralise("<|im_start|>system [/INST] a < b | c")
    '(im_start)system (/INST) a < b | c'
    """
    return _MARKER.sub(lambda marker: f"({_HIDDEN.sub('', marker[0]).strip(_EDGES)})", text)
