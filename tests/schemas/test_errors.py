"""What may be told of an error anywhere: never what a library has quoted."""

from __future__ import annotations

import errno

import msgspec
import orjson
import pytest

from genre_models.training.documents import read_json
from genre_models.training.order import failure_code
from schemas.errors import InvalidEvent, chain, discreet

SECRET = "the-marker-text"


def raised(*errors: Exception) -> Exception:
    """The last error, raised from those before it."""
    cause = None
    for error in errors:
        try:
            raise error from cause
        except Exception as caught:
            cause = caught
    assert cause is not None
    return cause


def test_what_genre_raised_itself_is_told_in_its_own_words() -> None:
    error = raised(ValueError(SECRET), InvalidEvent("not_json", "Expected JSON."))
    assert discreet(error) == "Expected JSON."
    assert [type(each) for each in chain(error)] == [InvalidEvent, ValueError]
    assert error.__cause__ is not None
    error.__cause__.__cause__ = error
    assert len(list(chain(error))) == 2


@pytest.mark.parametrize(
    "error",
    [
        ValueError(SECRET),
        KeyError(SECRET),
        OSError(SECRET),
        ExceptionGroup(SECRET, [ValueError(SECRET)]),
        orjson.JSONDecodeError(SECRET, SECRET, 0),
        UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET),
        msgspec.ValidationError(SECRET),
    ],
)
def test_of_another_error_only_its_kind_is_told(error: Exception) -> None:
    assert discreet(raised(error)) == type(error).__name__


def test_the_place_is_our_innermost_line(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("a") / "b.json"
    file.write_text(SECRET)
    with pytest.raises(msgspec.DecodeError) as caught:
        read_json(file, dict)
    assert discreet(caught.value).startswith("DecodeError at genre_models/training/documents.py:")


def test_the_systems_own_reason_is_told_and_not_the_file() -> None:
    error = OSError(errno.ENOSPC, SECRET, SECRET)
    assert discreet(error) == "OSError (No space left on device)"
    hidden = raised(error, RuntimeError(SECRET))
    assert failure_code(hidden) == failure_code(error) == "disk_full"
    assert failure_code(ValueError(SECRET)) == "training_failed"
    assert failure_code(ValueError(SECRET), "not_kept") == "not_kept"
