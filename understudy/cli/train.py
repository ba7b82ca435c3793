"""`understudy train`: the students of every arm."""

from __future__ import annotations

from understudy.cli.console import print_json, print_table
from understudy.cli.options import HERE, AsJson, Folder, Overrides, open_project


def train(folder: Folder = HERE, overrides: Overrides = [], as_json: AsJson = False) -> int:  # noqa: B006
    """Train the students of every arm on the labels there are; unchanged arms are not trained again.

    Example: understudy train my-project
    """
    trained = open_project(folder, overrides).train()
    if as_json:
        print_json({"arms": {arm.name: arm.to_json() for arm in trained}})
    else:
        print_table(
            ("arm", "labels", "runs", "training"),
            ((arm.name, f"{arm.n_labels:,}", str(arm.n_seeds), f"{arm.train_s:.1f} s") for arm in trained),
            right=(1, 2, 3),
        )
    return 0
