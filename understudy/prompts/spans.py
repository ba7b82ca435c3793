"""The words of an exchange about spans: how they are said to a model, and which spans its answer means.

Three forms: the text repeated with ``<TYPE>...</TYPE>`` around each span; JSON with quote, type and the number of the
place (``{"entities": [{"text": "May", "type": "person", "occurrence": 2}]}``); and LLMaAA's
``[{"span": "May", "type": "person"}]``, which has an object for each place, in the order of the text.

A span that has no certain place in the text is left out, counted in the answer's reason and, where it can be told in
which stretch it would lie, kept as uncertain; it is never put somewhere. That there are no spans is believed only of an
answer that says so (``none``, an empty list): the bare text, or an answer of which no span has a place, is `unparsed`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from understudy.codebook import Codebook, Task
from understudy.prompts.alignment import Alignment, Folded, align, fold_text, places
from understudy.prompts.parse import TEACHER_UNSURE, UnreadableError, layers, loaded
from understudy.prompts.shown import Shown
from understudy.prompts.vocabulary import UNSURE, Vocabulary, vocabulary_of
from understudy.records import Answer, Outcome, Span

SpanFormat = Literal["tags", "json", "llmaaa"]
SPAN_FORMATS: tuple[SpanFormat, ...] = ("tags", "json", "llmaaa")

NOT_REPEATED = "it does not repeat the text with tags"
NO_TAGS = "it repeats the text without a tag and does not say that there is no span"
NOT_A_LIST = "it is not the JSON that was asked for"
NOTHING_PLACED = "none of its spans has a certain place in the text"

FOREIGN = "not in the text"
AMBIGUOUS = "at several places"
OTHER_TYPE = "of no type of the codebook"
TWO_TYPES = "with two types"
OVERLAPPING = "overlapping another"
OPEN_TAG = "without its other tag"
CHANGED = "quoted with a change"
MALFORMED = "not in the form asked for"

AT_ANOTHER = "another place of one that is counted already"
BLANK = "of white space"

INNERMOST = 2
"""The last of `layers`; only there may a text be repeated with changes."""

_TAG = re.compile(r"<(/?)([^<>/\n]{1,100})>")
_ECHO = re.compile(r"<text (\w+)>\n(.*)\n</text \1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Claim:
    """A span that an answer names: a stretch of the shown text, empty if unknown; `problem` is why it is left out."""

    label: str
    start: int = 0
    end: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Reading:
    """All that an answer names, and how it was laid on the text; `how` is "" if it was exact."""

    claims: tuple[Claim, ...]
    how: str = ""


def tag_of(vocabulary: Vocabulary, label: str) -> str:
    """The word in a label's tags: its spoken name, or its number where that would be no tag."""
    spoken = vocabulary.spoken[label]
    return spoken if _TAG.fullmatch(f"<{spoken}>") else f"type {1 + list(vocabulary.spoken).index(label)}"


@lru_cache(maxsize=256)
def look_alikes(codebook: Codebook) -> re.Pattern[str]:
    """Finds the tags of a codebook's types in a text, in any case, with any white space."""
    vocabulary = vocabulary_of(codebook)
    words = {*vocabulary.spoken.values(), *vocabulary.spoken, *(tag_of(vocabulary, each) for each in vocabulary.spoken)}
    return re.compile(rf"<\s*/?\s*(?:{'|'.join(map(re.escape, sorted(words)))})\s*>", re.IGNORECASE)


def say_spans(task: Task, shown: Shown, spans: Iterable[Span], span_format: SpanFormat, *, is_structured: bool) -> str:
    """The answer that a model should give for these spans of a text."""
    vocabulary = vocabulary_of(task.codebook)
    stretches = [(*shown.stretch(span), span.label) for span in spans]
    seen = sorted(((start, end, label) for start, end, label in stretches if start < end), key=_outermost_first)
    if span_format == "tags":
        return _tagged(vocabulary, shown.text, seen) if seen else vocabulary.nothing
    objects = [_object(vocabulary, shown, stretch, span_format) for stretch in seen]
    if is_structured:
        return json.dumps({"entities": objects, UNSURE: False}, ensure_ascii=False)
    return json.dumps({"entities": objects} if span_format == "json" else objects, ensure_ascii=False)


