import pytest

from understudy.codebook import task_of
from understudy.prompts import Mask, Wording, pose, render
from understudy.prompts.templating import PARAPHRASES
from understudy.records import Document, Outcome
from understudy.settings import Codebook, Label

NONCE = "5f0c9a77e2b1d304"
NAMES = ("war", "tax", "art")
LABELS = tuple(Label(name=name, definition=f"about {name}") for name in NAMES)
ONE = task_of(Codebook(instructions="Which topic?", labels=LABELS[:2], positive="tax"))
TOPIC = task_of(Codebook(instructions="Which topic?", labels=LABELS))
TOPICS = task_of(Codebook(kind="multilabel", instructions="Which topics?", labels=LABELS))
TEXT = Document("q", "Ask a@b.co about 12 paintings")


def ask(task=TOPIC, wording=None, **fields):
    return pose(task, TEXT, fields.pop("shown", ()), NONCE, wording or Wording(), **fields)


def test_the_usual_wording_is_what_render_writes():
    assert ask().messages == render(TOPIC, TEXT, (), NONCE)
    assert ask(ONE).read("tax").value == "tax"


def test_each_replicate_has_its_order_and_the_text_comes_last():
    wording = Wording(orders=(NAMES, ("art", "war", "tax")))
    first, second, third = (ask(wording=wording, replicate=replicate) for replicate in range(3))
    assert first.messages == third.messages == ask().messages
    headings = [line for line in second.messages[0].content.split("\n") if line.startswith("## ")]
    assert headings == ["## art", "## war", "## tax"]
    assert "(`art`, `war`, `tax`)" in second.messages[-1].content


def test_a_shuffled_set_of_labels_is_read_in_codebook_order():
    question = ask(TOPICS, Wording(orders=(("art", "tax", "war"),)))
    assert question.read("art | war").value == ("war", "art")
    assert question.read("art | cat").outcome is Outcome.UNPARSED


def test_a_narrowed_question_shows_some_labels_and_a_way_out():
    question = ask(labels=("war", "art"))
    written = "".join(message.content for message in question.messages)
    assert "tax" not in written
    assert "If none of these holds, answer `unsure`" in written
    assert question.read("unsure").outcome is Outcome.ABSTAINED
    assert question.read("tax").outcome is Outcome.UNPARSED
    assert "`war`, `art`" in question.repair(question.read("tax"), "tax").content
    assert "more labels than are shown" not in "".join(message.content for message in ask().messages)


def test_narrowing_keeps_the_order_of_the_replicate():
    question = ask(wording=Wording(orders=(("art", "tax", "war"),)), labels=("war", "art"))
    assert question.task.labels == ("art", "war")


def test_what_is_masked_reaches_no_message_also_in_demonstrations():
    shown = [Document("d", "call a@b.co", value="art")]
    question = ask(wording=Wording(mask=Mask(("email", "number"))), shown=shown)
    written = "".join(message.content for message in question.messages)
    assert "a@b.co" not in written
    assert "call [EMAIL_1]" in question.messages[1].content
    assert "Ask [EMAIL_1] about [NUMBER_1] paintings" in question.messages[-1].content


@pytest.mark.parametrize("kind", ["classification", "multilabel"])
@pytest.mark.parametrize("paraphrase", PARAPHRASES)
def test_a_paraphrase_says_the_same_in_other_words(kind, paraphrase):
    task = task_of(Codebook(kind=kind, instructions="Which topic?", labels=LABELS))
    messages = ask(
        task, Wording(paraphrase), shown=[Document("d", "x", value=("art",) if kind == "multilabel" else "art")]
    ).messages
    assert messages[0] != ask(task).messages[0]
    for said in ("Which topic?", "## war\nDefinition: about war", "<text CODE>", "`unsure`"):
        assert said in messages[0].content
    assert ("`none`" in messages[0].content) == (kind == "multilabel")
    assert messages[-1].content.startswith(f"<text {NONCE}>\nAsk a@b.co about 12 paintings\n</text {NONCE}>\n\n")
    assert "\n\n\n" not in messages[0].content
