"""What a careful colleague would notice in pool and gold before anything is spent; changes nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from understudy.corpus.duplicates import find_duplicates, find_near_duplicates
from understudy.corpus.gold import GoldLedger
from understudy.corpus.text import hidden_characters, is_blank, looks_misread, same_text_key
from understudy.records import Document, Role, Span, Value
from understudy.settings import DataSettings

Level = Literal["ok", "note", "warning", "error"]
MAX_EXAMPLES = 5
FEW_EXAMPLES = 3
FEW_TEST_TEXTS = 100
EXCERPT_CHARACTERS = 60
SMUGGLING = frozenset({"tag character", "run of variation selectors", "replacement character"})


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One remark: how grave, what, and a few examples."""

    level: Level
    title: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Corpus:
    pool: Sequence[Document]
    gold: Sequence[Document]
    ledger: GoldLedger
    labels: Sequence[str]
    data: DataSettings

    @property
    def everything(self) -> list[Document]:
        return [*self.pool, *self.gold]


def check_corpus(
    pool: Sequence[Document], gold: Sequence[Document], ledger: GoldLedger, labels: Sequence[str], data: DataSettings
) -> tuple[CheckFinding, ...]:
    """Remarks on the texts, the ids, the labels and the split.

    Parameters
    ----------
    pool, gold : all documents; gold documents without a value are counted and otherwise left out.
    ledger : the split of `gold`.
    labels : the codebook's, in its order.
    data : for the limit of overlong texts.

    Returns
    -------
    tuple of CheckFinding
        In the order of reading: sizes, texts, ids, duplicates, labels, groups. `error` findings make results wrong,
        `warning` ones may, `note` ones are to be known. Examples are at most 5 a finding.
    """
    corpus = _Corpus(pool, gold, ledger, labels, data)
    return tuple(finding for check in _CHECKS for finding in check(corpus))


def _sizes(corpus: _Corpus) -> Iterator[CheckFinding]:
    sizes = {role: len(corpus.ledger.documents(role)) for role in Role}
    split = ", ".join(f"{role} {size:,}" for role, size in sizes.items())
    yield CheckFinding("ok", f"{len(corpus.pool):,} pool texts, {len(corpus.ledger.gold):,} gold texts ({split})")
    unlabelled = [document for document in corpus.gold if document.value is None]
    if unlabelled:
        yield _on_documents("note", "gold texts without a human label, left out", unlabelled)
    if corpus.ledger.shares_demo_dev:
        yield CheckFinding("note", "demo and dev are one set: what is tuned on dev has seen the demonstrations")
    for role in (Role.DEMO, Role.DEV):
        if not sizes[role]:
            yield CheckFinding("warning", f"no gold text has the role {role}")
    if sizes[Role.TEST] < FEW_TEST_TEXTS:
        yield CheckFinding("note", f"{sizes[Role.TEST]} test texts: every interval will be wide")


def _texts(corpus: _Corpus) -> Iterator[CheckFinding]:
    for name, documents in (("pool", corpus.pool), ("gold", corpus.gold)):
        blank = [document for document in documents if is_blank(document.text)]
        overlong = [document for document in documents if len(document.text) > corpus.data.max_characters]
        if blank:
            yield _on_documents("warning", f"blank {name} texts, to be skipped", blank)
        if overlong:
            limit = f"longer than {corpus.data.max_characters:,} characters (data.overlong: {corpus.data.overlong})"
            yield _on_documents("warning", f"{name} texts {limit}", overlong)


def _hidden(corpus: _Corpus) -> Iterator[CheckFinding]:
    by_kind: defaultdict[str, list[Document]] = defaultdict(list)
    for document in corpus.everything:
        for kind in hidden_characters(document.text):
            by_kind[kind].append(document)
    for kind, documents in by_kind.items():
        yield _on_documents("warning" if kind in SMUGGLING else "note", f"texts with a {kind}", documents)
    misread = [document for document in corpus.everything if looks_misread(document.text)]
    if misread:
        yield _on_documents("warning", "texts that look misread, as UTF-8 opened as Windows-1252", misread)


def _ids(corpus: _Corpus) -> Iterator[CheckFinding]:
    gold = {document.id: document for document in corpus.gold}
    shared = [document for document in corpus.pool if document.id in gold]
    differing = [document for document in shared if gold[document.id].text != document.text]
    if differing:
        yield _on_documents("error", "pool documents with the id of a gold document but another text", differing)
    alike: defaultdict[str, set[str]] = defaultdict(set)
    for document in corpus.everything:
        alike[_folded_id(document.id)].add(document.id)
    confusable = [", ".join(f"`{name}`" for name in sorted(ids)) for ids in alike.values() if len(ids) > 1]
    if confusable:
        yield _finding("note", f"sets of ids that differ only by case or zeros: {len(confusable):,}", confusable)


def _folded_id(identifier: str) -> str:
    folded = identifier.strip().casefold()
    return (folded.removesuffix(".0").lstrip("0") or "0") if folded.replace(".", "", 1).isdecimal() else folded


def _repeated(corpus: _Corpus) -> Iterator[CheckFinding]:
    for name, documents in (("pool", corpus.pool), ("gold", corpus.gold)):
        same = find_duplicates(documents)
        if same:
            title = f"{name} texts that stand more than once: {len(same):,} ({sum(map(len, same)):,} documents)"
            yield _finding("note", title, map(_together, same))
    differing = [same for same in find_duplicates(corpus.ledger.gold) if len({d.value for d in same}) > 1]
    if differing:
        title = f"gold texts that stand more than once with different labels: {len(differing):,}"
        yield _finding("warning", title, map(_together_with_values, differing))


