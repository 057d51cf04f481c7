"""What the integers of `fast` do to a model: their perplexity over that of exact.

It is measured once for a model and a version of the arithmetic, on the texts of the taxonomy, which
every installation has, and kept with the model; `auto` is decided by it.
"""

from __future__ import annotations

import argparse
import logging
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import torch

from genre_models import atomic
from genre_models.engine.mixture import Blend
from genre_models.engine.model import Model, arithmetic, load_model
from genre_models.taxonomy import Taxonomy
from genre_models.weights import DEFAULT_CACHE, fingerprint
from schemas.errors import ModelError

log = logging.getLogger(__name__)

TOLERANCE = 0.01  # of exact's perplexity, to either side
LEAST_TOKENS = 20_000  # on fewer, the ratio of two perplexities is noise of about the tolerance
WINDOW = 256  # tokens of a text that are read together
FILE = "fidelity.json"

Told = Callable[[int, int], object]
"""Called with (tokens read so far, of how many)."""


def _silently(done: int, total: int) -> None:
    pass


class Fidelity(msgspec.Struct, frozen=True, kw_only=True):
    """`ratio` of the perplexity of fast to that of exact over `tokens`.

    It holds for the model with the fingerprint `base` (64 hex digits) and for one `arithmetic`.
    """

    base: str
    arithmetic: str
    tokens: int
    ratio: float

    @property
    def close(self) -> bool:
        """Whether fast may stand for exact."""
        return abs(self.ratio - 1) <= TOLERANCE


class Choice(NamedTuple):
    """Whether to compute in integers, and why, in one line."""

    fast: bool
    why: str


# Each was printed by `python -m genre_models.engine.fidelity`: nobody waits for the packaged model.
PINNED = (
    Fidelity(
        base="940784f9ec2d1f454aa9fe816a00b5ece65f74e670808dfa70a8ff4d91ff0454",
        arithmetic="kernel 5a682a80c42d",
        tokens=26_199,
        ratio=1.0037,
    ),
)


def choose(base: Path) -> Choice:
    """What `auto` means for a prepared folder here: fast where that is known to be as good."""
    try:
        found = load(base)
    except ModelError as error:
        return Choice(False, error.message)
    said = f"perplexity of the integers is {found.ratio:.4f} of exact's on {found.tokens:,} tokens"
    return Choice(found.close, f"{said}, {'within' if found.close else 'not within'} 1 %")


def load(base: Path) -> Fidelity:
    """What is pinned for this model and the arithmetic here, or was kept with it.

    Raises ModelError `base_unavailable`, `not_measured`, and `no_integers` when nothing computes
    this model in integers.
    """
    wanted = fingerprint(base), _computes(base)
    for each in (*PINNED, *_kept(base)):
        if (each.base, each.arithmetic) == wanted and each.tokens >= LEAST_TOKENS:
            return each
    raise ModelError(
        "not_measured",
        "the integers have not been measured on this model; `genre prepare` measures them",
    )


def ensure(base: Path, told: Told = _silently) -> None:
    """Measure, unless that has been done, or nothing computes this model in integers."""
    try:
        load(base)
    except ModelError as error:
        if error.code == "not_measured":
            measure(base, told)


def measure(base: Path, told: Told = _silently) -> Fidelity:
    """Read the texts in exact and in fast, and keep the ratio with the model.

    Takes two to four minutes for the packaged model on two cores, for others in proportion to their
    parameters. A ratio of numbers that are not finite counts as 1e9.
    Raises ModelError `no_integers`.
    """
    computes = _computes(base)
    log.info("measuring the integers on this model, once")
    exact, tokens = _read(base, False, lambda done, total: told(done, 2 * total))
    fast, _ = _read(base, True, lambda done, total: told(total + done, 2 * total))
    ratio = math.exp(min((fast - exact) / tokens, 100)) if math.isfinite(fast - exact) else 1e9
    found = Fidelity(base=fingerprint(base), arithmetic=computes, tokens=tokens, ratio=ratio)
    atomic.write(base / FILE, msgspec.json.encode(found))
    return found


def nats(model: Model, ids: Sequence[int], blend: Blend = (), after: int = 1) -> float:
    """-ln of the probability of tokens behind the first `after`, at most `model.context` + 1."""
    with torch.inference_mode():
        tokens = torch.tensor(ids)
        logits = model.prefill(tokens[:-1], 0, 0, blend, every=True)[after - 1 :]
        return float(torch.nn.functional.cross_entropy(logits, tokens[after:], reduction="sum"))


def _computes(base: Path) -> str:
    """Raises ModelError `no_integers`."""
    found = arithmetic(base)
    if found is None:
        raise ModelError("no_integers", "the integers are for models built like Llama only")
    return found


def _read(base: Path, fast: bool, told: Told) -> tuple[float, int]:
    """(nats, tokens) of all texts."""
    with torch.inference_mode():
        model, tokenizer = load_model(base, slots=1, context=WINDOW, fast=fast)
    texts = list(_texts(tokenizer, min(WINDOW, model.context)))
    total, done, tokens = 0.0, 0, sum(len(ids) - 1 for ids in texts)
    for ids in texts:
        total += nats(model, ids)
        done += len(ids) - 1
        told(done, tokens)
    return total, tokens


def _texts(tokenizer: Any, window: int) -> Iterator[list[int]]:
    """What the taxonomy says of each genre, in pieces; a token is predicted once."""
    for genre in Taxonomy.load().genres.values():
        lines = (genre.description, genre.instruction, *genre.requests, *genre.texts)
        ids = tokenizer("\n".join(lines), verbose=False).input_ids
        for start in range(0, len(ids) - 1, window):
            yield ids[start : start + window + 1]


def _kept(base: Path) -> list[Fidelity]:
    """What lies beside the model; nothing where that cannot be read."""
    try:
        return [msgspec.json.decode((base / FILE).read_bytes(), type=Fidelity)]
    except (OSError, msgspec.DecodeError):
        return []


def main(arguments: list[str] | None = None) -> None:
    """Measure the integers on a prepared model: `python -m genre_models.engine.fidelity [BASE]`."""
    parser = argparse.ArgumentParser(
        prog="python -m genre_models.engine.fidelity", description=main.__doc__
    )
    parser.add_argument("base", type=Path, nargs="?", default=DEFAULT_CACHE / "base")
    base = parser.parse_args(arguments).base.expanduser()
    sys.stdout.write(f"{measure(base)}\n{choose(base).why}\n")


if __name__ == "__main__":
    main()
