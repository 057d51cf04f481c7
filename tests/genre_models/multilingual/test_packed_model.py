"""A model in the file in which its package keeps it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_models.multilingual.packed_model import _BLOCK, FILE, PackedModel, _unpacked
from schemas.errors import ModelError


@pytest.fixture(scope="module")
def packed(folder: Path) -> PackedModel:
    return PackedModel.open(folder)


def test_sizes_and_vocabulary_are_those_of_the_model(packed: PackedModel) -> None:
    sizes, vocabulary = packed.sizes, packed.vocabulary
    assert (sizes.hidden, sizes.layers, sizes.heads, sizes.inner) == (384, 12, 12, 1536)
    special = (vocabulary.begin, vocabulary.end, vocabulary.unknown)
    assert [vocabulary.piece(number) for number in special] == ["<s>", "</s>", "<unk>"]
    assert len(vocabulary) == len(vocabulary.ends) - 1 == 250_002
    assert vocabulary.spellings[ord("\ufb01")] == "fi"


def test_a_matrix_is_read_whole_or_by_rows(packed: PackedModel) -> None:
    whole = packed.tensor("l11.fo.w")
    assert whole.shape == (384, 1536) and 0.01 < whole.std() < 0.1
    words = packed.tensor("emb.word", np.array([7, 250_000, 7]))
    assert words.shape == (3, 384)
    np.testing.assert_array_equal(words[0], words[2])
    assert packed.tensor("l0.oln.b").shape == (384,)


@given(
    st.lists(st.integers(0, 15), min_size=64, max_size=64), st.floats(0.0, 8.0, width=16).map(float)
)
def test_halves_of_bytes_are_numbers_around_zero(numbers: list[int], scale: float) -> None:
    blocks = np.zeros((1, 2), _BLOCK)
    blocks["scale"] = scale
    rows = np.array(numbers, np.uint8).reshape(1, 2, 32)
    blocks["numbers"] = rows[..., :16] | rows[..., 16:] << 4
    np.testing.assert_array_equal(_unpacked(blocks)[0], (np.array(numbers) - 8.0) * scale)


@pytest.mark.parametrize("kept", [0, 3, 40, 1_000_000, 4_600_000, 70_000_000])
def test_a_file_that_ends_too_early_is_refused(folder: Path, tmp_path: Path, kept: int) -> None:
    with (folder / FILE).open("rb") as whole:
        (tmp_path / FILE).write_bytes(whole.read(kept))
    with pytest.raises(ModelError, match="genre prepare") as caught:
        PackedModel.open(tmp_path)
    assert caught.value.code == "multilingual_unavailable"
