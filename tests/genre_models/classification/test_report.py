"""The report on what was asked: what counts, what was corrected, what is drift and what chance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from genre_models.classification.report import UNKNOWN, Asked, Report, alike, report
from genre_models.encoder import quantise
from genre_models.taxonomy import Genre, Taxonomy
from schemas.classified import ClassifiedRequest
from schemas.corrections import Correction
from schemas.feedback import Feedback
from schemas.parts import Failure, GenreProbability, Verdict
from schemas.requests import GenerationRequest

START = datetime(2026, 11, 2, tzinfo=UTC)
CHANCE = np.random.default_rng(1)


def vector(towards: int = 0) -> bytes:
    """A unit vector about one axis, with noise."""
    row = CHANCE.normal(size=384) / 40
    row[towards] += 1.0
    return quantise((row / np.linalg.norm(row)).astype(np.float32))


def asked(number: int, genre: str = "joke", sure: float = 0.8, **fields: Any) -> Asked:
    """The request of that number: one a minute."""
    given: dict[str, Any] = {
        "request_id": f"r{number}",
        "user_id": "ada",
        "request": GenerationRequest(user_id="ada", prompt="my secret words"),
        "received": START + timedelta(minutes=number),
        "deadline": START + timedelta(days=99),
        "genres": (GenreProbability(genre=genre, probability=sure),),
        "language": "en",
        "embedding": vector(),
    }
    return Asked.of(ClassifiedRequest(**given | fields))


def said(number: int, kind: Any = "accept", user: str = "ada", **fields: Any) -> Feedback:
    if kind in ("accept", "like"):
        fields["candidate_id"] = f"r{number}/0"
    return Feedback(user_id=user, kind=kind, request_id=f"r{number}", **fields)


def of(*requests: Asked) -> Report:
    return report(requests, [], [])


def test_each_request_counts_once_for_what_became_of_it() -> None:
    wish = GenerationRequest(user_id="ada", prompt="p", genre="poetry")
    found = of(
        asked(0),
        asked(0),
        asked(1, "poetry", 1.0, request=wish),
        asked(2, fallback="family", family="humour", language="de"),
        asked(3, fallback="base"),
        asked(4, verdict=Verdict(allowed=False, code="weapons"), genres=(), language=None),
        asked(5, verdict=Verdict(allowed=True, code="malware")),
        asked(6, failure=Failure(code="expired", message="Too late."), genres=(), language=None),
        asked(7, topics=("tea",), fallback="base", genres=(), embedding=None),
        asked(8, genres=(), fallback="base"),
    )
    assert (found.requests, found.users, found.judged) == (9, 1, 5)
    assert (found.family_only, found.unknown) == (1, 2)
    assert found.genres == {"joke": 2, "poetry": 1}
    assert found.languages == {"en": 6, "de": 1}
    assert (found.declined, found.flagged) == ({"weapons": 1}, {"malware": 1})
    assert found.failed == {"expired": 1}
    assert "secret" not in repr(found)


def test_nothing_asked_is_a_report_too() -> None:
    found = of()
    assert (found.requests, found.first, found.calibration, found.drift) == (0, None, [], None)


def test_corrections_are_counted_by_what_was_classified_and_what_it_is() -> None:
    made = [("joke", "poetry"), (None, "poetry"), ("joke", "poetry")]
    corrections = [
        Correction(
            user_id=f"u{at}", genre=right, instead_of=wrong, embedding=bytes(384), time=START
        )
        for at, (wrong, right) in enumerate(made)
    ]
    found = report([], [], corrections).confusion
    assert [(each.classified, each.corrected, each.count) for each in found] == [
        ("joke", "poetry", 2),
        (UNKNOWN, "poetry", 1),
    ]


def test_calibration_compares_with_what_was_not_corrected_among_what_got_a_reaction() -> None:
    feedback = [
        said(0),
        said(1, "genre_correction", genre="poetry"),
        said(1),
        said(2, "genre_correction", genre="joke"),  # what it was: no correction
        said(3, "genre_correction", genre="poetry", feedback_id="f"),
        said(3),
        said(3, "retract", retracts="f"),
        said(4, "shown"),
        said(5, "like", user="bea"),  # not their request
        said(6, "like", feedback_id="g"),
        said(6, "retract", retracts="g"),
        said(7),
        said(99),
    ]
    named = GenerationRequest(user_id="ada", prompt="p", genre="joke")
    requests = [asked(number, sure=0.6 + 0.1 * (number % 2)) for number in range(7)]
    (hour,) = report([*requests, asked(7, request=named)], feedback, []).calibration
    assert (hour.start, hour.reacted, hour.uncorrected) == (START, 4, 0.75)
    assert hour.probability == pytest.approx(0.65)


@pytest.mark.parametrize(
    ("apart", "starts"),
    [
        (timedelta(hours=1), [START, START + timedelta(hours=1)]),
        (timedelta(days=10), [START, START + timedelta(days=10)]),
        (timedelta(days=50), [START, START + timedelta(days=49)]),
    ],
)
def test_calibration_goes_by_hours_days_or_weeks(apart: timedelta, starts: list[datetime]) -> None:
    found = report([asked(0), asked(1, received=START + apart)], [said(0), said(1)], [])
    assert [line.start for line in found.calibration] == starts


def test_what_is_asked_otherwise_than_before_is_drift() -> None:
    drift = of(*(asked(at, "joke" if at < 60 else "poetry") for at in range(100))).drift
    assert drift is not None
    assert drift.boundary == START + timedelta(minutes=50)
    assert drift.genres.is_drift
    assert drift.genres.chance < drift.genres.distance < 1
    assert not drift.meaning.is_drift
    moved = {"joke": pytest.approx((1.0, 0.2)), "poetry": pytest.approx((0.0, 0.8))}
    assert drift.moved == moved


def test_other_requests_of_the_same_genre_are_drift_of_meaning_alone() -> None:
    drift = of(*(asked(at, embedding=vector(int(at >= 50))) for at in range(100))).drift
    assert drift is not None
    assert drift.meaning.is_drift
    assert (drift.genres.distance, drift.genres.p, drift.genres.is_drift) == (0, 1, False)


def test_the_same_mixture_is_told_as_drift_hardly_ever() -> None:
    found = []
    for seed in range(8):
        genres = np.random.default_rng(seed).choice(["joke", "poetry", "email"], 60)
        drift = of(*(asked(at, str(genre)) for at, genre in enumerate(genres))).drift
        assert drift is not None
        found += [drift.genres.is_drift, drift.meaning.is_drift]
    assert sum(found) <= 1


def test_few_requests_say_nothing_of_drift() -> None:
    assert of(*map(asked, range(39))).drift is None


def genre(name: str, description: str, *texts: str) -> Genre:
    return Genre(
        id=name,
        family="own",
        description=description,
        instruction=f"Write {name}.",
        requests=(),
        texts=texts,
    )


def test_genres_that_nothing_tells_apart_are_named() -> None:
    found = alike(
        Taxonomy(
            (
                genre("memo", "A note to colleagues."),
                genre("notice", "a note  to colleagues"),
                genre("minutes", "A note to colleagues.", "We met on Monday."),
                genre("other", "A letter."),
            )
        )
    )
    assert found == [("memo", "notice")]
    assert alike(Taxonomy.load()) == []
