"""What the base model and its adapters write for requests: bad answers that nobody made up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from genre_models.engine.generation import Finished, Generation, written
from genre_models.engine.local_engine import LocalEngine
from genre_models.engine.prompt import chat_prompt
from genre_models.sampling import resolved
from genre_models.taxonomy.genre import Genre
from schemas.parts import SamplingParameters

_UNASKED = SamplingParameters()


def outputs(
    engine: LocalEngine,
    asked: Sequence[tuple[Genre, str]],
    adapters: Iterable[str | None],
    seeds: Iterable[int],
) -> list[Finished]:
    """One text for each genre and request, with each one's adapter and seed, in their order."""
    rows = [
        Generation(
            id=str(number),
            prompt=chat_prompt(instruction=genre.instruction, request=request),
            adapter=adapter,
            ending=genre.ending,
            seed=seed,
            stream=False,
        ).sampled(resolved(_UNASKED, genre.sampling))
        for number, ((genre, request), adapter, seed) in enumerate(
            zip(asked, adapters, seeds, strict=False)
        )
    ]
    return written(engine, rows)
