"""The styles a text can be asked for: a prompt line each, and what it should do to the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Style:
    """A prompt `line` ("" adds nothing) and what it intends.

    `intent` holds attributes of `text_attributes`, each in [-1, 1].
    """

    id: str
    line: str
    intent: Mapping[str, float] = field(default_factory=dict)


PLAIN = "plain"

STYLES: Mapping[str, Style] = MappingProxyType(
    {
        style.id: style
        for style in (
            Style(PLAIN, ""),
            Style(
                "playful",
                "Write it in a playful, funny way.",
                {"humour": 0.9, "excitement": 0.4, "formality": -0.4},
            ),
            Style(
                "formal",
                "Write it in a formal, serious tone.",
                {"formality": 0.9, "complexity": 0.4, "excitement": -0.3},
            ),
            Style("brief", "Keep it very short.", {"length": -0.9}),
            Style(
                "vivid", "Use vivid images and concrete details.", {"imagery": 0.9, "length": 0.3}
            ),
        )
    }
)
