"""What a teacher left uncertain reaches the student that learns from its labels, and decides whether to train again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from understudy.pipeline import Project, copy_demo_project
from understudy.pipeline.arms import Arm
from understudy.pipeline.kept import fingerprint
from understudy.pipeline.sources import human_set, labelled_set, teacher_and_human
from understudy.pipeline.training import train_once
from understudy.records import Annotation, Outcome, Provenance, Role, Span


@pytest.fixture
def project(tmp_path, tiny_bert):
    copy_demo_project(tmp_path / "demo", "entities")
    settings = {"embedding.model": json.dumps(str(tiny_bert)), "student.linear.c": "[1.0]", "student.linear.folds": "2"}
    return Project.open(tmp_path / "demo", settings)


def annotations_of(documents, *, is_uncertain):
    """The people's spans, beside them what they left out as one long span of the first type."""
    found = {}
    for document in documents:
        start = max((span.end for span in document.value), default=0)
        rest = (Span(start, len(document.text), document.value[0].label, document.text[start:]),)
        uncertain = rest if is_uncertain and document.value else ()
        found[document.id] = Annotation(
            document.id, "", Outcome.LABELLED, document.value, Provenance("a"), uncertain=uncertain
        )
    return found


def arm_of(source):
    return Arm("teacher-30", "", source, len(source.documents), 0, 0.0)


def test_a_student_learns_nothing_where_its_teacher_was_not_certain(project):
    documents = [d for d in project.gold_of(Role.DEMO) if d.value][:30]
    sure = labelled_set(project, documents, annotations_of(documents, is_uncertain=False))
    doubtful = labelled_set(project, documents, annotations_of(documents, is_uncertain=True))
    claimed = replace(
        doubtful, answers=tuple((d.value + u,) for d, u in zip(documents, doubtful.uncertain, strict=True))
    )
    scores = [
        np.concatenate(train_once(project, arm_of(source), 0).student.token_scores(documents[:5]))
        for source in (sure, doubtful, claimed)
    ]
    np.testing.assert_array_equal(scores[1], scores[2])
    assert not np.array_equal(scores[0], scores[1])


def test_stretches_follow_their_documents_and_make_another_arm(project):
    documents = [d for d in project.gold_of(Role.DEMO) if d.value][:6]
    doubtful = labelled_set(project, documents, annotations_of(documents, is_uncertain=True))
    assert doubtful.take([4, 1]).uncertain == (doubtful.uncertain[4], doubtful.uncertain[1])
    joined, n_human = teacher_and_human(project, doubtful, human_set(project, documents[:2]))
    assert n_human == 2
    assert joined.uncertain == ((), (), *doubtful.uncertain[2:])
    bare = replace(doubtful, uncertain=((),) * 6)
    assert fingerprint(project, arm_of(doubtful)) != fingerprint(project, arm_of(bare))
