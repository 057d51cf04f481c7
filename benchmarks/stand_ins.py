"""Instant stand-ins for encoder and engine, to measure and to torture what surrounds the models.

`python -m benchmarks.stand_ins worker ROLE` runs a role with them; recommend, train and gateway
have no model to stand in for. With `GENRE_STAND_IN_ENCODER=real` the encoder is the real one;
`GENRE_STAND_IN_PAUSE` makes each engine step that slow. Everything else - taxonomy, classifier
head, safety gate, planner, ranker, learner, codecs - is the real thing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import typer

from agents.base_model import base_folder
from agents.classify import role as classify
from agents.classify.judge import Judge
from agents.commands.worker import RoleName, run
from agents.generate import role as generate
from agents.generate.engine_thread import EngineThread
from agents.generate.library import Library
from agents.generate.text_judge import TextJudge
from agents.generate.writer import EngineWriter
from agents.genres.classifiers import Classifiers
from agents.genres.registry import Registry
from agents.roles import build, share_cores
from genre_models.adapters import AdapterStore, BaseSpec
from genre_models.classification.classifier import Classifier, digest_of
from genre_models.classification.languages import LanguageIdentifier
from genre_models.encoder import DIMENSION, LAYERS
from genre_models.engine import Finished, Generation, Piece
from genre_models.fitted import load_or_fit
from genre_models.judging import Judge as AnswerJudge
from genre_models.safety import SafetyGate
from genre_models.taxonomy import Taxonomy
from streams.gateway.server import Gateway
from streams.settings import Settings
from streams.wire.roles import ROLES
from streams.worker.app import RoleApp


def answering() -> list[str]:
    """The roles that a request passes on its way to its answer."""
    reached, found = {"requests"}, 0
    while len(reached) > found:
        found = len(reached)
        for role in ROLES.values():
            for agent in role.agents:
                reached |= set(agent.writes) if agent.reads in reached else set()
    return [name for name, role in ROLES.items() if reached & set(role.reads)]


class InstantEncoder:
    """Embeds a text as the sum of its words' hashes: no meaning beyond shared words, no time."""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """[n, 384] unit rows."""
        return np.stack([self._one(text) for text in texts])

    def layers(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """[n, 4, 384]: all say the same."""
        return np.repeat(self.encode(texts)[:, None], LAYERS, axis=1)

    def _one(self, text: str) -> npt.NDArray[np.float32]:
        total = np.full(DIMENSION, 1e-3, np.float32)
        for word in text.lower().split()[:64]:
            digest = blake2b(word.encode(), digest_size=48).digest()
            total += np.unpackbits(np.frombuffer(digest, np.uint8)).astype(np.float32) - 0.5
        return total / np.float32(np.linalg.norm(total))


class InstantEngine:
    """Ends every row at its first step, which takes `pause` seconds; a row determines its text."""

    def __init__(self, pause: float = 0.0) -> None:
        self._rows: list[Generation] = []
        self._pause = pause

    @property
    def idle(self) -> bool:
        """Whether nothing is to be done."""
        return not self._rows

    def submit(self, rows: Sequence[Generation]) -> None:
        """Take rows."""
        self._rows.extend(rows)

    def prefetch(self, adapters: Sequence[str]) -> None:
        """Nothing is to be read."""

    def cancel(self, row_id: str) -> None:
        """Forget a row that waits."""
        self._rows = [row for row in self._rows if row.id != row_id]

    def step(self) -> list[Piece | Finished]:
        """Finish all rows."""
        time.sleep(self._pause)
        rows, self._rows = self._rows, []
        return [event for row in rows for event in self._written(row)]

    def _written(self, row: Generation) -> tuple[Piece, Finished]:
        text = f"{row.prompt.user[:60]} {row.adapter or 'base'} {row.seed}"
        words = len(text.split())
        end = Finished(
            id=row.id, text=text, reason="stop", logprob=-2.0, tokens_in=8, tokens_out=words
        )
        return Piece(id=row.id, text=text), end


def fitted(settings: Settings, taxonomy: Taxonomy, encoder: InstantEncoder) -> Classifier:
    """The classifier on these embeddings: fitted once, as it takes ten seconds, and kept."""
    return load_or_fit(
        settings.models / f"stand-in-{digest_of(taxonomy)[:16]}.npz",
        lambda: Classifier.fit(taxonomy, encoder).to_bytes(),
        lambda data: Classifier.from_bytes(data, taxonomy),
        takes="ten seconds",
    )


def instant(role: str, settings: Settings) -> RoleApp | Gateway:
    """The app of a role with stand-ins for its models."""
    share_cores()
    if role in ("recommend", "train", "gateway"):
        return build(role, settings)
    if os.environ.get("GENRE_STAND_IN_ENCODER") == "real" and role == "classify":
        return build(role, settings)
    encoder, gate, registry = InstantEncoder(), SafetyGate(), Registry()
    classifiers = Classifiers(
        registry,
        fitted(settings, registry.taxonomy(), encoder),
        lambda taxonomy, known: Classifier.fit(taxonomy, encoder, known),
    )
    if role == "classify":
        judge = Judge(
            encoder=encoder, classifiers=classifiers, languages=LanguageIdentifier(), gate=gate
        )
        return classify.attached(settings, judge)
    texts = TextJudge(encoder=encoder, classifiers=classifiers, gate=gate, judge=AnswerJudge.load())
    library = Library(
        registry, AdapterStore(settings.adapters, BaseSpec.load(base_folder(settings)))
    )
    engine = InstantEngine(pause=float(os.environ.get("GENRE_STAND_IN_PAUSE", "0")))
    writer = EngineWriter(
        EngineThread(engine), texts, library, limit=settings.rows, base="stand-in"
    )
    return generate.attached(settings, writer)


cli = typer.Typer(add_completion=False)


@cli.callback()
def _group() -> None:
    """The same command line as `genre`, with one command."""


@cli.command()
def worker(role: RoleName) -> None:
    """Run one role with stand-ins until it is stopped."""
    settings = Settings.from_environment()
    run(instant(role, settings), settings.log_level)


if __name__ == "__main__":
    cli()
