"""Whether each starter adapter writes its genre: perplexity against controls, a judge, copying.

Base and adapter write for the same held-out requests with the same prompt and sampling. The judge
of texts is TF-IDF and a linear SVM, trained on the corpora, that knows nothing of our models.
Held-out texts are the other author's pairs, then those of a free corpus. `ppl_wrong` is that of the
other starter that is the nearest on eight texts. Corpora that are not in the cache are fetched
first. `--quick` takes two genres, ten texts each, fewer genres to judge between, and leaves out the
time from publishing to the first answer.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from agents.base_model import base_folder
from benchmarks import perplexity
from benchmarks.genre_judge import genre_judge, of_genres
from benchmarks.new_genre import measure
from benchmarks.plain_peft import train_plainly
from benchmarks.report import arguments, show_json
from genre_models.adapters import AdapterStore, BaseSpec, add_starters
from genre_models.adapters.name import POOLED
from genre_models.corpora import EXTRACTORS, load_corpus
from genre_models.encoder import SentenceEncoder
from genre_models.engine import Generation, chat_prompt, written
from genre_models.engine.local_engine import LocalEngine
from genre_models.packages import DEFAULT_CACHE
from genre_models.taxonomy import Taxonomy
from genre_models.training.gate.samples import Sample, copied, topic_hit
from genre_models.training.recipe import Recipe
from genre_models.training.texts.examples import Example, make_examples
from genre_models.training.texts.pool import texts_of
from genre_models.training.texts.requests import Request, write_requests
from genre_models.training.top_half import TopHalf
from genre_models.training.trainer import train
from genre_models.weights import prepare_encoder
from streams.settings import Settings

THREADS, SEED = 2, 11
PLAIN_RATE = 2e-3  # with all layers; at ours the plain loop's loss is higher
QUICK = ("joke", "scripture")
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured."""

    texts: int  # generated, each by base and adapter
    tokens: int  # of each
    held_out: int  # texts that perplexity is taken on
    speed: int  # texts that both training loops are timed on
    whole: bool  # all genres to judge between, and the time to the first answer


FULL = Size(texts=50, tokens=64, held_out=60, speed=160, whole=True)
FAST = Size(texts=10, tokens=40, held_out=24, speed=48, whole=False)


class Bench:
    """The models, adapters and corpora that everything is measured with."""

    def __init__(self, size: Size, genres: Sequence[str] | None) -> None:
        torch.set_num_threads(THREADS)
        self.size, self.recipe = size, replace(Recipe(), epochs=1)
        given = Settings.from_environment()
        self.base, self.models = base_folder(given), given.models
        self.store = AdapterStore(
            Path(tempfile.mkdtemp(prefix="genre-bench-")), BaseSpec.load(self.base)
        )
        self.starters = {name.genre: name for name in add_starters(self.store)}
        self.pooled = self.starters.pop(POOLED)
        self.names = {
            genre: name
            for genre, name in self.starters.items()
            if genres is None or genre in genres
        }
        self.corpora = {genre: texts_of(genre, DEFAULT_CACHE) for genre in self.names}
        self.tokenizer: Any = AutoTokenizer.from_pretrained(self.base, local_files_only=True)

    def model(self) -> Any:
        """The base model, fresh."""
        return AutoModelForCausalLM.from_pretrained(
            self.base, dtype=torch.float32, local_files_only=True
        )

    def examples(self, genre: str, texts: Sequence[Any]) -> list[Example]:
        """Texts in the genre's prompt."""
        return make_examples(self.tokenizer, instruction(genre), texts, self.recipe.seed)


def instruction(genre: str) -> str:
    """The genre's system message, the same for base and adapter."""
    return Taxonomy.load().genres[genre].instruction


def perplexities(bench: Bench) -> dict[str, Figures]:
    """Perplexity on held-out texts by genre: base, own adapter, the best other, pooled."""
    held_out = {
        genre: bench.examples(genre, corpus.held_out[: bench.size.held_out])
        for genre, corpus in bench.corpora.items()
    }
    half = TopHalf(bench.model(), bench.recipe)
    adapters = {**bench.starters, POOLED: bench.pooled}
    others = {genre: bench.starters.keys() - {genre} for genre in held_out}
    found = perplexity.perplexities(half, bench.recipe, bench.store, adapters, held_out, others)
    return dict(found)


