"""An engine on OpenAI-compatible servers (vLLM, SGLang, LoRAX, llama.cpp).

It serves where one machine is not enough. A row goes to the server that keeps its adapter warm
(rendezvous hashing), to the next one where that fails. A blend that a server cannot weigh is
written once as one adapter, the exact concatenation (rank = sum of ranks), beside the store;
servers must see that folder under the same path.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast, get_args

from genre_models.adapters import AdapterName, AdapterStore
from genre_models.engine.concatenation import concatenated
from genre_models.engine.generation import TOP_K, Finished, Generation, Piece, failed
from genre_models.engine.remote_server import Kind, RemoteServer, ServerFailed, Use
from genre_models.safety import neutralise
from schemas.errors import GenreError, ModelError

log = logging.getLogger(__name__)

PAUSE = 0.05  # seconds that a step waits for news
# Seconds before a row is tried again that no server could write: together they are longer than the
# rest of a server that has failed. A row that is cancelled, at its deadline at the latest, is not.
RETRIES = (0.5, 1.0, 2.0, 4.0, 4.0)
TRANSIENT = ("server_unavailable", "server_failed")


class RemoteEngine:
    """An `Engine` over `servers`, with at most `rows` requests in flight.

    A row's text comes in one piece.
    """

    def __init__(
        self, servers: Sequence[RemoteServer], store: AdapterStore, *, rows: int, blends: Path
    ) -> None:
        self._servers, self._store, self._blends = servers, store, blends
        self._pool = ThreadPoolExecutor(rows, thread_name_prefix="remote")
        self._open: set[str] = set()
        self._ends: queue.SimpleQueue[Finished] = queue.SimpleQueue()

    @property
    def idle(self) -> bool:
        """See Engine."""
        return not self._open

    def submit(self, rows: Sequence[Generation]) -> None:
        """See Engine."""
        for row in rows:
            self._open.add(row.id)
            self._pool.submit(self._run, row)

    def cancel(self, id: str) -> None:
        """See Engine. The server may go on; its answer is dropped."""
        if id in self._open:
            self._ends.put(Finished(id=id, reason="cancelled"))

    def prefetch(self, adapters: Sequence[str]) -> None:
        """See Engine: servers load adapters with their first row."""

    def step(self) -> list[Piece | Finished]:
        """See Engine: waits a moment for answers."""
        news: list[Piece | Finished] = []
        try:
            ends = [self._ends.get(timeout=PAUSE)]
        except queue.Empty:
            return news
        while not self._ends.empty():
            ends.append(self._ends.get())
        for end in ends:
            if end.id in self._open:
                self._open.remove(end.id)
                news += [Piece(id=end.id, text=end.text)] if end.text else []
                news.append(end)
        return news

    def _run(self, row: Generation) -> None:
        try:
            cancelled = Finished(id=row.id, reason="cancelled")
            end = self._patiently(row) if row.id in self._open else cancelled
        except ServerFailed as error:
            # it names the server, which is nothing to the client
            log.warning("row %s: %s", row.id, error)
            end = failed(row.id, error.code, "No server could write this text.")
        except GenreError as error:
            log.warning("row %s: %s", row.id, error)
            end = failed(row.id, error.code, error.message)
        except Exception:
            log.exception("row %s", row.id)
            end = failed(row.id, "engine_failed", "The row could not be sent.")
        self._ends.put(end)

    def _patiently(self, row: Generation) -> Finished:
        for pause in RETRIES:
            try:
                return self._answer(row)
            except ServerFailed as error:
                if error.code not in TRANSIENT or row.id not in self._open:
                    raise
            time.sleep(pause)
        return self._answer(row)

    def _answer(self, row: Generation) -> Finished:
        key = "+".join(name for name, _ in row.mixture)
        last: GenreError = ServerFailed(
            "server_unavailable", "expected a server that answers, got none: all rest"
        )
        for server in sorted(self._servers, key=lambda each: each.affinity(key), reverse=True):
            if server.open:
                continue
            try:
                return _finished(row.id, server.complete(_body(row), self._use(row, server)))
            except ServerFailed as error:
                log.warning("%s", error)
                last = error
        raise last

    def _use(self, row: Generation, server: RemoteServer) -> Use:
        names = [AdapterName.parse(name) for name, _ in row.mixture]
        plain = len(names) == 1 and row.mixture[0][1] == 1.0
        if not names or plain or server.blends:
            return Use(
                blend=row.mixture, folders={str(name): self._store.path(name) for name in names}
            )
        name, folder = concatenated(
            [(self._store.verified(n), w) for n, (_, w) in zip(names, row.mixture, strict=True)],
            self._blends,
        )
        return Use(blend=((name, 1.0),), folders={name: folder})


def servers(urls: Sequence[str], kind: str, model: str, timeout: float) -> list[RemoteServer]:
    """Replicas of one base model. Raises ModelError `bad_server`."""
    if kind not in get_args(Kind):
        raise ModelError(
            "bad_server", f"expected a kind of {', '.join(get_args(Kind))}, got {kind!r}"
        )
    return [RemoteServer(url.strip(), cast(Kind, kind), model, timeout=timeout) for url in urls]


def _body(row: Generation) -> dict[str, Any]:
    return {
        "messages": [  # servers read markers of the template in a content as markup
            {"role": "system", "content": neutralise(row.prompt.system)},
            {"role": "user", "content": neutralise(row.prompt.user)},
        ],
        "max_tokens": row.max_tokens,
        "temperature": row.temperature,
        "top_p": row.top_p,
        "top_k": TOP_K,
        "repetition_penalty": row.repetition_penalty,  # llama.cpp's name for it is the next
        "repeat_penalty": row.repetition_penalty,
        "seed": row.seed % 2**31,
        "stop": list(row.stop),
        "logprobs": True,
    }


def _finished(id: str, answer: Mapping[str, Any]) -> Finished:
    """Raises ServerFailed for an answer that is not what OpenAI's interface says."""
    try:
        choice, usage = answer["choices"][0], answer.get("usage") or {}
        text = choice["message"]["content"]
        logprobs = [
            float(each["logprob"]) for each in (choice.get("logprobs") or {}).get("content") or []
        ]
        if not isinstance(text, str):
            raise TypeError(type(text).__name__)
        return Finished(
            id=id,
            text=text,
            reason="length" if choice.get("finish_reason") == "length" else "stop",
            logprob=sum(logprobs) / max(1, len(logprobs)),
            tokens_in=int(usage.get("prompt_tokens", 0)),
            tokens_out=int(usage.get("completion_tokens", 0)),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ServerFailed(
            "server_garbage", f"expected a chat completion, got something else: {error!r}"
        ) from error
