"""One training, from sent texts to a gated adapter in the store.

`python -m genre_models.training.job ORDER.json` runs in a process of its own: nothing else needs
torch for it, it may be killed at any time, and what it leaves behind is complete or nothing. Each
line on standard output is one Progress as JSON.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from genre_models.adapters import AdapterStore, BaseSpec, add_starters
from genre_models.corpora import Corpus, Prepared
from genre_models.devices import device_of, has_bf16
from genre_models.training.order import Order, Told, failure_code
from genre_models.training.texts.material import OF_USERS, about, gather
from genre_models.training.texts.store import UNDER_WAY, TextStore
from genre_models.training.texts.two_classes import LOOKED_AT, TwoClasses, two_classes
from schemas.errors import GenreError, discreet

log = logging.getLogger(__name__)

EVERY = 1.0  # seconds between two steps that are told


def run(order: Order, told: Told) -> None:
    """Train, judge, and add the adapter to the store; the last Progress says how it ended.

    Raises GenreError when the texts or the models do not allow it.
    """
    told(order.progress("preparing"))
    order = _settled(order)
    sent, began = TextStore(Path(order.texts).parents[2]), time.time() - UNDER_WAY
    users = sent.users(order.genre, order.tenant)
    corpus, prepared = gather(order)
    found = _two_classes(order, corpus)
    store = AdapterStore(Path(order.store), BaseSpec.load(order.base_folder))
    add_starters(store)  # the gate's controls, where no role has put them there yet
    known = store.made_of(order.genre, corpus.digest, asdict(order.recipe), order.tenant)
    if known is not None:
        message = "The same texts were trained before."
        return told(order.progress("published", adapter=str(known), message=message))
    with _scratch(store, order) as scratch:
        return _train_and_judge(
            order,
            corpus,
            prepared,
            found,
            store,
            scratch,
            told,
            lambda name, parent: sent.attribute(name, users, began, parent=parent),
        )


def _settled(order: Order) -> Order:
    """The order with its device, and the precision that is the faster one there.

    Raises ModelError `no_device`.
    """
    device = device_of(order.device)
    return replace(order, device=device, recipe=replace(order.recipe, bf16=has_bf16(device)))


@contextmanager
def _scratch(store: AdapterStore, order: Order) -> Iterator[Path]:
    """A folder for weights that are not judged yet; what a kill left there, the order begun anew
    throws away."""
    folder = store.root / "scratch" / sha256(order.job.encode()).hexdigest()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _two_classes(order: Order, corpus: Corpus) -> TwoClasses | None:
    """Whether the texts look like two classes; None where there is no encoder.

    Raises Rejected `two_classes`.
    """
    folder = Path(order.models) / "encoder"
    if not folder.is_dir():
        return None
    from genre_models.encoder import SentenceEncoder

    looked_at = (*corpus.training, *corpus.held_out)[:LOOKED_AT]
    texts = [text.text for text in looked_at]
    found = two_classes(
        texts,
        SentenceEncoder.load(folder, threads=order.threads).encode(texts),
        [text.source != OF_USERS for text in looked_at],
    )
    found.check()
    return found


def _train_and_judge(
    order: Order,
    corpus: Corpus,
    prepared: Prepared,
    found: TwoClasses | None,
    store: AdapterStore,
    scratch: Path,
    told: Told,
    attribute: Callable[[str, str | None], object],
) -> None:
    from genre_models.training.gate.gate import judge
    from genre_models.training.gate.report import Report
    from genre_models.training.publishing import publish
    from genre_models.training.session import Session

    session = Session(order, corpus, store)
    trained = session.train(_steps(order, told))
    made = publish(
        scratch / "adapter",
        corpus,
        order.family,
        trained,
        order.recipe,
        store.base,
        parent=session.parent,
        tenant=order.tenant,
        about=about(order, corpus),
    )
    told(order.progress("checking"))
    measured = session.measure(trained, scratch / "adapter", scratch / "store")
    judgement = judge(order.genre, measured)
    folder = store.root / "reports" / made.digest
    page = Report(
        name=str(made),
        corpus=corpus,
        prepared=prepared,
        two_classes=found,
        trained=trained,
        measured=measured,
        judgement=judgement,
    ).write(folder)
    perplexity = math.exp(measured.loss)
    if not judgement.passed:
        message = f"{judgement.reasons}. The report: {page}"[:2000]
        return told(
            order.progress("rejected", code="gate", message=message, held_out_perplexity=perplexity)
        )
    # Before it is there to be announced: whatever is killed, an erase finds it.
    attribute(str(made), session.parent)
    store.add(scratch / "adapter")
    said = (
        f"Held-out perplexity {math.exp(measured.base_loss):.1f} to {perplexity:.1f}. "
        f"The report: {page}"
    )
    return told(
        order.progress(
            "published", adapter=str(made), held_out_perplexity=perplexity, message=said[:2000]
        )
    )


def _steps(order: Order, told: Told) -> Callable[[Any], None]:
    """Tells of a training's steps, at most one a second."""
    last = -math.inf

    def step(check: Any) -> None:
        nonlocal last
        if time.monotonic() - last < EVERY and check.step < check.steps:
            return
        last = time.monotonic()
        told(
            order.progress(
                "training",
                step=check.step,
                steps=check.steps,
                loss=round(check.loss, 4),
                held_out_perplexity=round(math.exp(check.held_out), 2),
                tokens_per_second=round(check.tokens_per_second, 1),
                seconds_left=round(check.seconds_left, 1),
            )
        )

    return step


def end_with_parent() -> None:
    """End this process when its standard input ends: whoever ordered the training is no more."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def main(arguments: list[str]) -> None:
    """Run the order in the file; errors are told, not raised."""
    end_with_parent()
    file = Path(arguments[0])
    tempfile.tempdir = str(file.parent)  # goes with the order, also after a kill
    order = msgspec.json.decode(file.read_bytes(), type=Order)
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)  # what libraries print goes there: here is only what is told

        def told(progress: object) -> None:
            output.write(msgspec.json.encode(progress) + b"\n")
            output.flush()

        try:
            run(order, told)
        except GenreError as error:
            told(order.progress("rejected", code=error.code, message=error.message[:2000]))
        except Exception as error:
            log.exception("training %s", order.job)
            told(order.progress("failed", code=failure_code(error), message=discreet(error)))


if __name__ == "__main__":
    main(sys.argv[1:])
