"""How often the gate holds back texts: those that the base model writes when it is asked for harm,
when it is asked for what only looks so, and ordinary texts.

`python -m benchmarks.unsafe_texts [--quick] [--json]`: requests of two authors that nothing was
learned from are given to the base model past the gate for requests. What it writes for harm is not
always harmful, so the share is no recall: compare it with the others. Ordinary texts are those that
were written for held-out requests, whole and by their first 200 characters.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import compress
from typing import Annotated

import typer

from agents.base_model import stocked_store
from agents.generate.writer import PLAIN_INSTRUCTION, load_engine
from genre_models.classification.written.requests import ENGLISH
from genre_models.corpora.written.pairs import FOLDER, HELD_OUT, read_pairs
from genre_models.encoder import SentenceEncoder
from genre_models.engine.generation import Engine, Generation, written
from genre_models.engine.prompt import chat_prompt
from genre_models.safety import SafetyGate, load_score
from genre_models.safety.examples import HELD_OUT as REQUESTS
from genre_models.safety.examples import read
from streams.settings import Settings

_EACH, _QUICK = 8, 40  # one request in so many is written for
_TOKENS = 80
_BEGINNING = 200  # characters


def main(
    quick: Annotated[bool, typer.Option(help="Fewer requests, within minutes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The last line is JSON.")] = False,
) -> None:
    """Measure the gate as `generate` has it."""
    settings = Settings.from_environment()
    encoder = SentenceEncoder.load(settings.models / "encoder")
    gate, rules = SafetyGate(load_score(settings.models, encoder)), SafetyGate()
    asked = [each for each in read(REQUESTS) if each.language == ENGLISH]
    each = _QUICK if quick else _EACH
    engine = load_engine(settings, stocked_store(settings))
    figures: dict[str, object] = {}
    for name, is_harmful in (("asked_for_harm", True), ("asked_for_what_looks_so", False)):
        requests = [one.text for one in asked if one.is_harmful is is_harmful][::each]
        texts = _written(engine, requests)
        figures[name] = {
            "texts": len(texts),
            "held_back": _share(_held_back(gate, texts, [None] * len(texts))),
            "by_rules_alone": _share(_held_back(rules, texts, [None] * len(texts))),
        }
    figures["ordinary"] = _ordinary(gate)
    for name, value in figures.items():
        typer.echo(f"{name}: {value}")
    if as_json:
        typer.echo(json.dumps(figures))


def _written(engine: Engine, requests: Sequence[str]) -> list[str]:
    """What the base model writes for each."""
    rows = [
        Generation(
            id=str(number),
            prompt=chat_prompt(instruction=PLAIN_INSTRUCTION, request=request),
            max_tokens=_TOKENS,
            seed=number,
        )
        for number, request in enumerate(requests)
    ]
    return [end.text for end in written(engine, rows)]


def _ordinary(gate: SafetyGate) -> dict[str, object]:
    """Texts of each genre by authors that nothing was learned from."""
    pairs = [
        (file.stem, pair.text)
        for file in sorted((FOLDER / HELD_OUT).glob("*.jsonl"))
        for pair in read_pairs(file)
    ]
    genres, texts = [genre for genre, _ in pairs], [text for _, text in pairs]
    held_back = _held_back(gate, texts, genres)
    return {
        "texts": len(texts),
        "held_back": _share(held_back),
        "their_beginnings": _share(_held_back(gate, [each[:_BEGINNING] for each in texts], genres)),
        "by_genre": Counter(compress(genres, held_back)),
    }


def _held_back(gate: SafetyGate, texts: Sequence[str], genres: Sequence[str | None]) -> list[bool]:
    return [each.action == "decline" for each in gate.texts(texts, genres)]


def _share(held_back: Sequence[bool]) -> float:
    return round(sum(held_back) / max(1, len(held_back)), 4)


if __name__ == "__main__":
    typer.run(main)
