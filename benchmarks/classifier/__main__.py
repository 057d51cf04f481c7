"""How well public texts are classified, and requests understood that nobody learned from.

Each figure comes with a 95 % interval. Of public texts, `classifier` is the product's, `svc` TF-IDF
and a linear support vector machine, `points` the lead; their packages are kept in the cache, and
each split is printed as soon as it is measured.

`requests` are the kept ones in English, plain and `implied`, which never name their genre. Of the
requests of the kept `pairs` many are a topic alone: their adapter knew what it was to write.
`languages` are in Chinese, Spanish, German, French, Japanese and Portuguese; `outside` ask for no
genre. `new_genre` is learned from ten requests by a head that has seen none of it. Times are of one
English request, over the encoder alone in the same run. `--requests FILE` takes JSON lines with
`text`, `genre` (null where none is meant) and, where it is not English, `language` instead.
`--quick` takes R8 alone of the public texts, and learns two new genres instead of twelve; `--split`
measures one split and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from agents.genres.classifiers import load_classifier
from agents.roles import share_cores
from benchmarks.classifier.comparison import compared
from benchmarks.classifier.measures import Figure, calibration, separation, share
from benchmarks.classifier.new_genre import ten_shots
from benchmarks.classifier.splits import SPLITS
from benchmarks.report import arguments, show_json
from genre_models.classification.classifier import Classification, Classifier
from genre_models.classification.languages import LanguageIdentifier
from genre_models.classification.written import Request, held_out, read_requests
from genre_models.encoder import SentenceEncoder
from genre_models.multilingual import MultilingualEncoder
from genre_models.packages import DEFAULT_CACHE
from genre_models.taxonomy import Taxonomy
from genre_models.weights import prepare_encoder, prepare_multilingual
from streams.settings import Settings

TIMED = 40  # requests
QUICK = 1  # split


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """What `classify` computes of a request, without Kafka."""

    encoder: SentenceEncoder
    multilingual: MultilingualEncoder
    languages: LanguageIdentifier
    classifier: Classifier

    @classmethod
    def load(cls, settings: Settings) -> Understanding:
        """The product's own, on one core."""
        encoder = SentenceEncoder.load(prepare_encoder(settings.models), threads=1)
        multilingual = MultilingualEncoder(prepare_multilingual(settings.models))
        return cls(
            encoder=encoder,
            multilingual=multilingual,
            languages=LanguageIdentifier(),
            classifier=load_classifier(
                settings, Taxonomy.load(), encoder, multilingual=multilingual
            ),
        )

    def of(self, texts: Sequence[str]) -> list[Classification]:
        """Of each request."""
        return [
            self.classifier.predict_one(layers, text, self._foreign(text))
            for layers, text in zip(self.encoder.layers(texts), texts, strict=True)
        ]

    def _foreign(self, text: str) -> Any:
        return (
            self.multilingual.encode([text])[0]
            if self.languages.identify(text).is_foreign
            else None
        )


def understood(requests: Sequence[Request], found: Sequence[Classification]) -> dict[str, Figure]:
    """Accuracy by genre and family, and calibration, of requests that mean a genre."""
    family = Taxonomy.load().family_of
    pairs = [(each.genre, told) for each, told in zip(requests, found, strict=True) if each.genre]
    right = [told.genres[0][0] == genre for genre, told in pairs]
    return {
        "accuracy": share(right),
        "family": share([told.families[0][0] == family(genre) for genre, told in pairs]),
        "ece": calibration([told.genres[0][1] for _, told in pairs], right),
    }


def meant(found: Classification) -> float:
    """How probably any genre is meant."""
    return sum(probability for _, probability in found.families)


def kept(understanding: Understanding) -> dict[str, Any]:
    """The figures of the kept requests."""
    sets = held_out()
    found = {
        name: understanding.of([each.text for each in requests]) for name, requests in sets.items()
    }
    english, told = ([*group["plain"], *group["implied"]] for group in (sets, found))
    inside = [meant(each) for asked, each in zip(english, told, strict=True) if asked.genre]
    outside = [
        each
        for asked, each in zip(
            [*english, *sets["outside"]], [*told, *found["outside"]], strict=True
        )
        if not asked.genre
    ]
    return {
        "requests": understood(english, told),
        "pairs": understood(sets["pairs"], found["pairs"]),
        "implied": understood(sets["implied"], found["implied"]),
        "languages": understood(sets["languages"], found["languages"]),
        "by_language": _by_language(sets["languages"], found["languages"]),
        "outside": {
            "auroc": separation(inside, [meant(each) for each in outside]),
            "left_to_the_base": share([each.fallback == "base" for each in outside]),
            "of_genres_left": share(
                [
                    each.fallback == "base"
                    for asked, each in zip(english, told, strict=True)
                    if asked.genre
                ]
            ),
        },
    }


