"""A model fetched from the Hugging Face hub, where a person asks for it: into the hub's own cache.

What was fetched before is not fetched again, and an interrupted download goes on.
"""

from __future__ import annotations

from pathlib import Path

from genre_models.bases.checks import check_config
from genre_models.bases.source import TAKEN
from schemas.errors import ModelError, disk_is_full

_SMALL = [pattern for pattern in TAKEN if "safetensors" not in pattern]
_WEIGHTS = ["model*.safetensors", "model.safetensors.index.json"]


def fetch(name: str) -> Path:
    """The folder of `NAME@REVISION`, or of the newest revision of NAME.

    Its configuration comes first and is checked before the weights come. Raises ModelError
    `base_unavailable` or `base_gated`, as `check_config`, and what says that the disk is full.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    repository, _, revision = name.partition("@")
    try:
        folder = snapshot_download(repository, revision=revision or None, allow_patterns=_SMALL)
        check_config(Path(folder))
        return Path(
            snapshot_download(repository, revision=revision or None, allow_patterns=_WEIGHTS)
        )
    except GatedRepoError as error:
        raise ModelError(
            "base_gated",
            f"expected a model that may be fetched, got {name}, which is gated: accept its terms "
            f"on https://huggingface.co/{repository}, then set HF_TOKEN",
        ) from error
    except ModelError:
        raise
    except Exception as error:  # of the hub, of HTTP, of the disk
        if disk_is_full(error):
            raise
        missing = isinstance(error, RepositoryNotFoundError)
        reason = "which the hub does not have" if missing else f"but {first_line(error)}"
        raise ModelError(
            "base_unavailable",
            f"expected a folder, a .gguf file or a model on the hub, got {name}, {reason}",
        ) from error


def first_line(error: Exception) -> str:
    """What an error says, or its kind where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
