"""How long a text is and how its tokens are drawn: what was asked, else its genre's, else usual."""

from __future__ import annotations

from dataclasses import asdict, replace

from schemas.parts import SamplingParameters
from schemas.requests import GenerationRequest

USUAL = SamplingParameters(
    usual_tokens=90,
    max_tokens=160,
    temperature=0.6,
    top_p=0.95,
    min_p=0.05,
    repetition_penalty=1.1,
)
"""For what neither a request nor a genre says."""


def resolved(asked: SamplingParameters, genre: SamplingParameters) -> SamplingParameters:
    """All of it, each from the first that says it: the request, its genre, `USUAL`.

    A text that may be shorter than its genre's is usually shorter in the same proportion; one that
    may be longer is usually none the longer.

    >>> joke = SamplingParameters(usual_tokens=35, max_tokens=80, temperature=0.8)
    >>> found = resolved(SamplingParameters(max_tokens=40), joke)
    >>> found.usual_tokens, found.max_tokens, found.temperature, found.top_p
    (18, 40, 0.8, 0.95)
    """
    known = asdict(USUAL) | _said(genre)
    most, usual = known["max_tokens"], min(known["usual_tokens"], known["max_tokens"])
    known |= _said(asked)
    if asked.usual_tokens is None:
        share = min(1.0, known["max_tokens"] / most)
        known["usual_tokens"] = max(1, round(usual * share))
    return SamplingParameters(**known)


def asked_of(request: GenerationRequest) -> SamplingParameters:
    """What a request says itself."""
    return SamplingParameters(
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        min_p=request.min_p,
        repetition_penalty=request.repetition_penalty,
    )


def in_numbers(request: GenerationRequest, parameters: SamplingParameters) -> GenerationRequest:
    """A request that says all of it."""
    return replace(
        request,
        max_tokens=parameters.max_tokens,
        temperature=parameters.temperature,
        top_p=parameters.top_p,
        min_p=parameters.min_p,
        repetition_penalty=parameters.repetition_penalty,
    )


def _said(parameters: SamplingParameters) -> dict[str, int | float]:
    return {name: value for name, value in asdict(parameters).items() if value is not None}
