from dataclasses import replace

import pytest
from fakellm import ok, serving
from small_project import SmallProject

from understudy.errors import GoldMisuse
from understudy.pipeline.iteration import Change, Confusion, changes, confusions, in_words, notes_on_versions
from understudy.records import Annotation, Document, Outcome, Provenance, Role, Span, ValidationRecord
from understudy.settings import Codebook, Label


def said(value, outcome=Outcome.LABELLED):
    return Annotation("", "", outcome, value, Provenance(""))


def test_disagreements_are_grouped_and_at_most_three_are_shown():
    documents = [Document(str(i), f"text\n {i}", value="pos") for i in range(6)] + [
        Document("x", "y" * 999, value="neg")
    ]
    given = [said("neg")] * 4 + [said("pos"), said(None, Outcome.REFUSED), said("pos")]
    found = confusions(documents, {d.id: a for d, a in zip(documents, given, strict=True)})
    assert found[0] == Confusion("pos", "neg", 4, (("0", "text 0"), ("1", "text 1"), ("2", "text 2")))
    assert [(c.human, c.given, c.n) for c in found[1:]] == [("neg", "pos", 1), ("pos", "refused", 1)]
    assert len(found[1].examples[0][1]) == 160


def test_values_in_words():
    assert in_words(()) == "(no label)"
    assert in_words(("a", "b")) == "a | b"
    assert in_words((Span(0, 3, "PER", "Ana"),)) == "PER: Ana"


def test_changes_between_versions():
    old = Codebook(instructions="old", labels=(Label(name="a", definition="1"), Label(name="b"), Label(name="c")))
    new = Codebook(
        instructions="new",
        positive="b",
        labels=(Label(name="b"), Label(name="a", definition="2"), Label(name="d", definition="4")),
    )
    assert list(changes(old, new)) == [
        Change("", "instructions", "old", "new"),
        Change("", "positive", "", "b"),
        Change("a", "definition", "1", "2"),
        Change("d", "added", "", "4"),
        Change("c", "removed", "c", ""),
        Change("", "order of labels", "a, b, c", "b, a, d"),
    ]
    assert list(changes(old, old)) == []


@pytest.fixture
def small(tmp_path, tiny_bert):
    return SmallProject(tmp_path / "project", tiny_bert)


def test_versions_keep_their_scores_and_an_edit_makes_its_labels_stale(small):
    with serving(lambda call: ok("pos")) as fake:
        small.use_model(fake.url)
        project = small.open()
        first = project.iterate(project.validate())
        assert project.annotate().outcomes[Outcome.LABELLED]
        assert (len(first.versions), first.changes, first.stale.n) == (1, (), 0)
        (confusion,) = first.confusions
        assert (confusion.human, confusion.given) == ("neg", "pos")
        n_before = len(fake.calls)

        small.write_settings("Said clearly")
        project = small.open()
        second = project.iterate(project.validate())
        assert [version.number for version in second.versions] == [1, 2]
        assert [change.what for change in second.changes] == ["definition", "definition"]
        assert second.stale.is_asked_anew
        n_wanted = len(project.candidates) + len(project.gold_of(Role.TEST))
        assert (dict(second.stale.by_value), second.stale.n) == ({"pos": n_wanted}, n_wanted)

        project.annotate()
        done = project.iterate(project.validate())
        assert done.stale.n == 0
        assert len(fake.calls) == 2 * n_before
        assert len(done.versions) == 2
        assert "2 versions" in "".join(notes_on_versions(project))


def test_an_edit_that_the_teacher_cannot_read_asks_nothing_again(small):
    with serving(lambda call: ok("pos")) as fake:
        small.use_model(fake.url)
        project = small.open()
        project.validate()
        project.annotate()
        n_calls = len(fake.calls)
        small.codebook = 'positive = "pos"'
        small.write_settings()
        project = small.open()
        found = project.iterate(project.validate())
        project.annotate()
        assert len(fake.calls) == n_calls
    assert not found.stale.is_asked_anew
    assert any("costs nothing" in line for line in found.lines())
    assert [change.what for change in found.changes] == ["positive"]


def test_several_rounds_on_the_same_texts_are_warned_of(small):
    with serving(lambda call: ok("pos")) as fake:
        small.use_model(fake.url)
        for number in range(1, 5):
            small.write_settings(f"Version {number}")
            project = small.open()
            found = project.iterate(project.validate())
            assert len(found.versions) == number
            assert bool(found.warnings) == (number >= 4)
        with project.journal() as journal:
            journal.add_validation(ValidationRecord("old", "{}", "another", "", "", 1)).result()
        assert len(project.iterate(project.validate()).versions) == 4


def test_the_same_version_is_kept_once(small):
    project = small.open()
    for _ in range(2):
        project.validate()
    with project.journal_to_read() as journal:
        assert len(journal.validations()) == 1


def test_gold_test_is_never_listed(small):
    project = small.open()
    validation = project.validate()
    with pytest.raises(GoldMisuse):
        project.iterate(replace(validation, documents=project.gold_of(Role.TEST)))


def test_a_first_run_has_nothing_to_note(small):
    assert list(notes_on_versions(small.open())) == []
