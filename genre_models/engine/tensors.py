"""The tensors of a prepared base, read one at a time."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from schemas.errors import ModelError


class Tensors:
    """Name -> fp32 tensor, over all safetensors files of a folder; a context manager."""

    def __init__(self, base: Path) -> None:
        from safetensors import safe_open

        self._open = ExitStack()
        self._files: dict[str, Any] = {}
        for file in sorted(base.glob("*.safetensors")):
            handle = self._open.enter_context(safe_open(file, framework="pt"))
            self._files.update(dict.fromkeys(handle.keys(), handle))

    def __enter__(self) -> Tensors:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    def __getitem__(self, name: str) -> torch.Tensor:
        """Raises ModelError `base_unavailable`."""
        found = self.get(name)
        if found is None:
            raise ModelError(
                "base_unavailable", f"expected a tensor {name} in the base model, got {len(self._files)} others"
            )
        return found

    def get(self, name: str) -> torch.Tensor | None:
        """None where there is none."""
        file = self._files.get(name)
        # A copy: one tensor that still lies in the mapped file would keep all of the file in memory.
        return None if file is None else file.get_tensor(name).to(torch.float32, copy=True)
