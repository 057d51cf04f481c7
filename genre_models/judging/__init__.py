"""A small judge of texts: is this a good answer to that request, and what speaks against it?

`python -m genre_models.judging` trains it on the written pairs.
"""

from __future__ import annotations

from genre_models.judging.judge import Judge, Judgement
from genre_models.judging.signs import Answer

__all__ = ["Answer", "Judge", "Judgement"]
