"""The files of the page, served at `/`: those that lie in the folder at start, and no other."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from streams.gateway.problems import Refusal

FOLDER = Path(__file__).with_name("page")


class PageFiles:
    """A folder's files by their relative names; what is asked for never becomes a path."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): path
            for path in (folder.rglob("*") if folder.is_dir() else ())
            if path.is_file()
        }

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """A file; the page itself for `/`."""
        path = self._files.get(request.match_info.get("name") or "index.html")
        if path is None:
            raise Refusal(
                404, "no_such_path", "Expected a path of the page, or one in /openapi.json."
            )
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})
