"""Remarks on codebooks."""

from understudy.codebook import Codebook, Label, codebook_digest, lint


def messages(*labels, **settings):
    return [finding.message for finding in lint(Codebook(labels=labels, **settings))]


def test_a_careful_codebook_has_no_remark():
    labels = (Label(name="yes", definition="It is."), Label(name="no", definition="It is not."))
    assert messages(*labels, instructions="Is it?", positive="yes") == []


def test_missing_definitions_are_listed():
    assert "no definition: `b`." in messages(Label(name="a", definition="x"), Label(name="b"), instructions="?")


def test_prefix_names_are_a_warning_not_an_error():
    findings = lint(Codebook(labels=(Label(name="Pos"), Label(name="Positive"))))
    prefix = [finding for finding in findings if "begins" in finding.message]
    assert len(prefix) == 1
    assert not prefix[0].is_error


def test_two_labels_without_positive():
    assert any("no `positive`" in message for message in messages(Label(name="a"), Label(name="b")))


def test_digest_changes_with_any_edit():
    one = Codebook(labels=(Label(name="a", definition="x"), Label(name="b")))
    two = Codebook(labels=(Label(name="a", definition="y"), Label(name="b")))
    assert codebook_digest(one) == codebook_digest(Codebook.model_validate(one.model_dump()))
    assert codebook_digest(one) != codebook_digest(two)
