import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.corpus import find_duplicates, find_near_duplicates
from understudy.records import Document, Span


def documents(*texts, prefix=""):
    return [Document(f"{prefix}{n}", text) for n, text in enumerate(texts)]


def jaccard(left, right):
    """The definition, by plain sets, of texts with single spaces."""
    left, right = (" ".join(text.split()) for text in (left, right))
    a, b = ({t[i : i + 5] for i in range(len(t) - 4)} for t in (left.casefold().ljust(5), right.casefold().ljust(5)))
    return len(a & b) / len(a | b)


def random_text(rng, n):
    return "".join(rng.choices(string.ascii_lowercase + "    ", k=n)).strip() or "x"


def edited(text, rng, edits):
    letters = list(text)
    for position in rng.sample(range(len(letters)), edits):
        letters[position] = "#"
    return "".join(letters)


def test_equal_texts_stand_together_in_order():
    found = find_duplicates(documents("a b", "c", "a  b", " c", "d", "a\nb"))
    assert [[document.id for document in same] for same in found] == [["0", "2", "5"], ["1", "3"]]


def test_blank_texts_are_no_duplicates_of_each_other():
    assert find_duplicates(documents("", "", " ", "\u200b", "\u200b")) == []
    assert find_near_duplicates(documents("", " "), documents("", "\u200b")) == []


def test_similarity_is_the_shared_part_of_all_5_grams():
    # abcdef: abcde bcdef; abcdeg: abcde bcdeg; 1 of 3 shared
    (near,) = find_near_duplicates(documents("abcdef"), documents("abcdeg"), threshold=0.3)
    assert near.similarity == pytest.approx(1 / 3)
    assert find_near_duplicates(documents("abcdef"), documents("abcdeg"), threshold=0.34) == []


def test_the_most_similar_of_several_is_named_and_equal_texts_are_not():
    text = "a long enough sentence about nothing in particular, written to be compared"
    left = documents(text + " again and again", text + ".", " " + text)
    (near,) = find_near_duplicates(left, documents(text), threshold=0.5)
    assert near.left.id == "1"


def test_a_text_is_no_near_duplicate_of_itself():
    same = documents("one sentence that stands alone", "another one that has no twin here")
    assert find_near_duplicates(same, same) == []


def test_letter_case_does_not_tell_texts_apart():
    (near,) = find_near_duplicates(documents("Good Film Indeed"), documents("good film indeed"))
    assert near.similarity == 1.0


@pytest.mark.parametrize("length", [12, 40, 300, 3000])
def test_every_pair_above_the_threshold_is_found_among_many(length):
    rng = random.Random(length)
    left = [random_text(rng, length) for _ in range(300)]
    right = [edited(text, rng, max(1, length // 100)) for text in left[:100]] + [text + "!" for text in left[100:200]]
    expected = {n for n in range(200) if jaccard(left[n], right[n]) >= 0.8}
    found = find_near_duplicates(documents(*left), documents(*right))
    assert {int(near.right.id) for near in found} == expected
    assert all(near.left.id == near.right.id for near in found)
    assert len(expected) >= 100 - 20 * (length < 20)  # 7 shared 5-grams of 8 are 0.88; texts cut by strip() have fewer


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text("ab c", min_size=1, max_size=30), min_size=1, max_size=20), st.floats(0.5, 1))
def test_whatever_is_found_is_as_similar_as_it_says(texts, threshold):
    half = len(texts) // 2
    for near in find_near_duplicates(documents(*texts[:half]), documents(*texts[half:]), threshold):
        left, right = (" ".join(document.text.split()) for document in (near.left, near.right))
        assert near.similarity == pytest.approx(jaccard(left, right))
        assert near.similarity >= threshold
        assert left != right


def test_many_texts_of_one_template_stay_affordable_and_are_found():
    left = documents(*(f"breaking news of today, read more at our site under number {n}" for n in range(3000)))
    right = documents(*(f"breaking news of today, read more at our site under number {n}!" for n in range(300)))
    assert len(find_near_duplicates(left, right)) == 300


@pytest.mark.parametrize("threshold", [0, -1, 1.1, float("nan")])
def test_a_threshold_outside_of_its_range_is_refused(threshold):
    with pytest.raises(ValueError, match="threshold"):
        find_near_duplicates([], [], threshold)


def test_other_pairs_of_one_sentence_are_no_duplicates():
    ana, li = Span(0, 3, "", "Ana"), Span(8, 10, "", "Li")
    pairs = [
        Document(str(n), "Ana and Li", head=head, tail=tail) for n, (head, tail) in enumerate([(ana, li), (li, ana)])
    ]
    assert find_duplicates(pairs) == []
    assert find_duplicates([*pairs, Document("3", "Ana  and Li", head=li, tail=ana)]) == [
        (pairs[1], Document("3", "Ana  and Li", head=li, tail=ana))
    ]
