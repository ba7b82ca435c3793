"""`check` says in which format a file of marked texts was read."""

from understudy.pipeline import Project

SETTINGS = """
[codebook]
kind = "entities"
[[codebook.labels]]
name = "PER"
[data]
pool = []
gold = ["gold.conll"]
"""


def test_the_scheme_of_the_tags_is_told(tmp_path):
    (tmp_path / "understudy.toml").write_text(SETTINGS, encoding="utf-8")
    lines = [f"Ana{number} I-PER\nLi B-PER\nleft O\n\n" for number in range(10)]
    (tmp_path / "gold.conll").write_text("".join(lines), encoding="utf-8")
    project = Project.open(tmp_path)
    titles = [remark.title for remark in project.check()]
    assert "gold.conll is read as CoNLL columns with tags in IOB1." in titles
    assert all(len(document.value) == 2 for document in project.gold)
