"""The multilingual encoder: what means the same lies near."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genre_models.kept_rows import KeptRows
from genre_models.multilingual import MultilingualEncoder
from genre_models.multilingual.encoder import _KEPT
from genre_models.multilingual.packed_model import FILE
from genre_models.safety import learned
from genre_models.tuning import ANSWERS
from schemas.errors import ModelError


@pytest.fixture(scope="module")
def multilingual(folder: Path) -> MultilingualEncoder:
    return MultilingualEncoder(folder)


def test_what_means_the_same_lies_near_whatever_the_language(
    multilingual: MultilingualEncoder,
) -> None:
    rows = multilingual.encode(
        ["a poem about the moon", "ein Gedicht über den Mond", "写一首关于月亮的诗", "terms of use"]
    )
    assert rows.shape == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    assert min(rows[0] @ rows[1], rows[0] @ rows[2]) > rows[0] @ rows[3] + 0.05


def test_a_text_has_the_same_row_in_any_batch(
    multilingual: MultilingualEncoder, folder: Path
) -> None:
    texts = [f"{number} chistes" + " y más" * (number % 7) for number in range(40)]
    alone = MultilingualEncoder(folder)
    assert multilingual.encode(texts)[33] @ alone.encode(texts[33:34])[0] > 0.9995


def test_what_gate_and_classifier_both_ask_for_is_encoded_once(
    multilingual: MultilingualEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    batch = multilingual._batch

    def counted(tokens: list[tuple[int, ...]]) -> object:
        encoded.append(len(tokens))
        return batch(tokens)

    monkeypatch.setattr(multilingual, "_batch", counted)
    first = multilingual.encode(["ein Gedicht", "un poema", "ein Gedicht"])
    again = multilingual.encode(["un poema", "um poema"])
    assert encoded == [2, 1]
    np.testing.assert_array_equal(first[[0, 1]], [first[2], again[0]])
    multilingual.encode([f"{number} poemas" for number in range(_KEPT + 1)])
    assert len(multilingual._rows) == _KEPT and multilingual.encode([]).shape == (0, 384)


@pytest.mark.parametrize("half", [False, True])
def test_a_copy_of_it_is_tuned_and_shares_what_is_not(
    half: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genre_models.multilingual.encoder.has_bf16", lambda _: half)
    monkeypatch.setattr("genre_models.tuning.ANSWERS", replace(ANSWERS, epochs=6, batch=4))
    encoder = MultilingualEncoder(folder)
    good = ["ein Fest für alle", "una carta a mi madre", "写一首诗", "a speech for a friend"]
    bad = [
        "ein Überfall auf alle",
        "una amenaza a mi madre",
        "写一封威胁信",
        "a threat to a friend",
    ]
    before = encoder.encode(good)
    tuned = encoder.tuned([*good, *bad], np.array([-1] * 4 + [0, 1, 0, 1]))
    other = encoder.with_weights(tuned.weights)
    odds = tuned.scores(other.encode([*good, *bad]))[:, 0]
    assert max(odds[:4]) < min(odds[4:])
    encoder._rows = KeptRows(1)  # what it says now
    np.testing.assert_array_equal(encoder.encode(good), before)
    own, theirs = (
        {name: each.data_ptr() for name, each in one._loaded[2].model.named_parameters()}
        for one in (encoder, other)
    )
    assert {name for name in own if own[name] != theirs[name]} == set(tuned.weights)
    with pytest.raises(ValueError, match=r"head\.weight"):
        encoder.with_weights({"head.weight": np.ones(1, np.float32)})


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


def test_without_its_file_it_says_what_is_missing(tmp_path: Path) -> None:
    encoder = MultilingualEncoder(tmp_path / "nothing")
    for _ in range(2):
        with pytest.raises(ModelError, match="genre prepare") as caught:
            encoder.encode(["hola"])
        assert caught.value.code == "multilingual_unavailable"


def test_a_file_without_one_of_its_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    whole = (folder / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole.replace(b"l3.fi.w", b"l3.fx.w", 1))
    with pytest.raises(ModelError, match=r"l3\.fi\.w") as caught:
        MultilingualEncoder(tmp_path).encode(["hola"])
    assert caught.value.code == "multilingual_unavailable"


def test_what_may_overrule_a_rule_is_read_to_its_end(multilingual: MultilingualEncoder) -> None:
    """Whatever is at the end is seen: no prefix of so many characters fills the encoder."""
    most = learned._WHOLE["pieces"]
    for dense in ("1 ", "\u4e00", ".", "a1", "\u1e69\u0323", "\u0e01"):
        text = (dense * most)[: most - 6] + " harm."
        assert multilingual._tokens([text])[0][-3:] == multilingual._tokens(["1 harm."])[0][-3:]
