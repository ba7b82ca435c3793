"""What a careful colleague would notice in a codebook before anyone labels with it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from understudy.errors import did_you_mean
from understudy.settings import Codebook


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark; an error makes the codebook unusable, a warning does not."""

    message: str
    is_error: bool


def lint(codebook: Codebook) -> list[Finding]:
    """Remarks on a codebook, errors first."""
    errors = [Finding(message, True) for message in _errors(codebook)]
    return errors + [Finding(message, False) for message in _warnings(codebook)]


def fold(name: str) -> str:
    """A label name with case, outer white space and Unicode form removed: the only variation a parser forgives."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _errors(codebook: Codebook) -> Iterator[str]:
    names = codebook.names
    if len(names) < 2 and codebook.kind == "classification":
        yield f"a classification needs at least two labels, found {len(names)}."
    elif not names:
        yield "there are no labels."
    yield from _repeated(names, "label")
    yield from _repeated([label.spoken for label in codebook.labels], "verbalised name")
    for setting, name in (("positive", codebook.positive), ("null", codebook.null)):
        if name is not None and name not in names:
            yield f"`{setting}` is `{name}`, which is no label. {did_you_mean(name, names)}"
    if codebook.kind == "relations":
        yield from _wrong_placeholders(codebook)
    else:
        yield from _misplaced_types(codebook)


def _wrong_placeholders(codebook: Codebook) -> Iterator[str]:
    for label in codebook.labels:
        found = re.findall(r"{[^{}]*}?|}", label.verbalised)
        if found and sorted(found) != ["{head}", "{tail}"]:
            yield (
                f"label `{label.name}`: `verbalised` needs {{head}} and {{tail}} once each, or neither, and no other "
                f"braces; found {', '.join(found)}."
            )


def _misplaced_types(codebook: Codebook) -> Iterator[str]:
    typed = [label.name for label in codebook.labels if label.heads or label.tails]
    if typed:
        yield f'`heads` and `tails` of {", ".join(f"`{name}`" for name in typed)} need `kind = "relations"`.'


def _repeated(names: tuple[str, ...] | list[str], what: str) -> Iterator[str]:
    counts = Counter(fold(name) for name in names)
    for folded, count in counts.items():
        if count > 1:
            variants = ", ".join(f"`{name}`" for name in names if fold(name) == folded)
            yield f"{what} {variants} stands {count} times (case and outer spaces do not tell labels apart)."


def _warnings(codebook: Codebook) -> Iterator[str]:
    if not codebook.instructions:
        yield "`instructions` is empty: say in a sentence what the annotator is asked."
    yield from _missing_definitions(codebook)
    yield from _prefixes(codebook.names)
    yield from _types(codebook)
    if len(codebook.names) == 2 and codebook.kind == "classification" and codebook.positive is None:
        yield "two labels and no `positive`: macro F1 is reported instead of the F1 of the label you care about."
    for name in codebook.names:
        if "\n" in name or name != name.strip():
            yield f"label {name!r} holds a line break or outer spaces."
    if len(codebook.names) > 20:
        yield f"{len(codebook.names)} labels: teachers confuse long lists; consider a hierarchy."


def _types(codebook: Codebook) -> Iterator[str]:
    counts = Counter(kind for label in codebook.labels for kind in {*label.heads, *label.tails})
    for kind in counts:
        alike = [other for other in counts if other != kind and fold(other) == fold(kind)]
        if alike and kind < min(alike):
            yield f"types `{kind}` and {', '.join(f'`{other}`' for other in alike)} differ only in case or spaces."
    null = next((label for label in codebook.labels if label.name == codebook.null), None)
    if null is not None and (null.heads or null.tails):
        yield f"`{null.name}` is the null label and has `heads` or `tails`: other pairs cannot be without a relation."


def _missing_definitions(codebook: Codebook) -> Iterator[str]:
    missing = [label.name for label in codebook.labels if not label.definition]
    if missing:
        yield "no definition: " + ", ".join(f"`{name}`" for name in missing) + "."


def _prefixes(names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        longer = [other for other in names if other != name and fold(other).startswith(fold(name))]
        if longer:
            yield f"`{name}` begins `{longer[0]}`; answers are matched whole, never by prefix."
