"""Keys: only those of the file, within their tenant, users, scopes and rate; it is read again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from schemas.errors import NotReady
from streams.gateway.keys import Keys, created
from streams.gateway.problems import Refusal
from tests.streams.gateway.conftest import key


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_a_key_is_not_in_its_file(keys_file: Path) -> None:
    shown = key(keys_file, "web")["Authorization"].partition(" ")[2]
    assert shown.rpartition(".")[2] not in keys_file.read_text()
    assert created("web")[0] != created("web")[0]


@pytest.mark.parametrize(
    "forged",
    [
        None,
        "",
        "Bearer",
        "Bearer x",
        "Bearer genre.web.",
        "Bearer genre.web.AAAA",
        "Bearer genre.other.AAAA",
        "Basic d2ViOng=",
        "Bearer " + "genre.web." + "A" * 10_000,
        "Bearer genre.web.\udcff",
    ],
)
def test_a_forged_key_is_refused(keys_file: Path, forged: str | None) -> None:
    key(keys_file, "web")
    with pytest.raises(Refusal) as caught:
        Keys(str(keys_file)).caller(forged)
    assert (caught.value.status, caught.value.headers) == (401, {"WWW-Authenticate": "Bearer"})


def test_a_key_speaks_for_its_tenant_users_and_scopes(keys_file: Path) -> None:
    header = key(keys_file, "web", 'tenant = "acme"\nusers = ["ada"]\nscopes = ["read"]')
    caller = Keys(str(keys_file)).caller(header["Authorization"])
    assert caller.tenant(None) == caller.tenant("acme") == "acme"
    assert caller.user("ada") == "ada"
    caller.may("read")
    for refused, given in ((caller.tenant, "other"), (caller.user, "eve"), (caller.may, "ask")):
        with pytest.raises(Refusal) as caught:
            refused(given)  # type: ignore[arg-type]
        assert caught.value.status == 403


def test_a_key_without_a_tenant_speaks_for_the_default_one_alone(keys_file: Path) -> None:
    assert Keys("").caller(None).tenant("acme") == "acme"
    header = key(keys_file, "web")
    with pytest.raises(Refusal):
        Keys(str(keys_file)).caller(header["Authorization"]).tenant("acme")


def test_a_key_has_a_rate(keys_file: Path) -> None:
    clock = Clock()
    header = key(keys_file, "web", "per_minute = 2")["Authorization"]
    keys = Keys(str(keys_file), clock)
    keys.caller(header)
    keys.caller(header)
    with pytest.raises(Refusal) as caught:
        keys.caller(header)
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (429, "31")
    clock.now = 31.0
    keys.caller(header)


def test_the_file_is_read_again_and_a_broken_one_changes_nothing(keys_file: Path) -> None:
    clock = Clock()
    first = key(keys_file, "web")["Authorization"]
    keys = Keys(str(keys_file), clock)
    second = key(keys_file, "shop")["Authorization"]
    os.utime(keys_file, (1, 1))
    clock.now = 2.0
    keys.caller(second)
    before = keys_file.read_text()
    for broken in ("x = ", "[web]\nsalt = 4", '[web]\nsalt = "x"\ndigest = "y"'):
        keys_file.write_text(broken)
        clock.now += 2.0
        keys.caller(first)
    keys_file.write_text(before.partition("[shop]")[0])
    clock.now += 2.0
    with pytest.raises(Refusal):
        keys.caller(second)
    keys.caller(first)


def test_a_file_that_cannot_be_read_at_start_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="GENRE_GATEWAY_KEYS") as caught:
        Keys(str(tmp_path / "none.toml"))
    assert caught.value.code == "bad_keys"
