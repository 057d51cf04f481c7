"""From sent texts to what is learned from and what is held out, and when that is too little."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genre_models.adapters import About
from genre_models.corpora import Corpus, Prepared, Rules, Text, preprocess
from genre_models.corpora.cleaning import tidy, without_contacts
from genre_models.taxonomy import noun_of
from genre_models.training.order import Order
from genre_models.training.texts.requests import OPEN, write_requests
from genre_models.training.texts.store import SentText, read_texts, sha256_of
from schemas.errors import Rejected

LEAST = 100  # usable texts: 50 are held out, and from fewer than as many nothing general is learned
LEAST_TRAINING = 40
# example texts and requests that travel with an adapter, and characters of each
SHOWN, LONGEST = 24, 1000

SENT, OF_USERS = "texts sent for training", "texts sent for training, some of users"


def gather(order: Order) -> tuple[Corpus, Prepared]:
    """The corpus of an order, and what preprocessing left out.

    Raises Rejected `too_few_texts` with the number that is needed.
    """
    sent = list(read_texts(Path(order.texts)))
    prepared = preprocess(
        [_text(order, each) for each in sent], Rules(words=(3, 200), lines=_in_lines(sent))
    )
    if len(prepared.texts) < LEAST:
        raise Rejected("too_few_texts", _too_few(order, len(sent), prepared))
    corpus = Corpus.split(order.genre, order.licence, prepared.texts)
    if len(corpus.training) < LEAST_TRAINING:
        raise Rejected(
            "too_few_documents",
            "Expected texts from more documents, so that some can be held out whole, "
            f"got {len(corpus.held_out)} held-out "
            f"and {len(corpus.training)} training texts of {noun_of(order.genre)}.",
        )
    return corpus.sample(order.recipe.texts, order.recipe.held_out), prepared


def about(order: Order, corpus: Corpus) -> About:
    """What classifiers and prompts need to know of the genre; nothing comes from a user's text."""
    free = [text for text in corpus.training if text.source == SENT]
    written = write_requests(free, order.recipe.seed) if len(free) >= SHOWN else []
    noun = noun_of(order.genre)
    asked = [template.format(genre=noun) for template in OPEN]
    # the bare topic teaches a classifier nothing
    named = [request.text for request in written if noun in request.text]
    requests = dict.fromkeys(
        text[:LONGEST] for text in (order.requests or (*asked, *named)) if text.strip()
    )
    return About(
        description=order.description
        or f"{noun.capitalize()}: {len(corpus.training)} texts of this kind were sent.",
        instruction=instruction(order),
        requests=tuple(requests)[:SHOWN],
        texts=tuple(dict.fromkeys(text.text[:LONGEST] for text in free[:SHOWN])),
    )


def instruction(order: Order) -> str:
    """How a model is told to write the genre, in training as in serving."""
    noun = noun_of(order.genre)
    return (
        order.instruction
        or f"You write a {noun}. Answer with one {noun} only, about what is asked."
    )


def _text(order: Order, sent: SentText) -> Text:
    return Text(
        text=sent.text,
        genre=order.genre,
        family=order.family,
        source=SENT if sent.user is None else OF_USERS,
        document=sent.document or sha256_of(sent),
        request=without_contacts(tidy(sent.request or "", lines=True)),
    )


def _in_lines(sent: Sequence[SentText]) -> bool:
    """Whether the genre is written in lines, as verse is."""
    return sum("\n" in each.text.strip() for each in sent) > len(sent) / 2


def _too_few(order: Order, sent: int, prepared: Prepared) -> str:
    usable = len(prepared.texts)
    left_out = ", ".join(
        f"{count} {rule.replace('_', ' ')}" for rule, count in prepared.removed.items()
    )
    why = f" (left out: {left_out})" if left_out else ""
    return (
        f"Expected at least {LEAST} usable texts of {noun_of(order.genre)}, "
        f"got {usable} of {sent} that were sent{why}: send {LEAST - usable} more."
    )
