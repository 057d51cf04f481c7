"""Hypothesis strategies for every event, derived from the declared types and limits themselves."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

from schemas import fields
from schemas.feedback import Feedback
from schemas.progress import Progress
from schemas.requests import GenerationRequest
from schemas.training import TrainingEvent
from schemas.users import UserCommand

# Patterns with look-arounds confuse `from_regex`, so the alphabets of ids are said in words.
_ID_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="/"),
    min_size=1,
    max_size=20,
)
_IDS = _ID_TEXT.filter(lambda text: text not in (".", ".."))
_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_MOMENTS = st.datetimes(
    datetime(1970, 1, 2), datetime(9998, 1, 1), timezones=st.one_of(st.just(UTC), _OFFSETS)
)
_CANDIDATE_IDS = st.builds("{}/{}".format, _IDS, st.integers(0, 7))


def events(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Valid events of a type, rules that span several fields included."""
    return (
        st.fixed_dictionaries(_arguments(kind))
        .map(_consistent(kind))
        .map(lambda given: kind(**given))
    )


def _arguments(kind: type[Any]) -> dict[str, st.SearchStrategy[Any]]:
    declared = inspect.type_info(kind)
    assert isinstance(declared, inspect.DataclassType)
    return {field.name: _values(field.type) for field in declared.fields}


def _values(declared: inspect.Type) -> st.SearchStrategy[Any]:
    match declared:
        case inspect.Metadata():
            return _values(declared.type)
        case inspect.UnionType():
            return st.one_of(*map(_values, declared.types))
        case inspect.NoneType():
            return st.none()
        case inspect.BoolType():
            return st.booleans()
        case inspect.LiteralType():
            return st.sampled_from(declared.values)
        case inspect.DateTimeType():
            return _MOMENTS
        case inspect.DataclassType():
            return events(declared.cls)
        case inspect.IntType() | inspect.FloatType():
            return _numbers(declared)
        case inspect.StrType():
            return _strings(declared)
        case inspect.BytesType():
            return st.binary(
                min_size=declared.min_length or 0, max_size=min(declared.max_length or 500, 500)
            )
        case inspect.VarTupleType():
            least = declared.min_length or 0
            return st.lists(
                _values(declared.item_type), min_size=least, max_size=max(least, 3)
            ).map(tuple)
        case inspect.DictType():
            return st.dictionaries(
                _values(declared.key_type), _values(declared.value_type), max_size=3
            )
    raise AssertionError(f"no strategy for {declared}")


def _numbers(declared: inspect.IntType | inspect.FloatType) -> st.SearchStrategy[Any]:
    low, high = declared.ge, declared.le
    if isinstance(declared, inspect.IntType):
        below = 2**53 if declared.lt is None else int(declared.lt) - 1
        return st.integers(int(low or 0), int(below if high is None else high))
    above = low if declared.gt is None else declared.gt
    return st.floats(
        above,
        high,
        exclude_min=declared.gt is not None,
        allow_nan=False,
        allow_infinity=False,
        allow_subnormal=False,
    )


def _strings(declared: inspect.StrType) -> st.SearchStrategy[str]:
    if declared.pattern == fields._CANDIDATE:
        return _CANDIDATE_IDS
    if declared.pattern == fields._ID:
        return _IDS
    if declared.pattern is not None:
        expression = declared.pattern.removeprefix("^").removesuffix(r"$(?!\n)")
        return st.from_regex(re.compile(expression, re.ASCII), fullmatch=True)
    return st.text(st.characters(codec="utf-8"), min_size=declared.min_length or 0, max_size=30)


def _consistent(kind: type[Any]) -> Any:
    return {
        Feedback: _feedback,
        GenerationRequest: _request,
        Progress: _progress,
        TrainingEvent: _training,
        UserCommand: _command,
    }.get(kind, dict)


def _request(given: dict[str, Any]) -> dict[str, Any]:
    return given | {"suggest": given["prompt"] is None}


def _feedback(given: dict[str, Any]) -> dict[str, Any]:
    values = {"rating": 4.0, "dwell": 12.5, "history": 0.25}
    request = given["request_id"] or "r1"
    return given | {
        "request_id": request,
        "candidate_id": f"{request}/3",
        "value": values.get(given["kind"], given["value"]),
        "text": given["text"] or "text",
        "genre": given["genre"] or "joke",
        "retracts": given["retracts"] or "f1",
    }


def _progress(given: dict[str, Any]) -> dict[str, Any]:
    known = {
        "request_id": "r1",
        "user_id": "ada",
        "index": 0,
        "text": "a",
        "genre": "joke",
        "step": 1,
        "steps": 2,
    }
    return given | {name: value for name, value in known.items() if given[name] is None}


def _training(given: dict[str, Any]) -> dict[str, Any]:
    known = {"text": "one text", "digest": "0" * 64, "user_id": "ada"}
    return given | {name: given[name] or value for name, value in known.items()}


def _command(given: dict[str, Any]) -> dict[str, Any]:
    return given | {"allowed": bool(given["allowed"])}