def read_spans(task: Task, shown: Shown, reply: str, span_format: SpanFormat) -> Answer:
    """The answer in a reply about a text, as this module's opening says; never raises because of the reply.

    Returns
    -------
    `labelled` with spans of the stored text, sorted, each quoting it; `abstained`; or `unparsed` with the reason.
    """
    reader = _read_tags if span_format == "tags" else _read_json
    reason = ""
    try:
        for depth, body in enumerate(layers(reply)):
            is_strict = depth < INNERMOST
            found = _plain_word(task, body) or reader(task, shown, body, span_format, is_strict=is_strict)
            if isinstance(found, Answer):
                return found
            if isinstance(found, Reading):
                return _concluded(task, shown, found)
            reason = found
    except UnreadableError as exc:
        reason = str(exc)
    return Answer(Outcome.UNPARSED, reason=reason)


def _plain_word(task: Task, body: str) -> Answer | None:
    vocabulary = vocabulary_of(task.codebook)
    word = body.strip("`\"'* ")
    if vocabulary.is_unsure(word):
        return Answer(Outcome.ABSTAINED, reason=TEACHER_UNSURE)
    return Answer(Outcome.LABELLED, ()) if vocabulary.is_nothing(word) else None


# Inline tags.


@dataclass
class _Untagged:
    """An answer without its tags, and the claims that they make about it."""

    text: str = ""
    claims: list[Claim] = field(default_factory=list)
    unpaired: list[tuple[str, int, int]] = field(default_factory=list)
    edges: list[int] = field(default_factory=list)

    def tag(self, word: str, label: str, *, is_end: bool) -> None:
        """A tag behind the text so far; closes the last one of its kind that is open."""
        at = len(self.text)
        self.edges.append(at)
        is_open = [i for i, (other, _, side) in enumerate(self.unpaired) if other == (label or word) and side == 1]
        if not is_end or not is_open:
            self.unpaired.append((label or word, at, -1 if is_end else 1))
            return
        _, start, _ = self.unpaired.pop(is_open[-1])
        self.claims.append(Claim(label, start, at, "" if label else OTHER_TYPE))

    def close(self, labels: Collection[str]) -> None:
        """A tag without its other one: the span lies between it and the next tag or line."""
        for name, at, side in self.unpaired:
            if name in labels:
                self.claims.append(Claim(name, *self._reach(at, side), OPEN_TAG))
            else:
                self.claims.append(Claim("", at, at, OTHER_TYPE))

    def _reach(self, at: int, side: int) -> tuple[int, int]:
        if side < 0:
            return max([edge for edge in self.edges if edge < at] + [self.text.rfind("\n", 0, at) + 1]), at
        line = self.text.find("\n", at)
        return at, min([edge for edge in self.edges if edge > at] + [len(self.text) if line < 0 else line])


def _read_tags(task: Task, shown: Shown, body: str, _format: SpanFormat, *, is_strict: bool) -> Reading | str:
    echo = _ECHO.fullmatch(body)
    said = _untagged(vocabulary_of(task.codebook), shown.text, body if echo is None else echo[2])
    alignment = align(shown.text, said.text, is_strict=is_strict or shown.is_disguised)
    if alignment is None:
        return NOT_REPEATED
    if not said.claims:
        return NO_TAGS
    return Reading(tuple(_placed(alignment, claim) for claim in said.claims), _how(alignment))


def _untagged(vocabulary: Vocabulary, text: str, body: str) -> _Untagged:
    """Takes out tags with a type's name, and those of other names unless the text itself has them."""
    said, done = _Untagged(), 0
    by_tag = {tag_of(vocabulary, label).casefold(): label for label in vocabulary.spoken}
    for found in _TAG.finditer(body):
        word = found[2].strip().casefold()
        label = by_tag.get(word) or vocabulary.label_of(word) or ""
        if not label and found[0] in text:
            continue
        said.text += body[done : found.start()]
        said.tag(word, label, is_end=bool(found[1]))
        done = found.end()
    said.text += body[done:]
    said.close(vocabulary.spoken.keys())
    return said


def _placed(alignment: Alignment, claim: Claim) -> Claim:
    """A claim about what was said, as one about the text."""
    place = None if claim.problem else alignment.place(claim.start, claim.end)
    if place is not None:
        return replace(claim, start=place[0], end=place[1])
    start, end = alignment.around(claim.start, claim.end)
    return replace(claim, start=start, end=end, problem=claim.problem or CHANGED)


