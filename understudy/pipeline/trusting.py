"""The step after labelling: how far each of the teacher's labels can be trusted, learned on gold dev.

Asks nobody: what the teacher said stays, and is appended once more with its trust. Gold test takes no part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from understudy.errors import GoldMisuse
from understudy.evaluation import TrustModel, TrustReport, fit_trust, report_trust
from understudy.pipeline.annotation import stored_annotations
from understudy.pipeline.trust_features import ESSENTIAL, agreement, trust_features
from understudy.records import Annotation, Document, Outcome, Role

if TYPE_CHECKING:
    from understudy.pipeline.project import Project

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Trusted:
    """Labelled documents and how far their labels can be trusted.

    Attributes
    ----------
    documents, annotations : n each; pool, gold demo and gold dev, in this order.
    trust : array of shape (n,), in [0, 1]; of gold dev the out-of-fold one.
    model : fitted on gold dev.
    """

    documents: tuple[Document, ...]
    annotations: tuple[Annotation, ...]
    trust: FloatArray
    model: TrustModel

    def lines(self) -> Iterator[str]:
        """The step in words."""
        yield (
            f"trust: learned on {self.model.n:,} gold dev texts ({self.model.n_right:,} right), given to "
            f"{len(self.documents):,} labels; mean {self.trust.mean():.3f}"
        )


def trust(project: Project) -> Trusted | None:
    """Say of every label of pool, demo and dev how far it can be trusted, and store it with the label.

    Returns
    -------
    Trusted or None
        None if `trust.enabled` is false, or the teacher labelled no text of gold dev.
    """
    if not project.settings.trust.enabled:
        return None
    trusted = estimate_trust(project, stored_annotations(project))
    if trusted is not None:
        _store(project, trusted)
    return trusted


def estimate_trust(project: Project, annotations: Mapping[str, Annotation]) -> Trusted | None:
    """Trust of labelled annotations, by id; stores nothing. None without a labelled text of gold dev."""
    dev = labelled(project.gold_of(Role.DEV), annotations)
    if not dev:
        return None
    refuse_test(project, dev)
    others = labelled([*project.candidates, *project.gold_of(Role.DEMO)], annotations, but=dev)
    documents = (*others, *dev)
    chosen = tuple(annotations[document.id] for document in documents)
    rng = np.random.default_rng([project.settings.project.seed, 9])
    vectors = project.encoder.encode([document.text for document in documents])
    features = trust_features(project.task, documents, chosen, vectors, rng)
    groups = [document.group for document in dev]
    model = fit_trust(features[len(others) :], _correct(dev, annotations), rng, essential=ESSENTIAL, groups=groups)
    values = np.concatenate([model.predict(features[: len(others)]), model.out_of_fold])
    return Trusted(documents, chosen, values, model)


def measure_trust(project: Project, annotations: Mapping[str, Annotation]) -> TrustReport | None:
    """Stored trust beside raw consistency on gold dev; None where no label of it has trust.

    Trust of gold dev was stored out of fold: no text had a part in the model that judged it.
    """
    dev = [d for d in labelled(project.gold_of(Role.DEV), annotations) if annotations[d.id].trust is not None]
    if not dev:
        return None
    return report_trust(
        [np.nan if (stated := annotations[d.id].trust) is None else stated for d in dev],
        [agreement(annotations[d.id]) for d in dev],
        _correct(dev, annotations),
        np.random.default_rng([project.settings.project.seed, 10]),
        groups=[document.group for document in dev],
    )


def labelled(
    documents: Sequence[Document], annotations: Mapping[str, Annotation], but: Sequence[Document] = ()
) -> list[Document]:
    """Those of the documents that the teacher labelled, but for some, in the order given."""
    left_out = {document.id for document in but}
    return [
        d
        for d in documents
        if d.id in annotations and annotations[d.id].outcome is Outcome.LABELLED and d.id not in left_out
    ]


def refuse_test(project: Project, documents: Iterable[Document]) -> None:
    """Raise GoldMisuse if one of the documents is kept to judge."""
    wrong = [document.id for document in documents if project.ledger.role_of(document.id) is Role.TEST]
    if wrong:
        raise GoldMisuse(
            f"{len(wrong)} documents are gold `test` and cannot calibrate trust, the first of them `{wrong[0]}`.",
            "Trust is learned on gold `dev`.",
        )


def _correct(documents: Sequence[Document], annotations: Mapping[str, Annotation]) -> FloatArray:
    return np.array([annotations[d.id].value == d.value for d in documents], dtype=np.float64)


def _store(project: Project, trusted: Trusted) -> None:
    """Append the annotations whose trust is new or another."""
    values = trusted.trust.tolist()
    changed = [replace(a, trust=t) for a, t in zip(trusted.annotations, values, strict=True) if a.trust != t]
    if changed:
        with project.journal() as journal:
            journal.add_annotations(changed, project.task.to_json).result()
