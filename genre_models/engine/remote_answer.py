"""A chat completion as it comes: server-sent events of any server, and the text that they hold."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from genre_models.engine.generation import Finished, Reason
from genre_models.engine.remote_connection import Refused, ServerFailed

LONGEST_LINE = 256 << 10  # bytes; a token with its log-probability takes some hundreds
DONE = "[DONE]"
# A carriage return that is the last byte so far may be half a line's end.
_BREAK = re.compile(rb"\r\n|\n|\r(?!\Z)")


def events(chunks: Iterable[bytes]) -> Iterator[str]:
    """The data of each event; comments, names and a line that breaks off are left out.

    An event named `error` in the way of llama.cpp comes as `{"error": ...}`. Raises ServerFailed
    `server_garbage` for a line longer than LONGEST_LINE.
    """
    data: list[str] = []
    for line in _lines(chunks):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "error":
            data.append(f'{{"error": {value}}}')
        elif not line and data:
            yield "\n".join(data)
            data = []
    if data:
        yield "\n".join(data)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        if b"\n" in chunk or b"\r" in rest[-len(chunk) - 1 :]:
            *lines, rest = (bytearray(line) for line in _BREAK.split(rest))
            for line in lines:
                yield _whole(line)
        _whole(rest)


def _whole(line: bytearray) -> str:
    if len(line) > LONGEST_LINE:
        raise ServerFailed(
            "server_garbage", f"expected lines of at most {LONGEST_LINE} bytes, got more"
        )
    return line.decode("utf-8", "replace")


class Answer:
    """What a server has written for one row so far; `hear` is told of each new piece of it."""

    def __init__(self, hear: Callable[[str], None] = lambda piece: None) -> None:
        self._hear = hear
        self._pieces: list[str] = []
        self._logprobs: list[float] = []
        self._usage: Mapping[str, Any] = {}
        self._reason: Reason | None = None
        self._taken = False
        # JSON can escape half a character, and the next piece the other half.
        self._halves = codecs.getincrementaldecoder("utf-16-le")("replace")

    @property
    def begun(self) -> bool:
        """Whether there is any text."""
        return bool(self._pieces)

    def take(self, data: str) -> bool:
        """One event; False when it says that there are no more.

        Raises ServerFailed `server_garbage` for what OpenAI's interface does not have, and Refused
        for an error.
        """
        if data.strip() == DONE:
            self._reason = self._reason or "stop"
            return False
        try:
            self._read(json.loads(data))
            self._taken = True
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, ArithmeticError) as e:
            raise _garbage(f"{type(e).__name__}") from e
        except RecursionError as error:
            raise _garbage("brackets without end") from error
        return True

    def check(self) -> None:
        """Raises ServerFailed when it is not complete: `server_unavailable` where it breaks off."""
        if self._reason is None and self._taken:
            raise ServerFailed("server_unavailable", "expected a whole text, got one cut off")
        if self._reason is None:
            raise _garbage("no event")

    def finished(self, id: str) -> Finished:
        """The end of the row `id`. Raises ServerFailed as `check` does."""
        self.check()
        assert self._reason is not None
        self._give(self._halves.decode(b"", final=True))
        written = len(self._logprobs)
        return Finished(
            id=id,
            reason=self._reason,
            text="".join(self._pieces),
            logprob=sum(self._logprobs) / max(1, written),
            tokens_in=_count(self._usage.get("prompt_tokens")),
            tokens_out=_count(self._usage.get("completion_tokens")) or written,
        )

    def _read(self, chunk: Any) -> None:
        if chunk.get("error") or chunk.get("object") == "error":
            raise _error(chunk)
        self._usage = chunk.get("usage") or self._usage
        if not isinstance(self._usage, dict):
            raise TypeError
        if not chunk["choices"]:  # the last event, with the usage alone
            return
        choice = chunk["choices"][0]
        text = choice["delta"].get("content") or ""
        for each in (choice.get("logprobs") or {}).get("content") or ():
            if math.isfinite(logprob := float(each["logprob"])):
                self._logprobs.append(logprob)
        self._give(self._halves.decode(text.encode("utf-16-le", "surrogatepass")))
        if choice.get("finish_reason"):
            self._reason = "length" if choice["finish_reason"] == "length" else "stop"

    def _give(self, piece: str) -> None:
        if piece:
            self._pieces.append(piece)
            self._hear(piece)


def _error(chunk: Mapping[str, Any]) -> Refused:
    error = chunk.get("error") or chunk
    status = error.get("code") if isinstance(error, dict) else None
    validation = "validation" in str(chunk.get("error_type", ""))
    return Refused(422 if validation else _count(status), json.dumps(chunk)[:4096])


def _garbage(got: str) -> ServerFailed:
    return ServerFailed("server_garbage", f"expected a chat completion, got something else: {got}")


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < 1 << 31 else 0
