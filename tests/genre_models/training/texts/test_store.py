"""Texts on disk, and who has been erased since they were read."""

from __future__ import annotations

from collections.abc import Callable
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
    assert texts.holding("ben")["haiku@000000000000"] == Contributors(
        users=["ben"], erased=1, inherits=True
    )
    assert texts.holding("ben")["haiku@000000000001"].erased == 0


PARENT, CHILD = "haiku@000000000000", "haiku@000000000001"


def test_an_adapter_that_went_on_from_another_has_its_users_and_those_who_left(
    tmp_path: Path,
) -> None:
    texts = TextStore(tmp_path)
    texts.attribute(PARENT, {"ada", "ben"}, NOW)
    texts.disown("ben")
    assert texts.attribute(CHILD, {"cleo"}, NOW, parent=PARENT) == 1
    assert set(texts.holding("ada")) == {PARENT, CHILD}
    texts.erase("ada", NOW + 5)
    # The job has noted it, and so does the worker: she was erased in between.
    assert texts.attribute(CHILD, {"cleo"}, NOW, parent=PARENT) == 2
    assert texts.attribute(CHILD, {"cleo"}, NOW, parent=PARENT) == 2
    assert texts.attribute("haiku@000000000002", set(), NOW, parent="haiku@f", least=3) == 3


def test_an_earlier_versions_notes_inherit_once(tmp_path: Path) -> None:
    texts = TextStore(tmp_path)
    texts.attribute(PARENT, {"ada"}, NOW)
    earlier = tmp_path / "contributors" / f"{CHILD}.json"
    earlier.write_text('{"users":["ben"],"erased":0}')
    for _ in range(2):
        texts.inherit(CHILD, PARENT, 0)
        assert texts.contributors(CHILD) == Contributors(
            users=["ada", "ben"], erased=0, inherits=True
        )
    texts.disown("ada")
    texts.attribute(PARENT, {"ada"}, NOW)
    texts.inherit(CHILD, PARENT, 0)
    assert texts.contributors(CHILD) == Contributors(users=["ben"], erased=1, inherits=True)


def test_who_refuses_takes_all_texts_along_until_they_accept(tmp_path: Path) -> None:
    texts = TextStore(tmp_path)
    texts.add(sent("hers"), user="ada", time=NOW)
    assert texts.refuse("ada", NOW + 10) == 1
    assert not TextStore(tmp_path).add(sent("hers, anew"), user="ada", time=NOW + 20)
    texts.accept("ada", NOW + 30)
    assert not texts.add(sent("hers, while she refused"), user="ada", time=NOW + 20)
    assert texts.add(sent("hers, again"), user="ada", time=NOW + 31)
    texts.accept("ben", NOW + 30)  # who never refused loses nothing by it
    assert texts.add(sent("his"), user="ben", time=NOW)


def test_no_bytes_of_a_text_that_a_kill_cut_short_outlive_the_next_start_or_an_erase(
    tmp_path: Path,
) -> None:
    file = TextStore(tmp_path).path("haiku", None)
    heals: Callable[[TextStore], object]
    for heals in (
        lambda texts: texts.erase("ada", NOW),
        lambda texts: texts.add(sent("a frog"), user=None, time=NOW),
    ):
        TextStore(tmp_path).add(sent("an old pond"), user=None, time=NOW)
        file.write_bytes(file.read_bytes() + b'{"text": "hers, ne')
        heals(TextStore(tmp_path))
        assert b"hers" not in file.read_bytes() and kept(TextStore(tmp_path))[0] == "an old pond"


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
