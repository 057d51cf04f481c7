"""A regression, and opinions that are heard beside it once their files are there."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from genre_models.memory import give_back
from genre_models.safety.learned import UNREADABLE, Encode, Floats, Learned, Opinion, Score
from schemas.errors import ModelError

log = logging.getLogger(__name__)

UNTUNED = "safety_untuned"
LOOK_EVERY = 30.0  # seconds, for an opinion that is not there


@dataclass(frozen=True, slots=True)
class KeptOpinion:
    """The `file` of an opinion. `read` makes of it, and of the regression as it is so far, the
    regression with its new thresholds and the opinion. It raises ModelError: `safety_unreadable`
    where the file is to blame.
    """

    file: Path
    read: Callable[[bytes, Learned], tuple[Learned, Opinion]]

    def heard(self, learned: Learned) -> tuple[Learned, Opinion]:
        """What `read` makes of the file, which is removed where it is to blame.

        Raises as `read`, and OSError.
        """
        try:
            return self.read(self.file.read_bytes(), learned)
        except ModelError as error:
            if error.code == UNREADABLE:  # else an hour of tuning would be thrown away for nothing
                log.warning("%s is removed: %s", self.file.name, error)
                with suppress(OSError):
                    self.file.unlink()
            raise


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """The regression has other thresholds beside each opinion: all of it changes at once."""

    learned: Learned
    opinions: tuple[Opinion, ...] = ()
    before: _Heard | None = None


class Opinions:
    """A regression, and opinions that are heard one after the other: each once it is there and all
    before it are.

    Any thread may ask. One of them looks now and then for what is missing, and waits for it; the
    others go on without. Texts are told by the regression and its second opinion: no other has a
    threshold of texts.
    """

    def __init__(self, learned: Learned, encode: Encode, kept: Sequence[KeptOpinion]) -> None:
        self._encode, self._kept = encode, tuple(kept)
        self._heard = _Heard(learned)
        self._looking = Lock()
        self._next_look = 0.0

    @property
    def are_missing(self) -> bool:
        """Whether one is not heard yet."""
        return len(self._heard.opinions) < len(self._kept)

    def requests(self, texts: Sequence[str]) -> list[Score]:
        """The scores of requests. An opinion that fails is not heard again, if it is there at all.

        Raises ModelError where the encoder cannot be had.
        """
        self.look()
        heard = self._heard
        try:
            return heard.learned.scores(texts, self._encode, heard.opinions)
        except ModelError as error:
            self._without_last(heard, error)
            return self.requests(texts)

    def texts(self, texts: Sequence[str]) -> list[Score]:
        """The scores of texts."""
        self.look()
        heard = self._heard
        return heard.learned.scores(texts, self._encode, heard.opinions[:1], are_requests=False)

    def second(self, texts: Sequence[str]) -> Floats:
        """The log-odds by the second opinion alone [n]; waits until it is read.

        Raises ModelError `safety_untuned` where it is not there.
        """
        if not self._heard.opinions:
            with self._looking:
                self._hear()
        opinions = self._heard.opinions
        if not opinions:
            raise ModelError(
                UNTUNED, "expected a second opinion, got none: `genre safety tune` makes it"
            )
        return opinions[0].odds(texts)

    def look(self) -> None:
        """Hear what opinions are there; seldom looked for.

        Raises ModelError where an encoder cannot be had.
        """
        if not self._is_due() or not self._looking.acquire(blocking=False):
            return
        try:
            if self._is_due():
                self._hear()
                self._next_look = time.monotonic() + LOOK_EVERY
        finally:
            self._looking.release()

    def _is_due(self) -> bool:
        return self.are_missing and time.monotonic() >= self._next_look

    def _hear(self) -> None:
        """All that follow those that are heard, up to one that is not there."""
        for kept in self._kept[len(self._heard.opinions) :]:
            try:
                learned, opinion = kept.heard(self._heard.learned)
            except FileNotFoundError:
                return
            except OSError as error:
                log.warning("%s cannot be read: %s", kept.file.name, error)
                return
            except ModelError as error:
                if error.code != UNREADABLE:
                    raise
                return
            self._heard = _Heard(learned, (*self._heard.opinions, opinion), self._heard)
            give_back()  # what was unpacked
            log.info("%s is heard from now on", kept.file.name)

    def _without_last(self, heard: _Heard, error: ModelError) -> None:
        """What was heard before an opinion that fails; raises the error where there is none."""
        if heard.before is None:
            raise error
        with self._looking:
            if self._heard is heard:
                last = len(heard.opinions) - 1
                log.warning("%s is not heard any more: %s", self._kept[last].file.name, error)
                self._heard = heard.before
                if error.code != UNTUNED:
                    self._kept = self._kept[:last]
