from __future__ import annotations

import json

from understudy import Project

TOML = """
[codebook]
kind = "relations"
null = "none"
[[codebook.labels]]
name = "owns"
definition = "The head owns the tail."
[[codebook.labels]]
name = "none"
definition = "Neither."
[data]
pool = ["pool.jsonl"]
gold = ["gold.jsonl"]
head = "head"
tail = "tail"
"""


def pair(identifier: str, text: str, head: tuple[int, int], tail: tuple[int, int], label: str | None = None) -> str:
    row = {"id": identifier, "text": text, "head": {"start": head[0], "end": head[1]},
           "tail": {"start": tail[0], "end": tail[1]}}  # fmt: skip
    return json.dumps(row if label is None else row | {"label": label})


def test_pairs_of_one_text_are_each_a_candidate_but_no_text_of_gold(tmp_path) -> None:
    (tmp_path / "understudy.toml").write_text(TOML, encoding="utf-8")
    gold = [pair(f"g{i}", f"Ann has a cat {i}", (0, 3), (10, 13), "owns") for i in range(10)]
    pool = [
        pair("p1", "Bob has a dog", (0, 3), (10, 13)),
        pair("p2", "Bob has a dog", (10, 13), (0, 3)),
        pair("p3", "Bob  has a dog ", (0, 3), (11, 14)),  # other places: another pair
        pair("p4", "Bob has a dog", (0, 3), (10, 13)),  # the first once more
        pair("p5", "Ann has a cat 3", (10, 13), (0, 3)),  # its text judges
    ]
    (tmp_path / "gold.jsonl").write_text("\n".join(gold) + "\n", encoding="utf-8")
    (tmp_path / "pool.jsonl").write_text("\n".join(pool) + "\n", encoding="utf-8")
    assert [document.id for document in Project.open(tmp_path).candidates] == ["p1", "p2", "p3"]
