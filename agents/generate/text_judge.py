"""Which of the drafts of an arm is shown, and what is said of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from agents.genres.classifiers import Classifiers
from genre_models.encoder import Encoder, dequantise
from genre_models.endings import ANY, Ended, Ending, ended
from genre_models.engine import Finished
from genre_models.judging import Answer, Judge, Judgement
from genre_models.projection import project
from genre_models.safety import SafetyGate
from genre_models.text_quality import NEAR_DUPLICATE, quality, shingles, similarity
from schemas.candidates import Candidate
from schemas.generations import ArmTask, GenerationTask
from schemas.parts import Failure, Verdict

_USUAL: Mapping[int, Ending] = MappingProxyType({})
_ENDED = ("stop", "length")
_CUT = ("length", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One of an arm's texts as it would be shown, its embedding, and what is thought of it."""

    number: int
    end: Finished
    shown: Ended
    embedding: NDArray[np.float32]
    likeness: float
    judgement: Judgement
    verdict: Verdict

    @property
    def worth(self) -> tuple[bool, bool, bool, float]:
        """What is shown rather than another: ended, allowed, whole, then what the ranker adds."""
        text = self.shown.text
        return (
            self.end.reason in _ENDED and bool(text.strip()),
            self.verdict.allowed,
            not self.shown.broken_off,
            quality(
                text,
                self.end.logprob,
                self.likeness,
                self.shown.broken_off,
                self.judgement.probability,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TextJudge:
    """Says how good texts are, whether of their genre, where they lie, and what may be shown."""

    encoder: Encoder
    classifiers: Classifiers
    gate: SafetyGate
    judge: Judge

    def candidates(
        self,
        task: GenerationTask,
        drafts: Mapping[int, Sequence[Finished]],
        endings: Mapping[int, Ending] = _USUAL,
    ) -> tuple[Candidate, ...]:
        """One candidate an arm, in the arms' order, brought to its end: the best of its drafts.

        `drafts` are at least one of each arm, by its index. A draft that nearly repeats an earlier
        arm's candidate is taken only where there is no other. `endings` are those of the arms'
        genres by index, `ANY` where there is none.
        """
        told = self._told(task, drafts, endings)
        taken: list[frozenset[str]] = []
        candidates = []
        for arm in task.arms:
            best = max(told[arm.index], key=lambda draft: _rank(draft, taken))
            taken.append(shingles(best.shown.text))
            candidates.append(_candidate(arm, best))
        return tuple(candidates)

    def _told(
        self,
        task: GenerationTask,
        drafts: Mapping[int, Sequence[Finished]],
        endings: Mapping[int, Ending],
    ) -> Mapping[int, list[Draft]]:
        """All drafts by the index of their arm; what has no embedding yet is encoded together."""
        rows = [
            (arm, number, end) for arm in task.arms for number, end in enumerate(drafts[arm.index])
        ]
        shown = [
            ended(
                end.text, endings.get(arm.index, ANY), is_cut=end.reason not in ("stop", "failed")
            )
            for arm, _, end in rows
        ]
        texts = [each.text for each in shown]
        asked = [arm.prompt or task.prompt for arm, _, _ in rows]
        known = {} if task.embedding is None else {task.prompt: dequantise(task.embedding)}
        unknown = [each for each in dict.fromkeys(asked) if each not in known]
        encoded = self.encoder.encode([*unknown, *texts])
        known |= zip(unknown, encoded, strict=False)
        embeddings = encoded[len(unknown) :]
        answers = [
            Answer(request=request, text=each.text, broken_off=each.broken_off)
            for request, each in zip(asked, shown, strict=True)
        ]
        judgements = self.judge.judged(
            answers, np.stack([known[request] for request in asked]), embeddings
        )
        safe = self.gate.texts(texts, [arm.genre for arm, _, _ in rows], tenant=task.tenant)
        classifier = self.classifiers.of(task.tenant)
        told: defaultdict[int, list[Draft]] = defaultdict(list)
        for (arm, number, end), text, embedding, judgement, safety in zip(
            rows, shown, embeddings, judgements, safe, strict=True
        ):
            genre = arm.genre
            draft = Draft(
                number=number,
                end=end,
                shown=text,
                embedding=embedding,
                likeness=classifier.text_probability(embedding, genre) if genre else 0.0,
                judgement=judgement,
                verdict=safety.verdict,
            )
            told[arm.index].append(draft)
        return told


def _rank(draft: Draft, taken: Sequence[frozenset[str]]) -> tuple[bool, bool, bool, bool, float]:
    grams = shingles(draft.shown.text)
    is_new = all(similarity(grams, other) < NEAR_DUPLICATE for other in taken)
    has_ended, is_allowed, is_whole, worth = draft.worth
    return has_ended, is_allowed, is_whole, is_new, worth


def _candidate(arm: ArmTask, draft: Draft) -> Candidate:
    end, judgement = draft.end, draft.judgement
    return Candidate(
        index=arm.index,
        text=draft.shown.text,
        finish=end.reason,
        logprob=min(end.logprob, 0.0),
        tokens=end.tokens_out,
        trimmed=draft.shown.trimmed,
        broken_off=draft.shown.broken_off,
        projection=tuple(float(value) for value in project(draft.embedding)),
        text_probability=draft.likeness,
        judged=judgement.probability,
        remarks=", ".join(judgement.remarks),
        draft=draft.number,
        verdict=draft.verdict,
        failure=Failure(code=end.code, message=end.message or "") if end.code else None,
    )
