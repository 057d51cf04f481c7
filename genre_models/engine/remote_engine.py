"""An engine on OpenAI-compatible servers (vLLM, SGLang, LoRAX, llama.cpp).

It serves where one machine is not enough. A row goes to the server that keeps its adapter warm
(rendezvous hashing), to the next one where that fails. A blend that a server cannot weigh is
written once as one adapter, the exact concatenation (rank = sum of ranks), beside the store;
servers must see that folder under the same path.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, cast, get_args

from genre_models.adapters import AdapterName, AdapterStore
from genre_models.engine.concatenation import concatenated
from genre_models.engine.generation import TOP_K, Finished, Generation, Piece, failed
from genre_models.engine.remote_answer import Answer
from genre_models.engine.remote_connection import Call, Ended, ServerFailed
from genre_models.engine.remote_server import Kind, RemoteServer, Use
from genre_models.safety import neutralise
from schemas.errors import GenreError, ModelError

log = logging.getLogger(__name__)

PAUSE = 0.05  # seconds that a step waits for news
MOST_NEWS = 4096  # pieces that wait for a step
# Seconds before a row is tried again that no server could write: together they are longer than the
# rest of a server that has failed. A row that is cancelled, at its deadline at the latest, is not.
RETRIES = (0.5, 1.0, 2.0, 4.0, 4.0)
TRANSIENT = ("server_unavailable", "server_failed")


class RemoteEngine:
    """An `Engine` over `servers`, with at most `rows` requests in flight.

    A row whose pieces are read (`stream`) begins only once: it fails when its server breaks off
    after the first of them. Any other begins again elsewhere, and its text comes in one piece.
    """

    def __init__(
        self, servers: Sequence[RemoteServer], store: AdapterStore, *, rows: int, blends: Path
    ) -> None:
        self._servers, self._store, self._blends = servers, store, blends
        self._pool = ThreadPoolExecutor(rows, thread_name_prefix="remote")
        self._open: dict[str, Call] = {}
        self._cancelled: list[Piece | Finished] = []
        self._news: queue.Queue[tuple[Call, Piece | Finished]] = queue.Queue(MOST_NEWS)

    @property
    def idle(self) -> bool:
        """See Engine."""
        return not self._open and not self._cancelled

    def submit(self, rows: Sequence[Generation]) -> None:
        """See Engine."""
        for row in rows:
            self._open[row.id] = call = Call()
            self._pool.submit(self._run, row, call)

    def cancel(self, id: str) -> None:
        """See Engine. Its connection is closed, which stops the server."""
        if call := self._open.pop(id, None):
            call.end()
            self._cancelled.append(Finished(id=id, reason="cancelled"))

    def prefetch(self, adapters: Sequence[str]) -> None:
        """See Engine: servers load adapters with their first row."""

    def step(self) -> list[Piece | Finished]:
        """See Engine: waits a moment for what the servers write."""
        news, self._cancelled = self._cancelled, []
        with suppress(queue.Empty):
            heard = [self._news.get(timeout=0.0 if news else PAUSE)]
            heard += [self._news.get_nowait() for _ in range(self._news.qsize())]
            for call, event in heard:
                if self._open.get(event.id) is call:
                    news.append(event)
                    if isinstance(event, Finished):
                        del self._open[event.id]
        return news

    def _run(self, row: Generation, call: Call) -> None:
        try:
            self._tell(call, self._patiently(row, call))
        except Ended:
            pass
        except ServerFailed as error:
            # it names the server, which is nothing to the client
            log.warning("row %s: %s", row.id, error)
            self._tell(call, failed(row.id, error.code, "No server could write this text."))
        except GenreError as error:
            log.warning("row %s: %s", row.id, error)
            self._tell(call, failed(row.id, error.code, error.message))
        except Exception:
            log.exception("row %s", row.id)
            self._tell(call, failed(row.id, "engine_failed", "The row could not be sent."))

    def _tell(self, call: Call, event: Piece | Finished) -> None:
        """Have `step` return an event; waits while it has too many, and so does the server."""
        while not call.ended:
            with suppress(queue.Full):
                self._news.put((call, event), timeout=1.0)
                return

    def _patiently(self, row: Generation, call: Call) -> Finished:
        for pause in RETRIES:
            try:
                return self._answer(row, call)
            except ServerFailed as error:
                if error.code not in TRANSIENT:
                    raise
            call.pause(pause)
        return self._answer(row, call)

    def _answer(self, row: Generation, call: Call) -> Finished:
        key = "+".join(name for name, _ in row.mixture)
        last: GenreError = ServerFailed(
            "server_unavailable", "expected a server that answers, got none: all rest"
        )
        for server in sorted(self._servers, key=lambda each: each.affinity(key), reverse=True):
            call.pause(0.0)
            if server.open:
                continue
            try:
                return self._written(row, server, call)
            except ServerFailed as error:
                if error.code == "server_cut":
                    raise
                log.warning("%s", error)
                last = error
        raise last

    def _written(self, row: Generation, server: RemoteServer, call: Call) -> Finished:
        def hear(text: str) -> None:
            self._tell(call, Piece(id=row.id, text=text))

        answer = Answer(hear) if row.stream else Answer()
        try:
            server.complete(_body(row), self._use(row, server), answer, call)
        except ServerFailed as error:
            if row.stream and answer.begun:
                message = f"{server.url} broke off after it had begun: {error.message}"
                raise ServerFailed("server_cut", message) from error
            raise
        end = answer.finished(row.id)
        if end.text and not row.stream:
            hear(end.text)
        return end

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
    return [RemoteServer(url, cast(Kind, kind), model, timeout=timeout) for url in urls]


def _body(row: Generation) -> dict[str, Any]:
    return {
        "messages": [  # servers read markers of the template in a content as markup
            {"role": "system", "content": neutralise(row.prompt.system)},
            {"role": "user", "content": neutralise(row.prompt.user)},
        ],
        "max_tokens": row.max_tokens,
        "temperature": row.temperature,
        "top_p": row.top_p,
        "min_p": row.min_p,
        "top_k": TOP_K,
        "repetition_penalty": row.repetition_penalty,
        "seed": row.seed % 2**31,
        "stop": list(row.stop),
        "logprobs": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
