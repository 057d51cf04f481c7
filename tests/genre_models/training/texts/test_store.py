"""Texts on disk, and who has been erased since they were read."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from genre_models.training.texts.store import Contributors, TextStore
from schemas.training import TrainingEvent

NOW = 1_795_000_000.0


def test_a_user_who_is_erased_while_training_counts(tmp_path: Path) -> None:
    texts = TextStore(tmp_path)
    texts.erase("ada", NOW)
    assert texts.attribute("haiku@000000000000", {"ada"}, NOW - 60) == 1
    assert texts.attribute("haiku@000000000001", {"ada"}, NOW + 60) == 0


def sent(words: str, **known: str) -> TrainingEvent:
    return TrainingEvent(kind="text", genre="haiku", text=words, **known)  # type: ignore[arg-type]


def kept(texts: TextStore, tenant: str | None = None) -> list[str]:
    return [each.text for each in texts.texts("haiku", tenant)]


def test_a_text_is_kept_once_a_tenant_whatever_its_spaces(tmp_path: Path) -> None:
    texts = TextStore(tmp_path)
    assert texts.add(sent("an old pond"), user=None, time=NOW)
    for store in (texts, TextStore(tmp_path)):  # also in another process
        assert not store.add(sent(" an old\n pond"), user=None, time=NOW)
    assert texts.add(sent("an old pond", tenant="acme"), user=None, time=NOW)
    assert (kept(texts), kept(texts, "acme")) == (["an old pond"], ["an old pond"])
    assert texts.count("haiku", None) == 1


def test_a_text_that_answers_another_request_is_kept_again(tmp_path: Path) -> None:
    texts = TextStore(tmp_path)
    for _ in range(2):
        for request in (None, "a haiku", "a poem"):
            texts.add(
                sent("an old pond", **({"request": request} if request else {})),
                user=None,
                time=NOW,
            )
    assert [each.request for each in texts.texts("haiku", None)] == [None, "a haiku", "a poem"]


def test_who_is_erased_takes_all_texts_along_and_those_under_way(tmp_path: Path) -> None:
    texts = TextStore(tmp_path)
    for words, user in (("hers", "ada"), ("his", "ben"), ("hers too", "ada")):
        texts.add(sent(words), user=user, time=NOW)
    assert texts.erase("ada", NOW + 10) == 2
    assert (kept(texts), texts.users("haiku", None)) == (["his"], {"ben"})
    again = TextStore(tmp_path)
    assert not again.add(sent("hers, late"), user="ada", time=NOW + 10)
    assert again.add(sent("hers, anew"), user="ada", time=NOW + 11)
    assert b"hers too" not in b"".join(file.read_bytes() for file in tmp_path.rglob("*.jsonl"))


def test_a_text_is_taken_back_by_who_gave_it(tmp_path: Path) -> None:
    texts = TextStore(tmp_path)
    for words, user in (("hers", "ada"), ("hers  too", "ada"), ("his", "ben")):
        texts.add(sent(words), user=user, time=NOW)
    back = {
        words: TrainingEvent(
            kind="retract", genre="haiku", user_id="ada",
            digest=sha256(words.encode()).hexdigest(),
        )
        for words in ("hers  too", "his")
    }  # fmt: skip
    assert texts.retract(back["hers  too"], user="ada") == 1
    assert texts.retract(back["hers  too"], user="ada") == texts.retract(back["his"], user="ada")
    assert kept(texts) == kept(TextStore(tmp_path)) == ["hers", "his"]
    assert texts.add(sent("hers  too"), user="ada", time=NOW)


def test_of_who_is_disowned_only_the_number_is_left(tmp_path: Path) -> None:
    texts = TextStore(tmp_path)
    texts.attribute("haiku@000000000000", {"ada", "ben"}, NOW)
    texts.attribute("haiku@000000000001", {"ben"}, NOW)
    assert list(texts.holding("ada")) == ["haiku@000000000000"]
    texts.disown("ada")
    assert texts.holding("ada") == {}
    assert texts.holding("ben")["haiku@000000000000"] == Contributors(users=["ben"], erased=1)
    assert texts.holding("ben")["haiku@000000000001"].erased == 0


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path: Path) -> None:
    texts = TextStore(tmp_path)
    texts.add(sent("an old pond"), user=None, time=NOW)
    file = texts.path("haiku", None)
    file.write_bytes(file.read_bytes() + b'{"text": "a fr')
    assert kept(TextStore(tmp_path)) == ["an old pond"]


def test_a_line_that_was_cut_short_costs_itself_alone(tmp_path: Path) -> None:
    texts = TextStore(tmp_path)
    texts.add(sent("the first"), user=None, time=NOW)
    with texts.path("haiku", None).open("ab") as lines:
        lines.write(b'{"text":"cut by a full di')
    for store in (texts, TextStore(tmp_path)):
        store.add(sent(f"after {store is texts}"), user=None, time=NOW)
    assert kept(texts) == ["the first", "after True", "after False"]
    assert texts.tenants() == set()


def test_what_is_known_of_invented_genres_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genre_models.training.texts.store._FILES", 3)
    texts = TextStore(tmp_path)
    for number in range(9):
        event = TrainingEvent(kind="text", genre=f"g{number}", text="an old pond")
        assert texts.add(event, user=None, time=NOW)
        assert not texts.add(sent("an old pond"), user=None, time=NOW) or number == 0
    assert len(texts._known) == 3
