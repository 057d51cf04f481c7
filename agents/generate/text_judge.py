"""How much a written text reads like its genre, where it lies, and whether it may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from agents.genres.classifiers import Classifiers
from genre_models.classification.classifier import Classifier
from genre_models.encoder import Encoder
from genre_models.endings import ANY, Ended, Ending, ended
from genre_models.engine import Finished
from genre_models.projection import project
from genre_models.safety import SafetyGate
from schemas.candidates import Candidate
from schemas.generations import ArmTask, GenerationTask
from schemas.parts import Failure

_USUAL: Mapping[int, Ending] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class TextJudge:
    """Says how much a text reads like its genre, where it lies, and whether it may be shown."""

    encoder: Encoder
    classifiers: Classifiers
    gate: SafetyGate

    def candidates(
        self,
        task: GenerationTask,
        ends: Mapping[int, Finished],
        endings: Mapping[int, Ending] = _USUAL,
    ) -> tuple[Candidate, ...]:
        """One candidate an arm, in the arms' order, brought to its end.

        `endings` are those of the arms' genres by index, `ANY` where there is none.
        """
        texts = [
            ended(
                ends[arm.index].text,
                endings.get(arm.index, ANY),
                is_cut=ends[arm.index].reason == "length",
            )
            for arm in task.arms
        ]
        embeddings = self.encoder.encode([each.text for each in texts])
        classifier = self.classifiers.of(task.tenant)
        return tuple(
            self._candidate(arm, ends[arm.index], text, embedding, classifier)
            for arm, text, embedding in zip(task.arms, texts, embeddings, strict=True)
        )

    def _candidate(
        self,
        arm: ArmTask,
        end: Finished,
        shown: Ended,
        embedding: NDArray[np.float32],
        classifier: Classifier,
    ) -> Candidate:
        likeness = classifier.text_probability(embedding, arm.genre) if arm.genre else 0.0
        return Candidate(
            index=arm.index,
            text=shown.text,
            finish=end.reason,
            logprob=min(end.logprob, 0.0),
            tokens=end.tokens_out,
            trimmed=shown.trimmed,
            broken_off=shown.broken_off,
            projection=tuple(float(value) for value in project(embedding)),
            text_probability=likeness,
            verdict=self.gate.check_text(shown.text, arm.genre),
            failure=Failure(code=end.code, message=end.message or "") if end.code else None,
        )
