import pytest

from understudy.teacher.identity import canonical, request_key

BODY = canonical({"model": "m", "temperature": 0.0, "messages": [{"role": "user", "content": "é🙂\ud83d"}]})


def test_order_of_keys_does_not_matter_and_nothing_but_ascii_is_left():
    assert canonical({"b": 1, "a": [1.0, None]}) == canonical({"a": [1.0, None], "b": 1}) == '{"a":[1.0,null],"b":1}'
    assert BODY.isascii()


def test_not_a_number_is_no_request():
    with pytest.raises(ValueError):
        canonical({"temperature": float("nan")})


def test_everything_that_is_sent_counts():
    keys = [
        request_key("http://a/v1", BODY, 0, 0),
        request_key("http://b/v1", BODY, 0, 0),
        request_key("http://a/v1", BODY.replace("0.0", "0.1"), 0, 0),
        request_key("http://a/v1", BODY, 1, 0),
        request_key("http://a/v1", BODY, 0, 1),
    ]
    assert len(set(keys)) == 5
    assert keys[0] == request_key("http://a/v1", BODY, 0, 0)


def test_the_key_of_a_request_is_the_same_for_ever():
    # a different key would ask, and pay for, everything again
    assert request_key("http://a/v1", "{}", 0, 0) == (
        "5a5f48959fcf547ce27893a84519206c1a417daacd7e4ff5caa7f8e988744563"  # sha256 of [1,"http://a/v1","{}",0,0]
    )
