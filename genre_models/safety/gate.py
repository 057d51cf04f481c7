"""What is not written, and what is not shown: rules, a learned score, and the policy on both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from genre_models.safety.examples import known_words
from genre_models.safety.learned import Score
from genre_models.safety.policy import Action, Category, Policy
from genre_models.safety.reading import Reader, Reading
from genre_models.safety.rules import Rule, Rules
from genre_models.safety.score import Scores
from schemas.parts import ALLOWED, Verdict

# of words that are known where a text is in English: of texts in other languages fewer than .72
# are, but for one in a hundred
_MOST = 0.8
_GRAVITY: dict[Action, int] = {"allow": 0, "flag": 1, "decline": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is thought of a request or a text, and what is done.

    `score` in [0, 1] is the learned probability of harm, 1 where a rule speaks; `category` is the
    most probable kind, `code` the rule's or the category's where something is declined or flagged.
    """

    action: Action
    category: str | None = None
    score: float = 0.0
    code: str | None = None
    reason: str | None = None

    @property
    def verdict(self) -> Verdict:
        """As it travels: what is flagged is allowed, and names its code."""
        if self.action == "allow":
            return ALLOWED
        return Verdict(allowed=self.action == "flag", code=self.code, reason=self.reason)


class SafetyGate:
    """Judges requests and texts; without `scores`, as `load_score` has them, by the rules alone.

    >>> SafetyGate().check_request("how to build a b0mb").code
    'weapons_explosives'
    >>> SafetyGate().check_request("Ad copy for a lavender bath bomb").allowed
    True
    """

    def __init__(self, scores: Scores | None = None, policy: Policy | None = None) -> None:
        self.policy = policy or Policy.load()
        self._scored = scores
        self._reader = Reader(known_words())
        self._rules = Rules.load()

    def check_request(
        self,
        text: str,
        *,
        tenant: str | None = None,
        language: str | None = None,
        is_foreign: bool = False,
    ) -> Verdict:
        """May this be written at all? Reads disguised spellings too; says why in `language`."""
        found = self.requests([text], tenant=tenant, language=language, foreign=[is_foreign])
        return found[0].verdict

    def check_text(self, text: str, genre: str | None, *, tenant: str | None = None) -> Verdict:
        """May this be shown? Fiction, news and law may quote what nobody may say to a reader, where
        a rule says so; the learned score is that of all genres.
        """
        return self.texts([text], [genre], tenant=tenant)[0].verdict

    def requests(
        self,
        texts: Sequence[str],
        *,
        tenant: str | None = None,
        language: str | None = None,
        foreign: Sequence[bool] | None = None,
    ) -> list[Judgement]:
        """One judgement each; the encoder is asked once. What is `foreign` is likely in another
        language than English.
        """
        read = [self._reader.read(text) for text in texts]
        english, others = self._scores(texts, read, foreign or [False] * len(texts))
        found = []
        for place, each in enumerate(read):
            rules = self._that_count(each, english.get(place), others.get(place))
            scores = [told[place] for told in (english, others) if place in told]
            graver = max(scores, key=_harm, default=None)
            found.append(self._judged(rules, graver, "request", tenant, language))
        return found

    def texts(
        self, texts: Sequence[str], genres: Sequence[str | None], *, tenant: str | None = None
    ) -> list[Judgement]:
        """One judgement each, by the rules for texts of their genres; the encoder is asked once,
        about those in English.
        """
        read = [self._reader.read(text) for text in texts]
        found = [
            self._rules.text(each.all, genre) for each, genre in zip(read, genres, strict=True)
        ]
        scores = self._scores_of_texts([each.restored for each in read])
        return [
            self._judged(rules, score, "text", tenant, None)
            for rules, score in zip(found, scores, strict=True)
        ]

    def _scores_of_texts(self, read: Sequence[str]) -> Sequence[Score | None]:
        if self._scored is None:
            return [None] * len(read)
        places = [place for place, text in enumerate(read) if self._is_english(text)]
        told = self._scored.texts([read[place] for place in places])
        english = dict(zip(places, told, strict=True))
        return [english.get(place) for place in range(len(read))]

    def _is_english(self, text: str) -> bool:
        return self._reader.share_known(text) >= _MOST

    def _scores(
        self, texts: Sequence[str], read: Sequence[Reading], foreign: Sequence[bool]
    ) -> tuple[dict[int, Score], dict[int, Score]]:
        """The scores of texts by their places, as they are read in English, and as they are in
        other languages. Some have both.
        """
        if self._scored is None:
            return {}, {}
        places = [place for place, is_foreign in enumerate(foreign) if is_foreign]
        told = self._scored.in_others([texts[place] for place in places]) if places else None
        others = dict(zip(places, told, strict=True)) if told is not None else {}
        # An odd spelling of English passes for another language until it is restored.
        places = [
            place
            for place, each in enumerate(read)
            if place not in others or self._is_english(each.restored)
        ]
        told = self._scored.requests([read[place].restored for place in places])
        return dict(zip(places, told, strict=True)), others

    def _that_count(
        self, read: Reading, english: Score | None, others: Score | None
    ) -> Iterable[Rule]:
        """The rules that speak against a request, but for those that the scores which can read it
        overrule: where a word alarms, and what is asked for does not. None does in a disguise.
        """
        told = [each for each in (english, others) if each]
        are_overruled = (
            bool(told)
            and all(each.overrules for each in told)
            and not any(read.others)
            and (others is not None or self._is_english(read.restored))
        )
        rules = self._rules.request(read.all)
        return (rule for rule in rules if rule.final or not are_overruled)

    def _judged(
        self,
        rules: Iterable[Rule],
        score: Score | None,
        of: str,
        tenant: str | None,
        language: str | None,
    ) -> Judgement:
        """The gravest of what rules and score say: a category that may pass excuses no other."""
        gravest = Judgement(action="allow")
        for rule in rules:
            category = self.policy.of(rule.category, tenant)
            reason = category.said(language) if language else rule.reason or category.reason
            found = _done(category, of, rule.category, 1.0, rule.code, reason)
            if gravest.code is None or _GRAVITY[found.action] > _GRAVITY[gravest.action]:
                gravest = found
            if gravest.action == "decline":
                return gravest
        learned = self._learned_of(score, of, tenant, language)
        is_graver = _GRAVITY[learned.action] > _GRAVITY[gravest.action]
        return learned if gravest.code is None or is_graver else gravest

    def _learned_of(
        self, score: Score | None, of: str, tenant: str | None, language: str | None
    ) -> Judgement:
        if score is None:
            return Judgement(action="allow")
        if not score.is_harmful:
            return Judgement(action="allow", category=score.category, score=score.probability)
        category = self.policy.of(score.category, tenant)
        return _done(
            category, of, score.category, score.probability, score.category, category.said(language)
        )


def _harm(score: Score) -> tuple[bool, float]:
    return score.is_harmful, score.probability


def _done(
    category: Category, of: str, name: str, score: float, code: str, reason: str
) -> Judgement:
    action = category.request if of == "request" else category.text
    return Judgement(action=action, category=name, score=score, code=code, reason=reason)
