"""How much a written text reads like its genre, where it lies, and whether it may be shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.genres.classifiers import Classifiers
from genre_models.classification.classifier import Classifier
from genre_models.encoder import Encoder
from genre_models.engine import Finished
from genre_models.projection import project
from genre_models.safety import SafetyGate
from schemas.candidates import Candidate
from schemas.generations import ArmTask, GenerationTask
from schemas.parts import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class TextJudge:
    """Says how much a text reads like its genre, where it lies, and whether it may be shown."""

    encoder: Encoder
    classifiers: Classifiers
    gate: SafetyGate

    def candidates(self, task: GenerationTask, ends: dict[int, Finished]) -> tuple[Candidate, ...]:
        """One candidate an arm, in the arms' order."""
        embeddings = self.encoder.encode([ends[arm.index].text for arm in task.arms])
        classifier = self.classifiers.of(task.tenant)
        return tuple(
            self._candidate(arm, ends[arm.index], embedding, classifier)
            for arm, embedding in zip(task.arms, embeddings, strict=True)
        )

    def _candidate(
        self, arm: ArmTask, end: Finished, embedding: NDArray[np.float32], classifier: Classifier
    ) -> Candidate:
        likeness = classifier.text_probability(embedding, arm.genre) if arm.genre else 0.0
        return Candidate(
            index=arm.index,
            text=end.text,
            finish=end.reason,
            logprob=min(end.logprob, 0.0),
            tokens=end.tokens_out,
            projection=tuple(float(value) for value in project(embedding)),
            text_probability=likeness,
            verdict=self.gate.check_text(end.text, arm.genre),
            failure=Failure(code=end.code, message=end.message or "") if end.code else None,
        )