def _by_language(requests: Sequence[Request], found: Sequence[Classification]) -> dict[str, Figure]:
    right: dict[str, list[bool]] = {}
    for each, told in zip(requests, found, strict=True):
        right.setdefault(each.language, []).append(told.genres[0][0] == each.genre)
    return {language: share(of_language) for language, of_language in right.items()}


def others(understanding: Understanding, requests: Sequence[Request]) -> dict[str, Any]:
    """The figures of somebody else's requests."""
    found = understanding.of([each.text for each in requests])
    inside = [meant(told) for each, told in zip(requests, found, strict=True) if each.genre]
    outside = [meant(told) for each, told in zip(requests, found, strict=True) if not each.genre]
    figures: dict[str, Any] = {"others": understood(requests, found)} if inside else {}
    if inside and outside:
        figures["outside"] = {"auroc": separation(inside, outside)}
    return figures


def times(understanding: Understanding) -> dict[str, float]:
    """Milliseconds of processor time of one English request, and over the encoder alone."""
    texts = [each.text for each in held_out()["pairs"][::29]][:TIMED]
    whole, alone = [], []
    for text in texts:  # each time another: the encoder keeps what it has encoded
        whole.append(_milliseconds(partial(understanding.of, [f"{text} a"])))
        alone.append(_milliseconds(partial(understanding.encoder.encode, [f"{text} b"])))
    batch = _milliseconds(partial(understanding.of, [f"{text} c" for text in texts]))
    encoded = _milliseconds(partial(understanding.encoder.encode, [f"{text} d" for text in texts]))
    return {
        "one_ms": median(whole),
        "one_over_encoder": median(one / other for one, other in zip(whole, alone, strict=True)),
        "batch_rate_over_encoder": encoded / batch,
    }


def _milliseconds(call: Any) -> float:
    before = time.thread_time()
    call()
    return (time.thread_time() - before) * 1000


def public_texts(names: Sequence[str], settings: Settings) -> dict[str, Any]:
    """The figures of each split, printed as they come; all cores are taken."""
    encoder = SentenceEncoder.load(prepare_encoder(settings.models))
    figures = {}
    for name in names:
        figures[name] = compared(SPLITS[name](DEFAULT_CACHE), encoder)
        _print(figures[name], f"{name}.")
    return figures


def request_figures(settings: Settings, *, quick: bool) -> dict[str, Any]:
    """The figures of the kept requests, times, and what a new genre learns."""
    understanding = Understanding.load(settings)
    figures = kept(understanding) | {"times": times(understanding)}
    figures["new_genre"] = ten_shots(
        understanding.classifier, understanding.encoder, genres=2 if quick else 12
    )
    return figures


def main() -> None:
    """Measure and print."""
    options = arguments(
        __doc__ or "",
        {"requests": "JSON lines with text and genre, measured instead"},
        {"split": (tuple(SPLITS), "public texts, measured instead")},
    )
    share_cores()
    settings = Settings.from_environment()
    figures: dict[str, Any] = {}
    splits: dict[str, Any] = {}
    if options.requests:
        figures = others(Understanding.load(settings), read_requests(options.requests))
    elif options.split:
        splits = public_texts([options.split], settings)
    else:
        splits = public_texts(list(SPLITS)[: QUICK if options.quick else None], settings)
        figures = request_figures(settings, quick=options.quick)
    _print(figures)
    if options.json:
        show_json(figures | {"splits": splits} if splits else figures)


def _print(figures: Mapping[str, Any], of: str = "") -> None:
    for name, figure in _flat(figures, of):
        print(f"{name:40} {figure}", flush=True)


def _flat(figures: Mapping[str, Any], of: str = "") -> list[tuple[str, str]]:
    lines = []
    for name, figure in figures.items():
        path = f"{of}{name}"
        if not isinstance(figure, Mapping):
            lines.append((path, f"{figure:.3f}"))
        elif "interval" in figure:
            low, high = figure["interval"]
            lines.append((path, f"{figure['value']:.3f} ({low:.3f} to {high:.3f})"))
        else:
            lines += _flat(figure, f"{path}.")
    return lines


if __name__ == "__main__":
    main()
