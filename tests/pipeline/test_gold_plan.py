from __future__ import annotations

import csv
import json

import pytest
from command_line import called
from small_project import SmallProject

from understudy.errors import UserError
from understudy.pipeline.evidence.gold_plan import draw_gold, plan_gold


@pytest.fixture
def small(tmp_path, tiny_bert):
    """The teacher is wrong about every fifth text."""
    found = SmallProject(tmp_path / "project", tiny_bert, n_gold=100, n_pool=60, codebook='positive = "pos"')
    other = {"pos": "neg", "neg": "pos"}
    rows = [*found.gold, *found.pool]
    found.write_recorded({row["id"]: other[row["label"]] if i % 5 == 0 else row["label"] for i, row in enumerate(rows)})
    found.settings |= {"student.seeds": "1", "gold.demo": "0.2", "gold.dev": "0.6"}
    return found


def test_what_labels_gate_and_certificate_need(small):
    project = small.open()
    with pytest.raises(UserError, match="no validation text"):
        plan_gold(project)
    project.annotate()
    found = plan_gold(project, half_width=0.1, threshold=0.5)
    pos = found.labels[0]
    # F1 0.8 at half of the texts: 1.96**2 * (2 - 0.8) * 0.8 * 0.2 / (2 * 0.5 * 0.1**2) = 74 for exactly these.
    assert pos.documents == pytest.approx(
        1.96**2 * (2 - pos.f1) * pos.f1 * (1 - pos.f1) / (2 * pos.prevalence * 0.01), abs=1
    )
    assert found.accuracy == pytest.approx(0.8, abs=0.06)
    assert 5 < found.to_certify < 30
    assert found.to_certify / 2 < found.sequential < 100
    assert plan_gold(project, threshold=0.95).to_certify is None


def test_texts_are_drawn_with_their_probabilities(small, tmp_path, capsys):
    project = small.open()
    project.annotate()
    project.train()
    project.evaluate()
    target = tmp_path / "next.csv"
    ended = called(capsys, "plan", small.folder, *small.arguments, "--gold", "--draw", 20, "--to", target, "--json")
    assert ended.code == 0, ended.err
    drawn = json.loads(ended.out)["draw"]
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20
    assert {row["id"] for row in rows} <= {row["id"] for row in small.pool}
    # Each stands for 1 / probability texts, so that the weights add up to the pool.
    assert sum(1 / float(row["probability"]) for row in rows) == pytest.approx(60, rel=1e-6)
    assert sum(map(sum, drawn["sizes"])) == 60
    with pytest.raises(UserError, match="exists"):
        draw_gold(project, 20, target)
    ended = called(capsys, "plan", small.folder, *small.arguments, "--gold", "--draw", 20)
    assert ended.code == 2
