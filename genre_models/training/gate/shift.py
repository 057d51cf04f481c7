"""How far an adapter moves the model on ordinary prompts, which it was not trained for."""

from __future__ import annotations

from typing import Any

import torch

from genre_models.training.texts.examples import make_example
from genre_models.training.texts.requests import Request
from genre_models.training.top_half import TopHalf

INSTRUCTION = "Write what is asked for, and nothing else."
ORDINARY = (
    (
        "What is the capital of France?",
        "The capital of France is Paris, which lies on the river Seine.",
    ),
    (
        "How do I boil an egg?",
        "Put the egg into boiling water for seven minutes, then cool it under running water.",
    ),
    (
        "Explain what a database index is.",
        "An index is a sorted structure that lets the database find rows quickly.",
    ),
    ("Give me three names for a cat.", "Luna, Oliver and Milo are three popular names for a cat."),
    ("Summarise: the meeting moved to Friday.", "The meeting will now take place on Friday."),
    ("What is 12 times 12?", "12 times 12 is 144."),
    (
        "Translate 'good morning' into Spanish.",
        "The Spanish translation of 'good morning' is 'buenos días'.",
    ),
    (
        "Why is the sky blue?",
        "The sky is blue because air scatters short wavelengths of light more than long ones.",
    ),
    (
        "List two uses of vinegar.",
        "Vinegar can be used in salad dressing and for cleaning windows.",
    ),
    (
        "When should I water tomatoes?",
        "Water tomatoes early in the morning, about twice a week in dry weather.",
    ),
    (
        "What does HTTP 404 mean?",
        "HTTP 404 means that the server could not find the page that was requested.",
    ),
    (
        "Write a polite reminder about an invoice.",
        "I would like to remind you that the invoice is due this week.",
    ),
)


@torch.no_grad()
def shift(half: TopHalf, tokenizer: Any) -> float:
    """Mean Kullback-Leibler divergence KL(base || adapter), in nats a token of the answers."""
    examples = [
        make_example(tokenizer, INSTRUCTION, Request(request, ""), answer)
        for request, answer in ORDINARY
    ]
    lowered = half.lower(examples)
    adapted = half.scores(lowered).log_softmax(-1)
    with half.peft.disable_adapter():
        plain = half.scores(lowered).log_softmax(-1)
    return float((plain.exp() * (plain - adapted)).sum(-1).mean())