def _how(alignment: Alignment) -> str:
    if alignment.is_exact:
        return ""
    if alignment.similarity == 1.0:
        return "the text was repeated in another form"
    return f"the text was repeated with changes ({alignment.similarity:.1%} of its characters match)"


def _tagged(vocabulary: Vocabulary, text: str, stretches: Sequence[tuple[int, int, str]]) -> str:
    """The text with tags; of stretches that begin together the longer one is outside."""
    marks: list[tuple[int, int, int, str]] = []
    for order, (start, end, label) in enumerate(stretches):
        tag = tag_of(vocabulary, label)
        marks += [(start, 1, order, f"<{tag}>"), (end, 0, -order, f"</{tag}>")]
    parts, done = [], 0
    for at, _, _, mark in sorted(marks):
        parts += [text[done:at], mark]
        done = at
    return "".join([*parts, text[done:]])


# JSON.


def _read_json(
    task: Task,
    shown: Shown,
    body: str,
    span_format: SpanFormat,
    *,
    is_strict: bool,  # noqa: ARG001
) -> Reading | Answer | str:
    found = loaded(body) if body.startswith(("{", "[")) else None
    if isinstance(found, dict) and found.get(UNSURE) is True:
        return Answer(Outcome.ABSTAINED, reason=TEACHER_UNSURE)
    items = found.get("entities") if isinstance(found, dict) else found
    if not isinstance(items, list):
        return NOT_A_LIST
    if not items:
        return Answer(Outcome.LABELLED, ())
    quotes = _Quotes(vocabulary_of(task.codebook), shown)
    if span_format == "json":
        return quotes.reading([quotes.numbered(item) for item in items])
    return quotes.reading(quotes.in_order(items))


class _Quotes:
    """Finds the places of quoted spans in one text."""

    def __init__(self, vocabulary: Vocabulary, shown: Shown) -> None:
        self._vocabulary = vocabulary
        self._shown = shown
        self._folded = fold_text(shown.text)
        self._n_other_forms = 0

    def reading(self, claims: Iterable[Iterable[Claim]]) -> Reading:
        """All claims together."""
        together = tuple(claim for some in claims for claim in some)
        n = self._n_other_forms
        return Reading(together, f"{n} quoted in another form than the text's" if n else "")

    def numbered(self, item: object) -> Iterator[Claim]:
        """The claim of one object with the number of its place."""
        quote, label, number = self._parts(item, "text")
        found = self._places(quote)
        if not found or not label:
            yield from self._left_out(quote, label, found)
        elif len(found) == 1:
            yield Claim(label, *found[0])
        elif isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= len(found):
            yield Claim(label, *found[number - 1])
        else:
            yield from doubtful_claims(label, found, AMBIGUOUS)

    def in_order(self, items: Sequence[object]) -> Iterator[Iterator[Claim]]:
        """The claims of objects that name each place in the order of the text."""
        by_quote: dict[str | None, list[str]] = {}
        for item in items:
            quote, label, _ = self._parts(item, "span")
            by_quote.setdefault(quote, []).append(label)
        for quote, labels in by_quote.items():
            yield self._one_for_each(quote, labels, self._places(quote))

    def _one_for_each(self, quote: str | None, labels: Sequence[str], found: list[tuple[int, int]]) -> Iterator[Claim]:
        if not found:
            for label in labels:
                yield from self._left_out(quote, label, found)
        elif len(labels) == len(found) or (len(found) == 1 and len(set(labels)) == 1):
            for label, place in zip(labels, found, strict=False):
                yield Claim(label, *place, "" if label else OTHER_TYPE)
        else:
            problem = AMBIGUOUS if len(found) > 1 else TWO_TYPES
            yield from doubtful_claims(labels[0], found, problem)
            yield from (Claim(label, problem=problem) for label in labels[1:])

    def _parts(self, item: object, key: str) -> tuple[str | None, str, Any]:
        """Quote, label and number; no quote if it is not in the form asked for, no label if it is none of ours."""
        if not isinstance(item, dict):
            return None, "", None
        quote = item.get(key, item.get("span" if key == "text" else "text"))
        kind = item.get("type")
        label = self._vocabulary.label_of(kind) if isinstance(kind, str) else None
        return (quote.strip() or None) if isinstance(quote, str) else None, label or "", item.get("occurrence")

    def _places(self, quote: str | None) -> list[tuple[int, int]]:
        if quote is None:
            return []
        found, is_exact = places(self._shown.text, self._folded, quote)
        self._n_other_forms += bool(found) and not is_exact
        return found

    def _left_out(self, quote: str | None, label: str, found: list[tuple[int, int]]) -> Iterator[Claim]:
        if quote is None or not found:
            yield Claim(label, problem=MALFORMED if quote is None else FOREIGN)
        else:
            yield from doubtful_claims(label, found, OTHER_TYPE)


