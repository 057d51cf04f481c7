"""The files of the page, served at `/`: those that lie in the folder at start, and no other."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from streams.gateway.problems import Refusal

FOLDER = Path(__file__).with_name("page")
# Not those of the system: a browser runs no script whose type it gives as text.
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent; all of them together are half a megabyte."""

    content: bytes
    zipped: bytes
    kind: str
    digest: str

    @classmethod
    def read(cls, path: Path) -> PageFile:
        """A file from the disk."""
        content = path.read_bytes()
        return cls(
            content,
            gzip.compress(content, mtime=0),
            _TYPES.get(path.suffix, "text/plain"),
            hashlib.sha256(content).hexdigest()[:16],
        )


class PageFiles:
    """A folder's files by their relative names; what is asked for never becomes a path."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): PageFile.read(path)
            for path in (folder.rglob("*") if folder.is_dir() else ())
            if path.is_file()
        }

    async def answer(self, request: web.Request) -> web.Response:
        """A file, compressed where the client takes it; the page itself for `/`."""
        file = self._files.get(request.match_info.get("name") or "index.html")
        if file is None:
            raise Refusal(
                404, "no_such_path", "Expected a path of the page, or one in /openapi.json."
            )
        is_zipped = "gzip" in request.headers.get("Accept-Encoding", "")
        version = file.digest + ("-gzip" if is_zipped else "")
        # A new version must not run with files of the one before.
        headers = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding", "ETag": f'"{version}"'}
        if any(each.value in (version, "*") for each in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        if is_zipped:
            headers["Content-Encoding"] = "gzip"
        body = file.zipped if is_zipped else file.content
        return web.Response(body=body, headers=headers, content_type=file.kind, charset="utf-8")
