"""What is learned from and what is held out, and when there is too little of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from genre_models.training.texts.material import gather
from genre_models.training.texts.store import SentText, TextStore
from schemas.errors import Rejected
from schemas.training import TrainingEvent
from tests.genre_models.training.conftest import lines, order


def test_too_few_texts_say_how_many_are_needed_and_what_was_left_out(
    models: Path, tmp_path: Path
) -> None:
    german = "Der alte Teich liegt still im Nebel und niemand weiß, warum er schweigt."
    with pytest.raises(
        Rejected, match=r"got 50 of 52 that were sent \(left out: .*1 language.*\): send 50 more"
    ) as no:
        gather(order(models, tmp_path, [*lines(50), german, "x"]))
    assert no.value.code == "too_few_texts"


def test_ten_thousand_times_the_same_text_is_one_text(models: Path, tmp_path: Path) -> None:
    file = tmp_path / "sent.jsonl"
    wanted = order(models, tmp_path, [])
    with pytest.raises(Rejected, match="got 1 of 10000"):
        line = msgspec.json.encode(SentText(text="The old pond is here again today.", time=1.0))
        file.write_bytes(b"\n".join([line] * 10_000))
        gather(replace(wanted, texts=str(file)))


def test_texts_of_one_document_cannot_be_held_out(models: Path, tmp_path: Path) -> None:
    store = TextStore(tmp_path / "sent")
    for line in lines(150):
        store.add(
            TrainingEvent(kind="text", genre="haiku", text=line, document="one"),
            user=None,
            time=1.0,
        )
    wanted = replace(order(models, tmp_path / "other", []), texts=str(store.path("haiku", None)))
    with pytest.raises(Rejected, match="more documents"):
        gather(wanted)


def test_requests_are_cleaned_and_count_among_the_words(models: Path, tmp_path: Path) -> None:
    store = TextStore(tmp_path / "sent")
    asked = [*(f"Number {number},\n ask ann@example.org" for number in range(150)), "why " * 300]
    for request, line in zip(asked, lines(151), strict=True):
        event = TrainingEvent(kind="text", genre="haiku", text=line, request=request)
        store.add(event, user=None, time=1.0)
    wanted = replace(order(models, tmp_path / "other", []), texts=str(store.path("haiku", None)))
    corpus, prepared = gather(wanted)
    assert prepared.removed["too_long"] == 1
    assert {text.request.partition(",")[2] for text in corpus.training} == {
        "\nask name@example.com"
    }