def doubtful_claims(label: str, found: Sequence[tuple[int, int]], problem: str) -> Iterator[Claim]:
    """One claim left out; all the places that it may mean are in doubt."""
    yield Claim(label, *found[0], problem)
    yield from (Claim(label, *place, problem=AT_ANOTHER) for place in found[1:])


def _object(
    vocabulary: Vocabulary, shown: Shown, stretch: tuple[int, int, str], span_format: SpanFormat
) -> dict[str, object]:
    start, end, label = stretch
    quote = shown.text[start:end]
    if span_format == "llmaaa":
        return {"span": quote, "type": vocabulary.spoken[label]}
    found, _ = places(shown.text, _folded(shown.text), quote)
    number = found.index((start, end)) + 1 if (start, end) in found else 1
    return {"text": quote, "type": vocabulary.spoken[label], "occurrence": number}


@lru_cache(maxsize=64)
def _folded(text: str) -> Folded:
    return fold_text(text)


# From claims to an answer.


def _concluded(task: Task, shown: Shown, reading: Reading) -> Answer:
    return conclude_spans(
        task, shown.original, replace(reading, claims=tuple(_stored(shown, c) for c in reading.claims))
    )


def conclude_spans(task: Task, text: str, reading: Reading) -> Answer:
    """The answer that claims about a stored text make: without those that cannot be, or contradict one another."""
    claims = _settled(reading.claims, is_nested=task.codebook.nested)
    spans = {_span(text, claim) for claim in claims if not claim.problem}
    doubtful = {_span(text, claim) for claim in claims if claim.problem and claim.start < claim.end} - spans
    reason = "; ".join(filter(None, [reading.how, _left_out(claims)]))
    if not spans:
        return Answer(Outcome.UNPARSED, reason="; ".join([NOTHING_PLACED, reason]))
    uncertain = tuple(sorted(doubtful, key=lambda span: (span.start, span.end, span.label)))
    return Answer(Outcome.LABELLED, task.check(tuple(spans)), reason=reason, uncertain=uncertain)


def _stored(shown: Shown, claim: Claim) -> Claim:
    """A claim about the shown text, as one about the stored text, without outer white space."""
    span = shown.span(claim.start, claim.end, claim.label)
    if span is None:
        return replace(claim, start=0, end=0, problem=claim.problem or BLANK)
    return replace(claim, start=span.start, end=span.end)


def _settled(claims: Sequence[Claim], *, is_nested: bool) -> list[Claim]:
    """What contradicts itself is left out: two types at one place and, unless spans may overlap, those that do.

    Of two spans one of which holds the other, a codebook without overlaps keeps the outer one.
    """
    certain = list(dict.fromkeys(claim for claim in claims if not claim.problem))
    kinds = Counter((claim.start, claim.end) for claim in certain)
    problems = {c: TWO_TYPES for c in certain if kinds[c.start, c.end] > 1 and not is_nested}
    if not is_nested:
        rest = [claim for claim in certain if claim not in problems]
        problems |= {claim: OVERLAPPING for claim in rest if any(_gives_way(claim, other) for other in rest)}
    left_out = [claim for claim in claims if claim.problem]
    return [replace(claim, problem=problems.get(claim, "")) for claim in certain] + left_out


def _gives_way(claim: Claim, other: Claim) -> bool:
    if claim == other or claim.end <= other.start or other.end <= claim.start:
        return False
    return not (claim.start <= other.start and other.end <= claim.end)


def _span(text: str, claim: Claim) -> Span:
    return Span(claim.start, claim.end, claim.label, text[claim.start : claim.end])


def _left_out(claims: Sequence[Claim]) -> str:
    counted = [claim for claim in claims if claim.problem != AT_ANOTHER]
    problems = Counter(claim.problem for claim in counted if claim.problem)
    found = ", ".join(f"{n} {problem}" for problem, n in sorted(problems.items()))
    return f"{problems.total()} of {len(counted)} spans left out ({found})" if problems else ""


def _outermost_first(stretch: tuple[int, int, str]) -> tuple[int, int, str]:
    start, end, label = stretch
    return start, -end, label
