"""What is not written or shown: a policy of categories, rules on what a text says however it is
disguised, and a score learned from written requests.

`genre prepare` fits the score; `python -m benchmarks.safety` measures all of it.
"""

from __future__ import annotations

from genre_models.safety.gate import Judgement, SafetyGate
from genre_models.safety.markup import neutralise
from genre_models.safety.policy import Policy
from genre_models.safety.score import load_score

__all__ = ["Judgement", "Policy", "SafetyGate", "load_score", "neutralise"]
