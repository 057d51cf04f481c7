"""All texts of one genre, cleaned, and split so that no document stands on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from genre_models.corpora.cleaning import cleaned, tidy
from genre_models.corpora.extractors import EXTRACTORS, Extractor
from genre_models.corpora.text import Text
from schemas.errors import ModelError

IN_LINES = {"poetry", "scripture"}
HELD_OUT_SHARE, HELD_OUT_LEAST = 0.1, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """`training` and `held_out` texts of one genre; the digest names the exact training texts."""

    genre: str
    licence: str
    training: tuple[Text, ...]
    held_out: tuple[Text, ...]

    def sample(self, texts: int, held_out: int) -> Corpus:
        """At most so many texts: both sides are in the order of a hash, so their beginnings are fair samples."""
        return replace(self, training=self.training[:texts], held_out=self.held_out[:held_out])

    @property
    def digest(self) -> str:
        """sha256 (64 hex digits) over the training texts."""
        return hashlib.sha256("\0".join(text.text for text in self.training).encode()).hexdigest()


def load_corpus(genre: str, cache: Path) -> Corpus:
    """The corpus of a genre, made from its packages on first use. Raises ModelError `no_corpus`."""
    if genre not in EXTRACTORS:
        raise ModelError("no_corpus", f"expected a genre with a corpus ({', '.join(EXTRACTORS)}), got {genre!r}")
    cache = cache.expanduser()
    cache.mkdir(parents=True, exist_ok=True)
    file = cache / f"{genre}.jsonl"
    if not file.exists():
        _write(file, _texts(genre, EXTRACTORS[genre], cache))
    texts = [msgspec.json.decode(line, type=Text) for line in file.read_bytes().splitlines()]
    return _split(genre, texts)


def _texts(genre: str, extractor: Extractor, cache: Path) -> Iterable[Text]:
    cuts = (
        Text(
            text=tidy(cut.text, genre in IN_LINES),
            genre=genre,
            family=extractor.family,
            source=extractor.source,
            document=cut.document,
            title=tidy(cut.title, False),
        )
        for cut in extractor.cut(cache)
    )
    return cleaned(cuts, extractor.words)


def _write(file: Path, texts: Iterable[Text]) -> None:
    partial = file.with_suffix(".partial")
    partial.write_bytes(b"".join(msgspec.json.encode(text) + b"\n" for text in texts))
    partial.rename(file)


def _split(genre: str, texts: list[Text]) -> Corpus:
    """Whole documents are held out, in the order of a hash: adding texts moves nobody to the other side."""
    wanted = max(HELD_OUT_LEAST, int(HELD_OUT_SHARE * len(texts)))
    held_out: list[Text] = []
    training: list[Text] = []
    by_document: dict[str, list[Text]] = {}
    for text in sorted(texts, key=_order):
        by_document.setdefault(text.document, []).append(text)
    for document in sorted(by_document, key=lambda name: hashlib.sha256(name.encode()).digest()):
        (held_out if len(held_out) < wanted else training).extend(by_document[document])
    training.sort(key=_order)
    held_out.sort(key=_order)
    return Corpus(genre=genre, licence=EXTRACTORS[genre].licence, training=tuple(training), held_out=tuple(held_out))


def _order(text: Text) -> bytes:
    return hashlib.sha256(text.text.encode()).digest()