def _leaks(corpus: _Corpus) -> Iterator[CheckFinding]:
    by_text = {same_text_key(document.text): document for document in corpus.ledger.gold}
    known = [document for document in corpus.pool if same_text_key(document.text) in by_text]
    judged = [d for d in known if corpus.ledger.role_of(by_text[same_text_key(d.text)].id) is Role.TEST]
    if known:
        counts = f"{len(known):,}, in test {len(judged):,}"
        title = f"pool texts that also stand in gold: {counts}; they must not be learned from"
        yield _finding("warning" if judged else "note", title, map(_named, judged or known))
    if corpus.ledger.moved:
        title = (
            f"documents that follow an equal text into its role, against the role column: {len(corpus.ledger.moved):,}"
        )
        moved = (f"`{name}` is {corpus.ledger.role_of(name)}" for name in corpus.ledger.moved)
        yield _finding("warning", title, moved)


def _near_leaks(corpus: _Corpus) -> Iterator[CheckFinding]:
    ledger = corpus.ledger
    learned = [*ledger.documents(Role.DEMO), *(() if ledger.shares_demo_dev else ledger.documents(Role.DEV))]
    for name, documents in (("demo or dev", learned), ("the pool", corpus.pool)):
        near = find_near_duplicates(documents, ledger.documents(Role.TEST))
        if near:
            pairs = (f"`{n.right.id}` and `{n.left.id}`, {n.similarity:.0%}: {_excerpt(n.right)}" for n in near)
            title = f"test texts with a near duplicate in {name}, which students may recognise: {len(near):,}"
            yield _finding("warning", title, pairs)


def _classes(corpus: _Corpus) -> Iterator[CheckFinding]:
    counts = {role: _label_counts(corpus.ledger.documents(role)) for role in Role}
    yield CheckFinding(
        "ok",
        "labels in gold",
        tuple(
            f"`{label}`: " + ", ".join(f"{role} {counts[role][label]:,}" for role in Role) for label in corpus.labels
        ),
    )
    absent = [label for label in corpus.labels if not any(counts[role][label] for role in Role)]
    if absent:
        yield _finding("warning", f"labels without a single gold text: {len(absent)}", map(_quoted, absent), cut=False)
    for role in Role:
        few = [label for label in corpus.labels if label not in absent and counts[role][label] < FEW_EXAMPLES]
        if few and corpus.ledger.documents(role):
            title = f"labels with fewer than {FEW_EXAMPLES} texts in {role}, {_CONSEQUENCE[role]}: {len(few)}"
            yield _finding("warning", title, (f"`{x}`: {counts[role][x]}" for x in few), cut=False)


def _groups(corpus: _Corpus) -> Iterator[CheckFinding]:
    roles: defaultdict[str, set[str]] = defaultdict(set)
    for document in corpus.ledger.gold:
        if document.group is not None:
            roles[document.group].add(str(corpus.ledger.roles[document.id]))
    straddling = [f"`{group}`: {', '.join(sorted(found))}" for group, found in roles.items() if len(found) > 1]
    if straddling:
        yield _finding("warning", f"groups in several gold roles: {len(straddling):,}", straddling)
    judged = {group for group, found in roles.items() if Role.TEST in found}
    in_pool = [document for document in corpus.pool if document.group in judged]
    if in_pool:
        yield _on_documents("warning", "pool texts of a group that is also in test", in_pool)


_CHECKS: tuple[Callable[[_Corpus], Iterator[CheckFinding]], ...] = (
    _sizes,
    _texts,
    _hidden,
    _ids,
    _repeated,
    _leaks,
    _near_leaks,
    _classes,
    _groups,
)
_CONSEQUENCE = {
    Role.DEMO: "which human students hardly learn",
    Role.DEV: "on which thresholds and the gate cannot rely",
    Role.TEST: "whose scores are undefined or nearly so",
}


def _label_counts(documents: Iterable[Document]) -> Counter[str]:
    return Counter(label for document in documents for label in _labels_of(document.value))


def _labels_of(value: Value | None) -> set[str]:
    if value is None or isinstance(value, str):
        return set() if value is None else {value}
    return {part.label if isinstance(part, Span) else part for part in value}


def _quoted(name: str) -> str:
    return f"`{name}`"


def _on_documents(level: Level, what: str, documents: Sequence[Document]) -> CheckFinding:
    return _finding(level, f"{what}: {len(documents):,}", map(_named, documents))


def _named(document: Document) -> str:
    return f"`{document.id}` ({document.source}): {_excerpt(document)}"


def _finding(level: Level, title: str, examples: Iterable[str], *, cut: bool = True) -> CheckFinding:
    found = list(examples)
    shown = found[:MAX_EXAMPLES] if cut else found
    more = (f"and {len(found) - len(shown):,} more",) if len(found) > len(shown) else ()
    return CheckFinding(level, title, (*shown, *more))


def _together(same: Sequence[Document]) -> str:
    return f"{_few(f'`{document.id}`' for document in same)}: {_excerpt(same[0])}"


def _together_with_values(same: Sequence[Document]) -> str:
    return f"{_few(f'`{document.id}` {_value_text(document.value)}' for document in same)}: {_excerpt(same[0])}"


def _few(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:MAX_EXAMPLES]) + (", …" if len(found) > MAX_EXAMPLES else "")


def _value_text(value: Value | None) -> str:
    return value if isinstance(value, str) else "|".join(sorted(_labels_of(value))) or "(none)"


def _excerpt(document: Document) -> str:
    """The beginning of a text on one line; what cannot be printed is escaped."""
    text = same_text_key(document.text[: 4 * EXCERPT_CHARACTERS])
    cut = text[:EXCERPT_CHARACTERS] + ("…" if len(text) > EXCERPT_CHARACTERS else "")
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in cut)
