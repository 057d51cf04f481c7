"""Whether the texts are worth reading: base alone, the genre's adapter, and the product.

For held-out requests of all genres with default settings: the share of texts that are whole, about
their request (nearer to it than to nine others of the genre), of their genre by a judge that knows
nothing of our models, that echo, refuse or leave a placeholder, and distinct openings; the same of
the written texts. Then the perplexity of those under the genre's adapter, the nearest wrong one,
the pooled one and the base. `product` is what a stranger gets on top from plan, generate and rank
in one process. `--requests FILE` takes JSON lines with `text` and `genre`. `--blind FILE` writes
pairs of texts of base and product (Markdown where it ends with .md, else JSON lines) and their key
beside it. `--quick` takes requests of half of the genres, learns the judge from pairs alone, and
takes perplexities of four genres.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from agents.base_model import base_folder, stocked_store
from agents.generate.announcing import announce
from agents.generate.writer import load_engine, load_writer
from agents.roles import share_cores
from benchmarks.genre_judge import genre_judge, lookalikes
from benchmarks.perplexity import perplexities
from benchmarks.report import arguments, show, show_json
from benchmarks.texts import blind
from benchmarks.texts.measures import Measures, Said, marked, shares
from benchmarks.texts.wanted import Wanted, held_out_pairs, read, some, with_others
from benchmarks.texts.writers import Product, Shown, plainly
from genre_models.adapters import AdapterStore
from genre_models.adapters.name import POOLED
from genre_models.corpora.written import written
from genre_models.corpora.written.pairs import Pair
from genre_models.devices import has_bf16
from genre_models.encoder import SentenceEncoder
from genre_models.packages import DEFAULT_CACHE
from genre_models.taxonomy import Taxonomy
from genre_models.training.loading import load_half
from genre_models.training.recipe import Recipe
from genre_models.training.texts.examples import make_examples
from genre_models.training.texts.pool import texts_of
from genre_models.weights import prepare_encoder
from schemas.adapters import AdapterEvent
from schemas.errors import ModelError
from streams.settings import Settings

IN_FLIGHT = 4  # requests
NEAR = 4  # wrong adapters that are tried on eight texts, the best of them on all
WRITERS = ("base", "adapter", "product", "written")
BY_GENRE = ("whole", "about", "of_genre", "empty")
PERPLEXITIES = ("adapter", "wrong", "pooled", "base")
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured."""

    requests: int
    genres: int | None  # that perplexity is taken of; None: all
    held_out: int  # written texts of each genre
    corpora: bool  # whether the judge learns from free corpora too


FULL = Size(requests=240, genres=None, held_out=30, corpora=True)
QUICK = Size(requests=19, genres=4, held_out=12, corpora=False)


def texts_written(
    settings: Settings, store: AdapterStore, wanted: Sequence[Wanted]
) -> tuple[dict[str, list[Shown]], Figures]:
    """One text a request by each writer, and how many seconds it took."""
    newest = {each.genre: store.newest(each.genre) or store.newest(POOLED) for each in wanted}
    adapters = {genre: str(name) for genre, name in newest.items() if name}
    engine = load_engine(settings, store)
    found: dict[str, list[Shown]] = {}
    seconds: Figures = {}
    for who, chosen in (("base", {}), ("adapter", adapters)):
        begun = time.perf_counter()
        found[who] = plainly(engine, wanted, chosen)
        seconds[f"seconds_a_text_{who}"] = (time.perf_counter() - begun) / len(wanted)
    del engine
    found["product"], lasted = asyncio.run(_by_product(settings, store, wanted))
    return found, seconds | {"seconds_a_text_product": lasted / len(wanted)}


async def _by_product(
    settings: Settings, store: AdapterStore, wanted: Sequence[Wanted]
) -> tuple[list[Shown], float]:
    writer = load_writer(settings, store.base, store)

    async def follow(event: object) -> None:
        assert isinstance(event, AdapterEvent)
        writer.follow(event.name, event)

    await announce(follow, store, writer.library.registry)
    begun = time.perf_counter()
    product = Product(settings, writer, writer.library.registry)
    shown = await product.write(wanted, IN_FLIGHT)
    return shown, time.perf_counter() - begun


def measures_of(settings: Settings, pairs: Mapping[str, Sequence[Pair]], size: Size) -> Measures:
    """What texts are measured with; what the judge learns from are training texts alone."""
    taxonomy = Taxonomy.load()
    corpora = {
        genre: texts_of(genre, DEFAULT_CACHE)
        if size.corpora
        else written(genre, taxonomy.family_of(genre))
        for genre in pairs
    }
    known = {
        genre: [text.text for text in each.training] for genre, each in corpora.items() if each
    }
    return Measures(
        encoder=SentenceEncoder.load(
            prepare_encoder(settings.models), threads=settings.model_threads
        ),
        judge=genre_judge(known),
        marked=marked(pairs),
    )


