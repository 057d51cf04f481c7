"""Where this user's models, texts, adapters and state lie, unless a setting names a folder."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_cache_path

# Earlier versions kept everything here, whatever XDG_CACHE_HOME said.
_EARLIER = Path("~/.cache/genre")


def cache_folder(name: str) -> Path:
    """The folder `name` of the cache, as an earlier version left it, or where it will be made.

    The Makefile reckons the same: `$XDG_CACHE_HOME/genre`, or `~/.cache/genre` without an absolute
    one.
    """
    folder = user_cache_path("genre") / name
    earlier = _EARLIER.expanduser() / name
    return earlier if earlier.exists() and not folder.exists() else folder
