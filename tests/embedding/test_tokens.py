import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from understudy.embedding import batches_by_length, make_tokens, parse_tokens


def tokens(max_tokens=4, pads_left=False):
    tokenizer = Tokenizer(models.WordLevel({"[PAD]": 0, "a": 1, "b": 2, "c": 3, "[UNK]": 4}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return make_tokens(tokenizer, max_tokens, 0, pads_left=pads_left)


@pytest.mark.parametrize(
    ("pads_left", "ids", "mask"),
    [(False, [[1, 2, 3, 1], [2, 0, 0, 0]], [[1, 1, 1, 1], [1, 0, 0, 0]]),
     (True, [[1, 2, 3, 1], [0, 0, 0, 2]], [[1, 1, 1, 1], [0, 0, 0, 1]])],
)  # fmt: skip
def test_texts_are_cut_and_padded_on_the_right_side(pads_left, ids, mask):
    reader = tokens(pads_left=pads_left)
    padded = reader.pad(reader.read(["a b c a b", "b"]))
    assert padded["input_ids"].tolist() == ids
    assert padded["attention_mask"].tolist() == mask


@pytest.mark.parametrize("pads_left", [False, True])
def test_written_and_read_tokens_are_the_same(pads_left):
    ours = tokens(pads_left=pads_left)
    read = parse_tokens(ours.to_json())
    assert (read.max_tokens, read.pad_id, read.pads_left) == (4, 0, pads_left)
    assert read.read(["a b x b c"])[0].ids == [1, 2, 4, 2]


@pytest.mark.parametrize("text", ["", "{}", "[1", tokens().tokenizer.to_str()])
def test_what_is_no_tokenizer_of_ours_is_refused(text):
    with pytest.raises(ValueError, match="tokenizer"):
        parse_tokens(text)


def test_batches_keep_both_budgets_longest_first():
    lengths = np.array([1, 10, 3, 3, 1, 25])
    batches = [batch.tolist() for batch in batches_by_length(lengths, 3, tokens_in_batch=20)]
    # 25 alone exceeds the budget and goes alone; 20 // 10 = 2 texts; then at most three
    assert batches == [[5], [1, 2], [3, 0, 4]]


def test_every_position_comes_once():
    lengths = np.random.default_rng(0).integers(0, 300, 500)
    positions = np.concatenate(list(batches_by_length(lengths, 7)))
    assert sorted(positions) == list(range(500))
    assert list(batches_by_length(np.array([], dtype=np.int64), 4)) == []
