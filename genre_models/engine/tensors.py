"""The tensors of a prepared base, read one at a time."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import torch

from genre_models.memory import give_back
from schemas.errors import ModelError


class Tensors:
    """Name -> tensor, over all safetensors files of a folder; a context manager.

    As items they are copies in fp32; `stored` maps them in their own type.

    A file is mapped for one tensor at a time, and what was used on the way is given back layer by
    layer, 10 MB each of the packaged model: else a worker would hold the model several times.
    """

    def __init__(self, base: Path) -> None:
        from safetensors import safe_open

        self._files: dict[str, Path] = {}
        for file in sorted(base.glob("*.safetensors")):
            with safe_open(file, framework="pt") as opened:
                self._files.update(dict.fromkeys(opened.keys(), file))

    def __enter__(self) -> Tensors:
        give_back()  # what reading the tokenizer took
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        give_back()

    def __getitem__(self, name: str) -> torch.Tensor:
        """Raises ModelError `base_unavailable`."""
        return self.stored(name).to(torch.float32, copy=True)

    def get(self, name: str) -> torch.Tensor | None:
        """None where there is none."""
        return self[name] if name in self._files else None

    def stored(self, name: str) -> torch.Tensor:
        """A matrix as it was saved, which may be half as large; raises ModelError as an item.

        What is read of it counts as memory of the process for as long as the tensor lives: pack or
        copy it, and let it go.
        """
        from safetensors import safe_open

        if name not in self._files:
            raise ModelError(
                "base_unavailable",
                f"expected a tensor {name} in the base model, got {len(self._files)} others",
            )
        with safe_open(self._files[name], framework="pt") as opened:
            mapped: torch.Tensor = opened.get_tensor(name)
            return mapped
