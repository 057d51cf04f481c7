"""An adapter is accepted as a whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from genre_models.adapters import read_adapter
from genre_models.adapters.files import CARD, CONFIG, TENSORS
from schemas.errors import ModelError
from tests.genre_models.adapters.conftest import BASE, code_of
from tests.genre_models.tiny import make_adapter


def test_a_valid_adapter_is_read_as_it_was_written(folder: Path) -> None:
    adapter = read_adapter(folder, BASE)
    assert adapter.name.genre == "joke" and adapter.digest.startswith(adapter.name.digest)
    assert (adapter.rank, adapter.scaling, len(adapter.tensors)) == (8, 2.0, 7)
    written = load_file(folder / TENSORS)
    low, high = adapter.tensors["model.layers.1.mlp.down_proj"]
    assert np.array_equal(
        low, written["base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"]
    )
    assert low.shape == (8, 64) and high.shape == (48, 8)


@given(data=st.data())
def test_changed_bytes_never_crash_and_never_keep_the_name(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = make_adapter(tmp_path_factory.mktemp("bytes") / "joke", BASE)
    name = read_adapter(folder, BASE).name
    file = folder / data.draw(st.sampled_from([CONFIG, TENSORS, CARD]))
    content = bytearray(file.read_bytes())
    at, to = data.draw(st.integers(0, min(len(content), 3000) - 1)), data.draw(st.integers(0, 255))
    if content[at] == to:
        return
    content[at] = to
    file.write_bytes(content)
    try:
        assert read_adapter(folder, BASE).name != name
    except ModelError as refused:
        assert refused.code.startswith("adapter_")
    assert code_of(lambda: read_adapter(folder, BASE, name.digest)) in (
        "adapter_digest",
        "adapter_config",
    )


def test_another_base_is_refused_with_the_way_out(folder: Path) -> None:
    other = replace(BASE, fingerprint="b" * 64)
    with pytest.raises(ModelError, match="genre train joke") as refused:
        read_adapter(folder, other)
    assert refused.value.code == "adapter_wrong_base"
    assert code_of(lambda: read_adapter(folder, replace(BASE, hidden=96))) == "adapter_wrong_shape"
