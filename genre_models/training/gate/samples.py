"""Texts that a new adapter writes for held-out requests, and what can be said of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genre_models.adapters import AdapterName, AdapterStore
from genre_models.encoder import Encoder
from genre_models.engine.generation import Generation, written
from genre_models.engine.local_engine import LocalEngine
from genre_models.engine.prompt import chat_prompt
from genre_models.safety import SafetyGate
from genre_models.training.texts.requests import Request

SAMPLES, TOKENS = 20, 64
NEIGHBOURS = 9  # other requests that a text is compared with
GRAM = 8  # words

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A request and the text that was written for it.

    `topic` is what the request asks for (empty: it leaves that open), `held_back` the safety rule
    that would hold the text back (None: it passes).
    """

    request: str
    topic: str = ""
    text: str
    held_back: str | None = None


def write_samples(
    base: Path,
    store: AdapterStore,
    name: AdapterName,
    instruction: str,
    requests: Sequence[Request],
    threads: int,
) -> list[Sample]:
    """One text for each of the first twenty requests."""
    engine, gate = LocalEngine.load(base, store, threads=threads, context=512), SafetyGate()
    asked = requests[:SAMPLES]
    rows = [
        Generation(
            id=str(number),
            prompt=chat_prompt(instruction=instruction, request=request.text),
            adapter=str(name),
            max_tokens=TOKENS,
            seed=number,
        )
        for number, request in enumerate(asked)
    ]
    return [
        Sample(
            request=request.text,
            topic=request.topic,
            text=end.text,
            held_back=gate.check_text(end.text, name.genre).code,
        )
        for request, end in zip(asked, written(engine, rows), strict=True)
    ]


def topic_hit(samples: Sequence[Sample], encoder: Encoder) -> float | None:
    """Share of texts nearer to their own request's topic than to the next nine's; chance is 0.1.

    Requests that leave the topic open do not count; None where fewer than ten name one.
    """
    asked = [sample for sample in samples if sample.topic]
    if len(asked) <= NEIGHBOURS:
        return None
    topics = encoder.encode([sample.topic for sample in asked])
    texts = encoder.encode([sample.text for sample in asked])
    steps = np.arange(len(asked))[:, None] + 1 + np.arange(NEIGHBOURS)
    return float(is_about(texts, topics, topics[steps % len(asked)]).mean())


def is_about(texts: Floats, own: Floats, others: Floats) -> NDArray[np.bool_]:
    """Whether texts [n, d] are nearer to their own topics [n, d] than to the others [n, k, d]."""
    nearest = np.einsum("nd,nkd->nk", texts, others).max(1)
    return np.asarray(np.einsum("nd,nd->n", texts, own) > nearest)


def copied(texts: Sequence[str], training: Sequence[str]) -> float:
    """Share of the texts' sequences of eight words that stand in the training texts."""
    known = {gram for text in training for gram in _grams(text)}
    written = [gram for text in texts for gram in _grams(text)]
    return sum(gram in known for gram in written) / max(len(written), 1)


def _grams(text: str) -> list[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return [tuple(words[at : at + GRAM]) for at in range(len(words) - GRAM + 1)]
