"""The multilingual encoder from its pinned package, compiled here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from genre_models.multilingual import _KEPT, MultilingualEncoder
from genre_models.weights import DEFAULT_CACHE, prepare_multilingual
from schemas.errors import ModelError


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> MultilingualEncoder:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    cache = Path(os.environ.get("GENRE_MODELS", DEFAULT_CACHE))
    return MultilingualEncoder(prepare_multilingual(cache), tmp_path_factory.getbasetemp() / "e5")


def test_what_means_the_same_lies_near_whatever_the_language(
    multilingual: MultilingualEncoder,
) -> None:
    rows = multilingual.encode(
        ["a poem about the moon", "ein Gedicht über den Mond", "写一首关于月亮的诗", "terms of use"]
    )
    assert rows.shape == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    assert min(rows[0] @ rows[1], rows[0] @ rows[2]) > rows[0] @ rows[3]


def test_a_text_has_the_same_row_in_any_batch(multilingual: MultilingualEncoder) -> None:
    texts = [f"{number} chistes" for number in range(40)]
    alone = MultilingualEncoder(multilingual._folder, multilingual._kernels)
    np.testing.assert_allclose(
        multilingual.encode(texts)[33], alone.encode(texts[33:34])[0], atol=1e-5
    )


def test_what_gate_and_classifier_both_ask_for_is_encoded_once(
    multilingual: MultilingualEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, model = multilingual._library
    encoded: list[int] = []

    def embed(model: int, texts: Sequence[bytes], count: int, *rest: int) -> None:
        encoded.append(count)
        library.e5_embed_batch(model, texts, count, *rest)

    counting = SimpleNamespace(e5_token_count=library.e5_token_count, e5_embed_batch=embed)
    monkeypatch.setitem(multilingual.__dict__, "_library", (counting, model))
    first = multilingual.encode(["ein Gedicht", "un poema", "ein Gedicht"])
    again = multilingual.encode(["un poema", "um poema"])
    assert encoded == [2, 1]
    np.testing.assert_array_equal(first[[0, 1]], [first[2], again[0]])
    multilingual.encode([f"{number} poemas" for number in range(_KEPT + 1)])
    assert len(multilingual._kept) == _KEPT and multilingual.encode([]).shape == (0, 384)


@pytest.mark.parametrize(
    "text", ["", "\0", "a\0b", "\ufdfa" * 400, "\U0001f600" * 400, "\u202eabc\u200b", "\udcff"]
)
def test_strange_signs_are_safe(multilingual: MultilingualEncoder, text: str) -> None:
    [row] = multilingual.encode([text])
    assert abs(np.linalg.norm(row) - 1) < 1e-5


def test_only_the_beginning_counts(multilingual: MultilingualEncoder) -> None:
    long = "字" * 400
    np.testing.assert_array_equal(
        multilingual.encode([long + "!" * 100_000]), multilingual.encode([long])
    )


def test_without_files_or_compiler_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = MultilingualEncoder(tmp_path / "nothing", tmp_path)
    for _ in range(2):
        with pytest.raises(ModelError, match="genre prepare") as caught:
            encoder.encode(["hola"])
        assert caught.value.code == "multilingual_unavailable"
    (tmp_path / "e5.c").write_text("no C")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelError, match="gcc"):
        MultilingualEncoder(tmp_path, tmp_path).encode(["hola"])