def perplexity_by_genre(
    settings: Settings, store: AdapterStore, judge: Any, genres: Sequence[str], size: Size
) -> dict[str, Figures]:
    """Of the written held-out texts; nothing where the base is one that cannot be trained.

    The wrong adapters that are tried are those of the genres that the judge takes the texts for.
    """
    recipe = replace(Recipe(), bf16=has_bf16("cpu"))
    try:
        tokenizer, half = load_half(
            base_folder(settings), recipe, threads=settings.model_threads, device="cpu"
        )
    except ModelError as error:
        print(f"no perplexities: {error}", file=sys.stderr)
        return {}
    taxonomy = Taxonomy.load()
    corpora = {
        genre: corpus.sample(0, size.held_out)
        for genre in genres
        if (corpus := written(genre, taxonomy.family_of(genre)))
    }
    held_out = {
        genre: make_examples(
            tokenizer, taxonomy.genres[genre].instruction, corpus.held_out, recipe.seed
        )
        for genre, corpus in corpora.items()
    }
    newest = {genre: store.newest(genre) for genre in (*taxonomy.genres, POOLED)}
    adapters = {genre: name for genre, name in newest.items() if name}
    others = {
        genre: lookalikes(
            judge, [text.text for text in corpus.held_out], genre, adapters.keys() - {POOLED}
        )[:NEAR]
        for genre, corpus in corpora.items()
    }
    return dict(perplexities(half, recipe, store, adapters, held_out, others))


def spread(genres: Sequence[str], number: int | None) -> list[str]:
    """So many of the genres, evenly over their order."""
    if number is None or number >= len(genres):
        return list(genres)
    return [genres[index * len(genres) // number] for index in range(number)]


def summary(by_writer: Mapping[str, Sequence[Said]], ppl: Mapping[str, Figures]) -> Figures:
    """All figures but those by genre."""
    found: Figures = {
        f"{name}_{who}": share
        for who, said in by_writer.items()
        for name, share in shares(said).items()
    }
    for who in WRITERS[:-1]:
        found[f"of_genre_over_recall_{who}"] = _ratio(
            found[f"of_genre_{who}"], found["of_genre_written"]
        )
    own = [each for each in ppl.values() if each["ppl_adapter"] is not None]
    for other in PERPLEXITIES[1:]:
        ratios = [
            each["ppl_adapter"] / each[f"ppl_{other}"] for each in own if each[f"ppl_{other}"]
        ]
        found[f"ppl_adapter_over_{other}"] = fmean(ratios) if ratios else None
        found[f"ppl_adapter_below_{other}"] = (
            fmean(ratio < 1 for ratio in ratios) if ratios else None
        )
    return found


def _ratio(one: float, other: float) -> float | None:
    return one / other if other else None


def main() -> None:
    """Measure and print."""
    given = arguments(
        __doc__ or "",
        {
            "requests": "take these: JSON lines with text and genre",
            "blind": "write pairs of texts by base and product for a reader",
        },
    )
    size, pairs = QUICK if given.quick else FULL, held_out_pairs()
    asked = read(given.requests) if given.requests else some(pairs, size.requests)
    share_cores()
    settings = Settings.from_environment()
    store = stocked_store(settings)
    wanted = with_others(asked, pairs)
    texts, seconds = texts_written(settings, store, wanted)
    if given.blind:
        blind.save(given.blind, list(blind.paired(wanted, texts["base"], texts["product"])))
    genres = list(dict.fromkeys(each.genre for each in wanted))
    measures = measures_of(settings, pairs, size)
    of_people = [
        (genre, pair) for genre in genres for pair in pairs.get(genre, ())[: size.held_out]
    ]
    by_writer = {who: (wanted, measures.of(wanted, shown)) for who, shown in texts.items()}
    answered = with_others([(genre, pair.request) for genre, pair in of_people], pairs)
    shown = [Shown(text=pair.text) for _, pair in of_people]
    by_writer["written"] = answered, measures.of(answered, shown)
    checked = spread([genre for genre in genres if genre in pairs], size.genres)
    ppl = perplexity_by_genre(settings, store, measures.judge, checked, size)
    rows = by_genre(by_writer, ppl)
    for row in rows:
        print(_line(row))
    figures = summary({who: said for who, (_, said) in by_writer.items()}, ppl) | seconds
    show({"requests": float(len(wanted)), **figures}, json=False)
    if given.json:
        show_json({"requests": len(wanted), **figures, "genres": rows})


def by_genre(
    by_writer: Mapping[str, tuple[Sequence[Wanted], Sequence[Said]]], ppl: Mapping[str, Figures]
) -> list[Figures]:
    """A row of figures for each genre."""
    rows: dict[str, Figures] = {}
    for who, (wanted, said) in by_writer.items():
        of: dict[str, list[Said]] = {}
        for asked, each in zip(wanted, said, strict=True):
            of.setdefault(asked.genre, []).append(each)
        for genre, some_said in of.items():
            row = rows.setdefault(genre, {"genre": genre, **ppl.get(genre, {})})
            found = shares(some_said)
            row |= {f"{name}_{who}": found[name] for name in BY_GENRE}
    return list(rows.values())


def _line(row: Figures) -> str:
    told = (
        f"{name} " + "/".join(_short(row.get(f"{name}_{who}")) for who in WRITERS)
        for name in BY_GENRE
    )
    ppl = "/".join(
        "-" if row.get(f"ppl_{of}") is None else f"{row[f'ppl_{of}']:.1f}" for of in PERPLEXITIES
    )
    return f"{row['genre']:22} {'  '.join(told)}  ppl {ppl}"


def _short(share: float | None) -> str:
    return "-" if share is None else f"{share:.2f}"


if __name__ == "__main__":
    main()
