"""`genre generate`: try an adapter without Kafka."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from agents.base_model import stocked_store
from agents.commands.setup import print_json
from agents.commands.terminal import say
from agents.generate.writer import PLAIN_INSTRUCTION, engine_of, load_engine
from agents.roles import share_cores
from genre_models.adapters import AdapterName, AdapterStore
from genre_models.endings import ANY, ended
from genre_models.engine import Generation, chat_prompt, written
from genre_models.sampling import USUAL, resolved
from genre_models.taxonomy import Genre, Taxonomy
from schemas.errors import ModelError
from schemas.parts import SamplingParameters
from streams.settings import Settings


def generate(
    prompt: Annotated[str, typer.Option(help="What is asked for.")],
    adapter: Annotated[
        list[str] | None,
        typer.Option(
            help="A genre (its newest adapter) or an adapter's name; "
            "=WEIGHT after it, and several, blend."
        ),
    ] = None,
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, max=64, help="Texts to write.")
    ] = 1,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, max=512, help="Else the genre's; so are the next.")
    ] = None,
    temperature: Annotated[float | None, typer.Option(min=0.0, max=2.0)] = None,
    top_p: Annotated[float | None, typer.Option(min=0.0, max=1.0)] = None,
    min_p: Annotated[float | None, typer.Option(min=0.0, max=1.0)] = None,
    repetition_penalty: Annotated[float | None, typer.Option(min=1.0, max=2.0)] = None,
    seed: Annotated[
        int, typer.Option(help="Of the first text; the next one takes the next seed.")
    ] = 0,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a text.")] = False,
) -> None:
    """Write texts with an adapter, a blend or the base model.

    Needs no Kafka.
    """
    share_cores()
    settings = Settings.from_environment()
    store = stocked_store(settings)
    blend = tuple(_weighted(store, each) for each in adapter or [])
    genre = _genre(blend)
    ending = genre.ending if genre else ANY
    asked = SamplingParameters(
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
    )
    sampling = resolved(asked, genre.sampling if genre else USUAL)
    instruction = genre.instruction if genre else PLAIN_INSTRUCTION
    rows = [
        Generation(
            id=str(index),
            prompt=chat_prompt(instruction=instruction, request=prompt),
            blend=blend,
            ending=ending,
            seed=seed + index,
        ).sampled(sampling)
        for index in range(number)
    ]
    begun = time.perf_counter()
    ends = written(load_engine(settings, store), rows)
    for end in ends:
        shown = ended(end.text, ending, is_cut=end.reason == "length")
        if json:
            print_json(
                {
                    "text": shown.text,
                    "finish": end.reason,
                    "trimmed": shown.trimmed,
                    "broken_off": shown.broken_off,
                    "logprob": round(end.logprob, 4),
                    "code": end.code,
                }
            )
        else:
            say((shown.text if end.code is None else f"{end.code}: {end.message}") + "\n")
    engine, why = engine_of(settings)
    tokens = sum(end.tokens_out for end in ends)
    print(
        f"{tokens} tokens in {time.perf_counter() - begun:.1f} s, {engine}: {why}",
        file=sys.stderr,
    )
    raise typer.Exit(0 if all(end.code is None for end in ends) else 1)


def _weighted(store: AdapterStore, wanted: str) -> tuple[str, float]:
    """(adapter name, weight) of `joke`, `joke@0123456789ab` or either with `=0.5`."""
    name, _, weight = wanted.partition("=")
    found = AdapterName.parse(name) if "@" in name else store.newest(name)
    if found is None:
        raise ModelError(
            "adapter_missing", f"expected a genre with an adapter in the store, got {name!r}"
        )
    try:
        return str(found), float(weight or 1.0)
    except ValueError:
        raise ModelError("bad_weight", f"expected a number after '=', got {weight!r}") from None


def _genre(blend: tuple[tuple[str, float], ...]) -> Genre | None:
    """The genre with the largest weight: adapters were trained with their genre's instruction."""
    heaviest = max(blend, key=lambda part: part[1], default=("", 0.0))[0]
    return Taxonomy.load().genres.get(heaviest.partition("@")[0])
