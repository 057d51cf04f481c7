"""Corpora: cleaning, splitting, fetching; on texts written for the tests."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import msgspec
import pytest

from genre_models.corpora import Text, load_corpus
from genre_models.corpora.corpus import EDITION
from genre_models.packages import Package, fetch
from schemas.errors import ModelError


def _wheel() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("demo/data.txt", "hello")
    return archive.getvalue()


WHEEL = _wheel()


def text(content: str, document: str = "d") -> Text:
    return Text(text=content, genre="joke", family="humour", source="here", document=document)


def corpus_of(folder: Path, texts: list[Text]) -> None:
    folder = folder / f"texts-{EDITION}"
    folder.mkdir(exist_ok=True)
    (folder / "joke.jsonl").write_bytes(b"\n".join(msgspec.json.encode(item) for item in texts))
    (folder / "joke.steps.json").write_bytes(b"[]")


def test_no_document_stands_on_both_sides(tmp_path: Path) -> None:
    corpus_of(tmp_path, [text(f"This is joke {i}", document=str(i // 3)) for i in range(600)])
    corpus = load_corpus("joke", tmp_path)
    assert {item.document for item in corpus.training}.isdisjoint(
        item.document for item in corpus.held_out
    )
    assert 60 <= len(corpus.held_out) < 63 and len(corpus.training) + len(corpus.held_out) == 600


def test_new_texts_move_nobody_to_the_other_side_and_change_the_digest(tmp_path: Path) -> None:
    texts = [text(f"This is joke {i}", document=str(i)) for i in range(300)]
    corpus_of(tmp_path, texts)
    before = load_corpus("joke", tmp_path)
    corpus_of(tmp_path, [*texts, text("One more joke", document="new")])
    after = load_corpus("joke", tmp_path)
    moved = {item.text for item in before.held_out} ^ {item.text for item in after.held_out}
    assert len(moved - {"One more joke"}) <= 1
    assert before.digest != after.digest


def test_a_sample_is_a_beginning(tmp_path: Path) -> None:
    corpus_of(tmp_path, [text(f"This is joke {i}", document=str(i)) for i in range(300)])
    corpus = load_corpus("joke", tmp_path)
    sample = corpus.sample(20, 10)
    assert (sample.training, sample.held_out) == (corpus.training[:20], corpus.held_out[:10])


def test_genres_without_a_corpus_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="political_speech"):
        load_corpus("haiku", tmp_path)


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A package index that holds one wheel; the commands it was asked with."""
    commands: list[list[str]] = []

    def run(command: list[str], folder: Path) -> None:
        commands.append([*command, (folder / "pinned.txt").read_text()])
        (folder / "demo-1.0-py3-none-any.whl").write_bytes(WHEEL)

    monkeypatch.setattr("genre_models.packages._run", run)
    return commands


def demo(sha256: str) -> Package:
    return Package(client="pip", name="demo", version="1.0", licence="CC0", sha256=sha256)


def test_a_package_that_is_there_is_not_fetched_again(
    tmp_path: Path, wheel: list[list[str]]
) -> None:
    package = demo(hashlib.sha256(WHEEL).hexdigest())
    assert (fetch(package, tmp_path) / "demo/data.txt").read_text() == "hello"
    assert fetch(package, tmp_path) == tmp_path / "pip-demo-1.0"
    assert [command[-1] for command in wheel] == [f"demo==1.0 --hash=sha256:{package.sha256}\n"]
    assert not list(tmp_path.glob("*.partial"))


def test_a_package_that_was_changed_is_refused(tmp_path: Path, wheel: list[list[str]]) -> None:
    with pytest.raises(ModelError) as refused:
        fetch(demo("0" * 64), tmp_path)
    assert (
        refused.value.code == "package_changed"
        and wheel
        and not (tmp_path / "pip-demo-1.0").exists()
    )


def test_a_client_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(ModelError) as refused:
        fetch(demo("0" * 64), tmp_path)
    assert refused.value.code == "package_unavailable"
