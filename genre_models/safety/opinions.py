"""A regression, and the opinions that are heard beside it from when their files are there on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from genre_models.safety.learned import UNREADABLE, Encode, Floats, Learned, Opinion, Score
from schemas.errors import ModelError

log = logging.getLogger(__name__)

LOOK_EVERY = 30.0  # seconds, for an opinion that is not there


@dataclass(frozen=True, slots=True)
class Kept:
    """The `file` of an opinion. `read` makes of it, and of the regression as it is so far, the
    regression with its new thresholds and the opinion. It raises ModelError: `safety_unreadable`
    where the file is to blame.
    """

    file: Path
    read: Callable[[bytes, Learned], tuple[Learned, Opinion]]


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

    def __init__(self, learned: Learned, encode: Encode, kept: Sequence[Kept]) -> None:
        self._encode, self._kept = encode, tuple(kept)
        self._heard = _Heard(learned)
        self._looking = Lock()
        self._next_look = 0.0

    def is_alone(self) -> bool:
        """Whether the regression has no second opinion yet."""
        return not self._heard.opinions

    def requests(self, texts: Sequence[str]) -> list[Score]:
        """The scores of requests; an opinion that cannot be had is not heard again.

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
        """The log-odds by the second opinion alone [n]; waits until it is read. Raises ModelError
        `safety_untuned` where it is not there.
        """
        if self.is_alone():
            with self._looking:
                self._hear()
        if self.is_alone():
            missing = self._kept[0].file.name
            raise ModelError(
                "safety_untuned", f"expected {missing}, got none: `genre safety tune` makes it"
            )
        return self._heard.opinions[0].odds(texts)

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
        is_missing = len(self._heard.opinions) < len(self._kept)
        return is_missing and time.monotonic() >= self._next_look

    def _hear(self) -> None:
        """All that follow those that are heard, up to one that is not there."""
        for kept in self._kept[len(self._heard.opinions) :]:
            try:
                learned, opinion = kept.read(kept.file.read_bytes(), self._heard.learned)
            except FileNotFoundError:
                return
            except OSError as error:
                log.warning("%s cannot be read: %s", kept.file.name, error)
                return
            except ModelError as error:
                if error.code != UNREADABLE:
                    raise  # it is not the file's fault: an hour of tuning is not thrown away
                log.warning("%s is removed: %s", kept.file.name, error)
                with suppress(OSError):
                    kept.file.unlink()
                return
            self._heard = _Heard(learned, (*self._heard.opinions, opinion), self._heard)
            log.info("%s is heard from now on", kept.file.name)

    def _without_last(self, heard: _Heard, error: ModelError) -> None:
        """What was heard before an opinion that fails; raises the error where there is none."""
        if heard.before is None:
            raise error
        with self._looking:
            if self._heard is heard:
                last = len(heard.opinions) - 1
                log.warning("%s is not heard any more: %s", self._kept[last].file.name, error)
                self._heard, self._kept = heard.before, self._kept[:last]
