"""Cases K-01, K-02 and K-06: a key goes to the provider and nowhere else."""

import json

import pytest
from fakellm import close_after, completion, ok, raw, serving, status
from single_runs import KEY, FastClock, annotate, in_turn

from understudy.errors import UserError
from understudy.teacher import OpenAICompatible


@pytest.mark.parametrize("action", [ok("pos"), raw("{"), status(400), status(500), close_after(60, completion("pos"))])
def test_k01_the_key_is_in_no_file_and_no_annotation(path, tmp_path, action, capfd):
    with serving(in_turn(action)) as fake:
        annotations = annotate(fake.url, path, 1, clock=FastClock())
        assert fake.calls[0].headers["authorization"] == f"bearer {KEY}"
    assert KEY not in repr(annotations)
    for file in tmp_path.iterdir():
        assert KEY.encode() not in file.read_bytes()
    assert KEY not in "".join(capfd.readouterr())


def test_k01_a_server_that_echoes_the_key_does_not_get_it_stored(path):
    with serving(in_turn(status(400, json.dumps({"error": {"message": f"you sent {KEY}"}})))) as fake:
        annotations = annotate(fake.url, path, 1)
    assert "[key]" in annotations["d0"].reason
    assert KEY.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    "url", [f"http://host/v1?key={KEY}", f"http://host/v1?api_key={KEY}", f"http://user:{KEY}@host/v1"]
)
def test_k02_credentials_in_the_url_are_refused_without_repeating_them(url):
    with pytest.raises(UserError, match="holds a credential") as caught:
        OpenAICompatible(url, "m")
    assert KEY not in f"{caught.value.message}{caught.value.hint}"


def test_k02_the_provider_does_not_print_its_key():
    provider = OpenAICompatible("http://host/v1", "m", KEY)
    assert KEY not in f"{provider!r}{provider}{provider.url}{provider.body([])}"


def test_k06_white_space_and_quotes_around_a_key_are_dropped_and_impossible_keys_refused(path):
    with serving(in_turn(ok("pos"))) as fake:
        annotate(fake.url, path, 1, key=f'\ufeff"{KEY}"\n')
    assert fake.calls[0].headers["authorization"] == f"bearer {KEY}"
    with pytest.raises(UserError, match="no key has"):
        OpenAICompatible("http://host/v1", "m", "sk-one two")
