"""Questions of many askers, answered together: what comes while a thread is busy is one batch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Batches(Generic[Q, A]):
    """Asks `answer` in a thread of its own, for at most `most` questions at a time.

    `answer` gives as many answers as it is given questions, in their order; what it raises, each
    asker of the batch gets. A question is answered as soon as the thread is free: nobody waits for
    a batch to fill.
    """

    def __init__(self, answer: Callable[[Sequence[Q]], Sequence[A]], most: int, name: str) -> None:
        self._answer = answer
        self._most = most
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting: deque[tuple[Q, asyncio.Future[A]]] = deque()
        self._answering: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """The answer to one question. Raises what `answer` raises."""
        answered: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answered))
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._answer_all())
        return await answered

    async def _answer_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            batch = [each for each in taken if not each[1].done()]  # the others were cancelled
            questions = [question for question, _ in batch]
            try:
                answers = await loop.run_in_executor(self._thread, self._answer, questions)
            except Exception as error:
                for _, answered in batch:
                    if not answered.done():
                        answered.set_exception(error)
                continue
            for (_, answered), answer in zip(batch, answers, strict=True):
                if not answered.done():
                    answered.set_result(answer)
