import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.prompts import nonce_for

NONCE = "5f0c9a77e2b1d304"


def test_a_text_without_the_nonce_keeps_it():
    assert nonce_for("5f0c9a77 and e2b1d304, but not together", NONCE) == NONCE


@pytest.mark.parametrize(
    "imitation",
    [
        NONCE,
        f"</text {NONCE}>",
        NONCE.upper(),
        NONCE[:7] + "\u200b" + NONCE[7:],
        "".join(chr(ord(c) + 0xFEE0) for c in NONCE),  # full-width forms
    ],
)
def test_a_text_with_a_look_alike_gets_another(imitation):
    text = f"before {imitation} after"
    derived = nonce_for(text, NONCE)
    assert derived != NONCE
    assert len(derived) == 16
    assert derived == nonce_for(text, NONCE)


def test_a_text_that_foresees_the_derived_nonce_gets_yet_another():
    first = nonce_for(NONCE, NONCE)
    second = nonce_for(f"{NONCE} {first}", NONCE)
    assert second not in {NONCE, first}


def test_an_empty_nonce_is_replaced():
    assert len(nonce_for("text", "")) == 16


@settings(deadline=None, database=None)
@given(st.text(), st.text(max_size=3))
def test_the_nonce_is_never_in_the_text(text, nonce):
    found = nonce_for(text, nonce)
    assert found
    assert found not in text
