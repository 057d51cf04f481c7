"""Settings: what the environment says, said back to another process, and refused where it cannot
work."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import NotReady
from streams.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"

_TEXT = st.text(
    st.characters(codec="ascii", exclude_characters="\x7f", min_codepoint=32), max_size=20
)


@given(
    st.builds(
        Settings,
        brokers=_TEXT,
        prefix=st.from_regex(r"[a-z0-9._-]{0,20}", fullmatch=True),
        partitions=st.integers(1, 1000),
        sasl_password=_TEXT,
        heartbeat=st.floats(0.001, 1000),
        linger=st.floats(0, 10),
        state=st.just(Path("/somewhere/else")),
        exploration=st.booleans(),
        learning_opt_in=st.booleans(),
        incarnation=_TEXT,
    )
)
def test_another_process_gets_the_same_settings(settings: Settings) -> None:
    assert Settings.from_environment(settings.environment()) == settings


def test_every_field_has_its_variable_and_nothing_else_is_read() -> None:
    names = {f"GENRE_{field.name.upper()}" for field in dataclasses.fields(Settings)}
    assert set(Settings().environment()) == names
    assert Settings.from_environment({"GENRE_UNKNOWN": "x", "BROKERS": "y"}) == Settings()


def test_the_page_of_settings_explains_every_variable() -> None:
    rows = re.findall(r"^\| (`GENRE_.*?) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    named = re.findall(r"`(\w+)`", " ".join(rows))
    assert sorted(named) == sorted(Settings().environment())


@pytest.mark.parametrize(
    ("value", "meant"), [("1", True), ("TRUE", True), ("on", True), ("0", False), ("no", False)]
)
def test_booleans_are_written_in_several_ways(value: str, meant: bool) -> None:
    assert Settings.from_environment({"GENRE_EXPLORATION": value}).exploration is meant


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PARTITIONS", "four"),
        ("PARTITIONS", "0"),
        ("PARTITIONS", "-1"),
        ("PARTITIONS", "4.5"),
        ("PARTITIONS", ""),
        ("REPLICATION", "0"),
        ("ROWS", "0"),
        ("LANGUAGES", "English"),
        ("LANGUAGES", "en,,de"),
        ("PREFIX_CACHE_MB", "0"),
        ("DEVICE", "gpu"),
        ("DEVICE", "cuda:"),
        ("PROMPT_BYTES", "0"),
        ("SESSION_TIMEOUT", "0"),
        ("HEARTBEAT", "nan"),
        ("STANDSTILL", "0"),
        ("FETCH_WAIT", "soon"),
        ("EXPLORATION", "perhaps"),
        ("SECURITY_PROTOCOL", "TLS"),
        ("STORE", "postgres://"),
        ("LOG_LEVEL", "chatty"),
        ("PREFIX", "my topics/"),
        ("PREFIX", "p" * 101),
    ],
)
def test_a_value_that_cannot_work_is_refused_with_its_variable(name: str, value: str) -> None:
    with pytest.raises(NotReady) as caught:
        Settings.from_environment({f"GENRE_{name}": value})
    assert caught.value.code == "bad_setting"
    assert (
        f"GENRE_{name}" in caught.value.message
        and f"got {value}" in caught.value.message.replace("'", "")
    )


def test_a_password_is_not_shown() -> None:
    assert "hunter2" not in repr(Settings(sasl_password="hunter2"))


def test_a_home_directory_is_expanded() -> None:
    assert Settings.from_environment({"GENRE_STATE": "~/x"}).state == Path("~/x").expanduser()


def test_topics_carry_the_prefix() -> None:
    assert Settings(prefix="a.").topic("requests") == "a.requests"


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().brokers = "elsewhere"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("value", "meant"), [("1000", 1000), ("0", 0), ("acme, b-2", {"acme", "b-2"}), ("42,", {"42"})]
)
def test_tenants_are_capped_or_listed(value: str, meant: object) -> None:
    assert Settings(tenants=value).allowed_tenants == meant


@pytest.mark.parametrize("value", ["", ",", "Acme", "a/b", "-1.5"])
def test_tenants_are_neither_nothing_nor_names_that_nobody_can_have(value: str) -> None:
    with pytest.raises(NotReady, match="GENRE_TENANTS"):
        Settings(tenants=value)
