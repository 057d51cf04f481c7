"""All texts of one genre, prepared, and split so that no document stands on both sides."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from genre_models import atomic
from genre_models.corpora.cleaning import tidy
from genre_models.corpora.duplicates import order
from genre_models.corpora.extractor import Extractor
from genre_models.corpora.extractors import EXTRACTORS
from genre_models.corpora.preprocessing import Prepared, Step, preprocess
from genre_models.corpora.text import Text
from genre_models.taxonomy.taxonomy import Taxonomy
from schemas.errors import ModelError

log = logging.getLogger(__name__)

HELD_OUT_SHARE, HELD_OUT_LEAST = 0.1, 50
# of the prepared texts: raise it when an extractor or a rule changes,
# so that no cache keeps old ones
EDITION = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """`training` and `held_out` texts of one genre; the digest names the exact training texts."""

    genre: str
    licence: str
    training: tuple[Text, ...]
    held_out: tuple[Text, ...]

    @classmethod
    def split(cls, genre: str, licence: str, texts: Sequence[Text]) -> Corpus:
        """Hold out a tenth, at least 50 texts, by whole documents in the order of a hash.

        Adding texts moves nobody to the other side, and both sides begin with a fair sample.
        """
        wanted = max(HELD_OUT_LEAST, int(HELD_OUT_SHARE * len(texts)))
        held_out: list[Text] = []
        training: list[Text] = []
        by_document: dict[str, list[Text]] = {}
        for text in texts:
            by_document.setdefault(text.document, []).append(text)
        for document in sorted(
            by_document, key=lambda name: hashlib.sha256(name.encode()).digest()
        ):
            (held_out if len(held_out) < wanted else training).extend(by_document[document])
        training.sort(key=order)
        held_out.sort(key=order)
        return cls(genre=genre, licence=licence, training=tuple(training), held_out=tuple(held_out))

    def sample(self, texts: int, held_out: int) -> Corpus:
        """At most so many texts."""
        return replace(self, training=self.training[:texts], held_out=self.held_out[:held_out])

    @property
    def digest(self) -> str:
        """sha256 (64 hex digits) over the training texts and their requests."""
        said = (
            f"{text.text}\1{text.request}" if text.request else text.text for text in self.training
        )
        return hashlib.sha256("\0".join(said).encode()).hexdigest()


def load_corpus(genre: str, cache: Path) -> Corpus:
    """The corpus of a genre, made from its packages on first use. Raises ModelError `no_corpus`."""
    texts = load_prepared(genre, cache).texts
    return Corpus.split(genre, EXTRACTORS[genre].licence, texts)


def load_prepared(genre: str, cache: Path) -> Prepared:
    """The texts of a genre and what each rule left out. Raises ModelError `no_corpus`."""
    if genre not in EXTRACTORS:
        raise ModelError(
            "no_corpus", f"expected a genre with a corpus ({', '.join(EXTRACTORS)}), got {genre!r}"
        )
    file = _file(genre, cache)
    if not file.exists():
        log.info("preparing the texts of %s", genre)
        extractor = EXTRACTORS[genre]
        cuts = _cut(genre, extractor, cache.expanduser())
        _write(file, preprocess(cuts, extractor.rules))
    texts = (msgspec.json.decode(line, type=Text) for line in file.read_bytes().splitlines())
    return Prepared(
        texts=tuple(texts),
        steps=msgspec.json.decode(_steps(file).read_bytes(), type=tuple[Step, ...]),
    )


def is_fetched(genre: str, cache: Path) -> bool:
    """Whether the texts of a genre lie in the cache."""
    return _file(genre, cache).exists()


def _file(genre: str, cache: Path) -> Path:
    return cache.expanduser() / f"texts-{EDITION}" / f"{genre}.jsonl"


def _cut(genre: str, extractor: Extractor, cache: Path) -> Iterator[Text]:
    cache.mkdir(parents=True, exist_ok=True)
    family = Taxonomy.load().family_of(genre)
    for cut in extractor.cut(cache):
        yield Text(
            text=cut.text,
            genre=genre,
            family=family,
            source=extractor.source,
            document=cut.document,
            title=tidy(cut.title, False),
        )


def _write(file: Path, prepared: Prepared) -> None:
    """The steps first: where the texts are, they are too."""
    atomic.write(_steps(file), msgspec.json.encode(prepared.steps))
    atomic.write(file, msgspec.json.Encoder().encode_lines(prepared.texts))


def _steps(file: Path) -> Path:
    return file.with_suffix(".steps.json")