def write(
    bench: Bench, engine: LocalEngine, genre: str, requests: Sequence[Request], adapter: str | None
) -> list[str]:
    """One text a request, from the project's own batched engine."""
    rows = [
        Generation(
            id=str(number),
            prompt=chat_prompt(instruction=instruction(genre), request=request.text),
            adapter=adapter,
            max_tokens=bench.size.tokens,
            seed=SEED + number,
        )
        for number, request in enumerate(requests)
    ]
    return [end.text.strip() for end in written(engine, rows)]


def judge_of(bench: Bench) -> Any:
    """A text classifier over the genres that have texts."""
    whole = bench.size.whole
    genres = [genre for genre, extractor in EXTRACTORS.items() if whole or extractor.free]
    corpora = bench.corpora | {
        genre: load_corpus(genre, DEFAULT_CACHE) for genre in genres if genre not in bench.corpora
    }
    return genre_judge(
        {genre: [text.text for text in corpus.training] for genre, corpus in corpora.items()}
    )


def texts_written(bench: Bench) -> Iterator[tuple[str, Figures]]:
    """By genre, what judge, encoder and training texts say of texts by base and by adapter."""
    engine = LocalEngine.load(bench.base, bench.store, threads=THREADS, context=512)
    encoder = SentenceEncoder.load(prepare_encoder(bench.models), threads=THREADS)
    judge = judge_of(bench)
    for genre, name in bench.names.items():
        corpus, count = bench.corpora[genre], bench.size.texts
        requests = write_requests(corpus.held_out, SEED)[:count]
        by_base = write(bench, engine, genre, requests, None)
        by_adapter = write(bench, engine, genre, requests, str(name))
        known = [text.text for text in corpus.training]
        real = [text.text for text in corpus.held_out[:200]]
        yield (
            genre,
            {
                "share_base": _share(judge, by_base, genre),
                "share_adapter": _share(judge, by_adapter, genre),
                "judge_recall": _share(judge, real, genre),
                "topic_hit_base": topic_hit(_samples(requests, by_base), encoder),
                "topic_hit_adapter": topic_hit(_samples(requests, by_adapter), encoder),
                "copied_8grams": copied(by_adapter, known),
                "copied_8grams_held_out": copied(real, known),
                "texts": by_adapter,
            },
        )


def _share(judge: Any, texts: Sequence[str], genre: str) -> float:
    return fmean(of_genres(judge, texts, [genre] * len(texts)))


def _samples(requests: Sequence[Request], texts: Sequence[str]) -> list[Sample]:
    pairs = zip(requests, texts, strict=True)
    return [Sample(request=request.text, topic=request.topic, text=text) for request, text in pairs]


def training_speed(bench: Bench) -> Figures:
    """Seconds of a plain peft loop over ours, and the ratio of the losses.

    Same texts, loss, precision, batches and threads. Each has the better of the rates
    2e-3 and 4e-3.
    """
    genre = next(iter(bench.corpora))
    corpus = bench.corpora[genre].sample(bench.size.speed, bench.size.held_out)
    # the plain loop counts all tokens alike
    training = [
        replace(each, named=(False,) * len(each.named))
        for each in bench.examples(genre, corpus.training)
    ]
    held_out = bench.examples(genre, corpus.held_out)
    plain, ours = bench.model(), bench.model()
    plainly = replace(bench.recipe, learning_rate=PLAIN_RATE)
    begun = time.perf_counter()
    loss = train_plainly(plain, training, held_out, plainly)
    between = time.perf_counter()
    trained = train(ours, training, held_out, bench.recipe)
    ended = time.perf_counter()
    return {
        "train_speedup": (between - begun) / (ended - between),
        "train_loss_ratio": trained.loss / loss,
    }


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    bench = Bench(FAST if given.quick else FULL, QUICK if given.quick else None)
    ppl = perplexities(bench)
    genres: list[Figures] = []
    for genre, measured in texts_written(bench):
        texts = measured.pop("texts")
        genres.append({"genre": genre} | ppl[genre] | measured)
        print(
            f"{genre:22}"
            + "  ".join(f"{key} {_short(value)}" for key, value in list(genres[-1].items())[1:])
        )
        for text in texts[:3]:
            print("    | " + text.replace("\n", " / ")[:160], flush=True)
    figures: Figures = {
        "genres": genres,
        "mean_ppl_ratio": sum(each["ppl_adapter"] / each["ppl_base"] for each in genres)
        / len(genres),
        **training_speed(bench),
        "publish_to_answer_s": asyncio.run(measure())["publish_to_answer_s"]
        if bench.size.whole
        else None,
    }
    for key, value in list(figures.items())[1:]:
        print(f"{key:32} {_short(value)}")
    if given.json:
        show_json(figures)


def _short(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
