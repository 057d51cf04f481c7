"""A whole training on the tiny model: from texts that were sent to a gated adapter, or to the
reason why not."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from genre_models.adapters import AdapterName, AdapterStore, BaseSpec
from genre_models.training.gate.controls import Control
from genre_models.training.gate.gate import Measured, judge
from genre_models.training.gate.samples import Sample, copied
from genre_models.training.job import run
from genre_models.training.order import Order
from genre_models.training.recipe import Recipe
from genre_models.training.texts.material import gather
from genre_models.training.texts.store import SentText, TextStore
from schemas.errors import Rejected
from schemas.progress import Progress
from schemas.training import TrainingEvent
from tests.genre_models.tiny import make_adapter, make_base

WORDS = (
    "old",
    "pond",
    "frog",
    "moon",
    "rain",
    "leaf",
    "wind",
    "snow",
    "hill",
    "crow",
    "pine",
    "gate",
    "road",
    "mist",
)


def lines(number: int, seed: int = 1) -> list[str]:
    chance = random.Random(seed)
    return [f"The {' and the '.join(chance.sample(WORDS, 4))} are here." for _ in range(number)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("models")
    make_base(folder / "base")
    return folder


def order(models: Path, folder: Path, texts: list[str], users: int = 0) -> Order:
    store = TextStore(folder / "sent")
    for number, line in enumerate(texts):
        user = f"user-{number}" if number < users else None
        store.add(TrainingEvent(kind="text", genre="haiku", text=line), user=user, time=1.0)
    return Order(
        job="j1",
        genre="haiku",
        family="verse",
        texts=str(store.path("haiku", None)),
        models=str(models),
        store=str(folder / "store"),
        instruction="Write.",
        threads=1,  # tensors this small only wait for each other
        recipe=Recipe(epochs=2, learning_rate=1e-2),
    )


def told(order: Order) -> list[Progress]:
    steps: list[Progress] = []
    run(order, steps.append)
    return steps


def test_texts_become_a_gated_adapter_with_its_report_and_a_repeat_makes_no_other(
    models: Path, tmp_path: Path
) -> None:
    wanted, base = order(models, tmp_path, lines(160), users=20), BaseSpec.load(models / "base")
    store = AdapterStore(tmp_path / "store", base)
    others = {
        str(store.add(make_adapter(tmp_path / genre, base, genre))) for genre in ("poem", "pooled")
    }
    steps = told(wanted)
    last = steps[-1]
    assert [step.state for step in (steps[0], steps[-2])] == ["preparing", "checking"]
    assert any(step.state == "training" and step.tokens_per_second and step.loss for step in steps)
    # Two layers with random weights learn the texts; what they write is noise, so that the gate may
    # find fault with it.
    assert last.state in ("published", "rejected")
    (folder,) = (tmp_path / "store" / "reports").iterdir()
    report = json.loads((folder / "report.json").read_bytes())
    assert report["ppl_adapter"] < report["ppl_base"]
    assert len(report["samples"]) == 20 and len(report["curve"]) == 3
    assert set(report["controls"]) == others
    assert (
        report["missing"] == ["parent"] and report["two_classes"] is None
    )  # no encoder: not asked
    page = (folder / "report.html").read_text()
    assert "<svg" in page and page.count("<blockquote>") == 20
    if last.state == "published":
        card = store.verified(AdapterName.parse(last.adapter or "")).card
        assert card.about is not None and card.about.instruction == "Write."
        of_users = set(lines(160)[:20])
        assert card.about.texts and not of_users & set(card.about.texts)
        assert told(wanted)[-1].adapter == last.adapter
        assert len(store.names()) == 3


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


GOOD = Measured(
    loss=3.0,
    base_loss=3.6,
    controls=[
        Control(name="poem@000000000000", genre="poem", loss=3.5, weights={}),
        Control(name="haiku@000000000000", genre="haiku", loss=3.1, weights={}),
        Control(name="pooled@000000000000", genre="pooled", loss=3.4, weights={}),
    ],
    shift=0.3,
    samples=[Sample(request="a", text="b")] * 20,
    topic_hit=0.6,
    copied=0.0,
    copied_held_out=0.0,
)


def test_the_gate_passes_what_beats_every_control() -> None:
    judgement = judge("haiku", GOOD)
    assert judgement.passed and judgement.missing == () and judgement.reasons == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"loss": 3.7}, "base model"),
        ({"loss": 3.2}, "parent haiku@000000000000"),
        ({"loss": 3.45}, "pooled"),
        ({"loss": 3.55}, "another genre's poem@000000000000"),
        ({"loss": math.nan}, "base model"),
        ({"shift": 5.0}, "drift"),
        ({"shift": math.nan}, "drift"),
        (
            {
                "samples": [Sample(request="a", text="b", held_back="hate")] * 2
                + [Sample(request="a", text="b")]
            },
            "safety",
        ),
        ({"samples": [Sample(request="a", text=" ")] * 20}, "empty"),
        ({"topic_hit": 0.1}, "topic hit"),
        ({"copied": 0.2}, "copied"),
    ],
)
def test_the_gate_names_what_is_not_good_enough(change: dict[str, object], reason: str) -> None:
    judgement = judge("haiku", replace(GOOD, **change))  # type: ignore[arg-type]
    assert not judgement.passed
    assert reason in judgement.reasons


def test_copied_counts_sequences_of_eight_words() -> None:
    known = ["One two three four five six seven eight nine."]
    assert copied(["one two three four five six seven eight"], known) == 1.0
    assert copied(["two three four five six seven eight ten", "short"], known) == 0.0
