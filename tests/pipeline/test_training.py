"""A run of an arm that is interrupted in training is gone on with, and nothing of it stays once the arm is kept."""

import pytest
from small_project import SmallProject

from understudy.student.checkpoint import Checkpoints


class Interrupting(Checkpoints):
    """Writes a checkpoint at every step, and is interrupted before the fourth."""

    left = 3

    def __init__(self, folder):
        super().__init__(folder, every_s=0.0)

    def write(self, checkpoint, identity):
        if Interrupting.left == 0:
            raise KeyboardInterrupt
        Interrupting.left -= 1
        super().write(checkpoint, identity)


@pytest.fixture
def project(tmp_path, tiny_bert):
    small = SmallProject(tmp_path / "project", tiny_bert)
    small.settings |= {
        "student.kind": '"encoder"', "student.encoder.model": f'"{tiny_bert}"', "student.encoder.epochs": "2",
        "student.encoder.batch_size": "4", "student.seeds": "1", "arms.human": "[8]", "arms.teacher": "[]",
        "arms.all_teacher": "false", "arms.teacher_human": "false",
    }  # fmt: skip
    return small


def test_an_interrupted_training_is_gone_on_with(project, monkeypatch):
    monkeypatch.setattr("understudy.student.fine_tuned.Checkpoints", Interrupting)
    with pytest.raises(KeyboardInterrupt):
        project.open().train()
    kept = project.folder / "students" / "human-8" / "training" / "run-0"
    assert [path.name for path in kept.iterdir()] == ["step-000000003"]
    monkeypatch.setattr(Interrupting, "left", 100)
    (arm,) = project.open().train()
    assert "Training went on after step 3 of 4, from its checkpoint." in arm.remarks
    assert not kept.parent.exists()
    assert (kept.parents[1] / "arm.json").exists()


def test_the_labels_that_gold_distrusts_are_kept_with_the_arm(project):
    project.settings |= {"student.encoder.reweight": "true", "student.encoder.epochs": "6"}
    opened = project.open()
    (arm,) = opened.train()
    assert arm.distrusted
    labels = {row["id"]: row["label"] for row in project.gold}
    assert all(labels[found.document_id] == found.value for found in arm.distrusted)
    weights = [found.weight for found in arm.distrusted]
    assert weights == sorted(weights)
    assert weights[-1] < 0.5
    assert project.open().train() == (arm,)
