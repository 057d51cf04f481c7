"""Which language a text is written in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

# English titles and lists of words reach 0.1 for some other language;
# sentences of that language pass this
_SURE = 0.4
_TELLING = 4096
_NO_LANGUAGE = "zxx"


@dataclass(frozen=True, slots=True)
class Language:
    """An ISO 639 code and how sure that is, 0..1."""

    code: str
    confidence: float
    is_foreign: bool = False
    """Whether another language than the default is likelier, however little."""


class LanguageIdentifier:
    """py3langid (Lui and Baldwin 2012), with a default for texts too short to tell.

    The model is loaded with the first text, in about a second.
    """

    def __init__(self, default: str = "en") -> None:
        self._default = default

    def identify(self, text: str) -> Language:
        """The language of `text` by its first 4096 characters; the default where nothing else is
        likely.

        The confidence is 0 where there is no letter.
        """
        text = text[:_TELLING]
        if not any(character.isalpha() for character in text):
            return Language(self._default, 0.0)
        code, likely = self._model.classify(text)
        is_foreign = code not in (self._default, _NO_LANGUAGE)
        if code == self._default or (
            code != _NO_LANGUAGE and (likely >= _SURE or not text.isascii())
        ):
            return Language(code, round(float(likely), 4), is_foreign)
        return Language(self._default, round(1.0 - float(likely), 4) / 2, is_foreign)

    def foreign(self, texts: Sequence[str]) -> list[bool]:
        """Which of them are likely in another language than the default: not what is in none."""
        return [self.identify(text).code != self._default for text in texts]

    @cached_property
    def _model(self) -> Any:
        from py3langid import langid

        file = Path(langid.__file__).parent / langid.MODEL_FILE
        return langid.LanguageIdentifier.from_modelpath(file, norm_probs=True)
