"""The process of a role on Faust: it ends within a limit, whatever it is at."""

from __future__ import annotations

from typing import Any

import faust

from streams.ending import Limit, Pause
from streams.worker.app import RoleApp


class Process(faust.Worker):
    """Faust's worker, which stops within a limit whatever it is at."""

    def __init__(self, app: RoleApp, **options: Any) -> None:
        super().__init__(app, **options)
        self._limit = Limit(app.genre_settings.stop_limit)
        self._pause = Pause(app.genre_settings.session_timeout)

    def install_signal_handlers(self) -> None:
        """Faust's, and over them those of the limit and of pauses."""
        super().install_signal_handlers()
        self._limit.listen()
        self.add_future(self._pause.watch())

    async def stop(self) -> None:
        """Stop for whatever reason: a worker that has crashed must end, too."""
        self._limit.begin()
        await super().stop()
