"""Cases K-01 to K-08 and K-09 about keys: where they are kept and that no message holds one."""

import os
import stat
import sys
import traceback
from types import ModuleType

import pytest
from command_line import called
from fakellm import serving, status
from small_project import SmallProject

from understudy.errors import TeacherError, UserError, keep_secret, without_secrets
from understudy.teacher.keys import (
    clean_key,
    find_key,
    key_file,
    looks_like_key,
    read_keys,
    store_in_keyring,
    store_key,
)

KEY = "sk-test-0123456789abcdefghij"


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)


@pytest.fixture
def small(tmp_path, tiny_bert):
    return SmallProject(tmp_path / "project", tiny_bert)


@pytest.mark.parametrize("number", [400, 401, 403, 500])
def test_k01_a_server_that_echoes_the_key_puts_it_into_no_message_and_no_file(small, monkeypatch, number):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving(lambda call: status(number, f'{{"error": {{"message": "bad {KEY} in {call.headers}"}}}}')) as fake:
        small.use_model(fake.url)
        small.settings["teacher.max_attempts"] = "1"
        with pytest.raises(TeacherError) as failed:
            small.open().annotate()
    assert KEY not in "".join(traceback.format_exception(failed.value))
    assert all(KEY.encode() not in path.read_bytes() for path in small.folder.rglob("*") if path.is_file())


def test_k02_a_known_secret_stands_in_no_error(monkeypatch):
    keep_secret("a secret of the house")
    error = UserError("found a secret of the house here", "use a secret of the house")
    assert "secret of" not in f"{error} {error.message} {error.hint} {error!r}"
    assert without_secrets("a secret of the house!") == "[key]!"
    keep_secret("short")
    assert without_secrets("a short word") == "a short word"


def test_k03_a_key_is_asked_for_and_not_taken_from_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("typer.prompt", lambda *_, **options: KEY if options["hide_input"] else "seen")
    refused = called(capsys, "keys", "set", KEY)
    assert refused.code == 2
    assert not key_file(tmp_path).exists()
    assert KEY not in refused.out + refused.err
    done = called(capsys, "keys", "set", "OPENAI_API_KEY")
    assert (done.code, KEY in done.out + done.err) == (0, False)
    assert read_keys(tmp_path) == {"OPENAI_API_KEY": KEY}


def test_k03_a_key_in_the_project_file_is_warned_of(small):
    path = small.folder / "understudy.toml"
    path.write_text(path.read_text() + f"# {KEY}\n")
    remarks = small.open().check()
    assert any("looks like an API key" in remark.title for remark in remarks)
    assert KEY not in repr(remarks)
    assert looks_like_key(f'x = "{KEY}"')
    assert not looks_like_key("a task-oriented desk-lamp, sk-learn, risk-averse-behaviour-in-large-markets")


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_k04_the_key_file_is_private_from_its_first_moment_whatever_the_umask(tmp_path, monkeypatch):
    modes = []
    real_open = os.open

    def watching(path, flags, mode=0o777, **rest):
        descriptor = real_open(path, flags, mode, **rest)
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    monkeypatch.setattr(os, "open", watching)
    before = os.umask(0)
    try:
        path = store_key("OPENAI_API_KEY", KEY, tmp_path)
    finally:
        os.umask(before)
    assert modes == [0o600]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["keys.toml"]


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_k04_a_key_file_that_others_may_read_is_refused(tmp_path):
    path = store_key("OPENAI_API_KEY", KEY, tmp_path)
    path.chmod(0o644)
    with pytest.raises(UserError, match="644"):
        find_key("OPENAI_API_KEY", {}, tmp_path)


@pytest.mark.parametrize("content", [b"not = [toml", b"\xff\xfe", b"NAME = 3"])
def test_k05_a_broken_key_file_is_an_error_and_is_not_overwritten(tmp_path, content):
    path = store_key("OPENAI_API_KEY", KEY, tmp_path)
    path.write_bytes(content)
    for act in (lambda: find_key("OPENAI_API_KEY", {}, tmp_path), lambda: store_key("OTHER", KEY, tmp_path)):
        with pytest.raises(UserError, match=r"keys\.toml"):
            act()
    assert path.read_bytes() == content


@pytest.mark.parametrize("raw", [f"{KEY}\n", f"  {KEY}", f'"{KEY}"', f"\ufeff{KEY}\r\n"])
def test_k06_what_stands_around_a_key_is_dropped(raw):
    assert clean_key(raw) == KEY


@pytest.mark.parametrize("raw", ["sk-...", "sk-…", "<your key>", "YOUR_API_KEY", "xxxx", "two words", "schlüssel"])
def test_k06_a_placeholder_is_refused_and_not_repeated(raw):
    with pytest.raises(UserError) as refused:
        clean_key(raw)
    assert raw not in str(refused.value)


def test_k08_doctor_shows_nothing_of_the_key(small, monkeypatch):
    from understudy.pipeline.doctor import examine

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    path = small.folder / "understudy.toml"
    path.write_text(path.read_text() + '[teacher]\nkind = "openai"\nmodel = "m"\n')
    said = repr(list(examine(small.folder)))
    assert "OPENAI_API_KEY is there" in said
    assert KEY[-4:] not in said


def test_the_environment_goes_before_keyring_and_file(tmp_path, monkeypatch):
    store_key("A_KEY", "key-of-the-file", tmp_path)
    store_key("B_KEY", 'quo"ted\\key', tmp_path)
    assert find_key("A_KEY", {"A_KEY": "key-of-the-environment"}, tmp_path) == "key-of-the-environment"
    assert find_key("A_KEY", {}, tmp_path) == "key-of-the-file"
    assert read_keys(tmp_path) == {"A_KEY": "key-of-the-file", "B_KEY": 'quo"ted\\key'}
    assert find_key("NO_KEY", {}, tmp_path) == find_key("NO_KEY", {}, tmp_path / "empty") == ""
    keys = {("understudy", "A_KEY"): "key-of-the-keyring"}
    fake = ModuleType("keyring")
    fake.errors = ModuleType("keyring.errors")
    fake.errors.KeyringError = RuntimeError
    fake.get_password = lambda service, name: keys.get((service, name))
    fake.set_password = lambda service, name, key: keys.update({(service, name): key})
    monkeypatch.setitem(sys.modules, "keyring", fake)
    monkeypatch.setitem(sys.modules, "keyring.errors", fake.errors)
    assert find_key("A_KEY", {}, tmp_path) == "key-of-the-keyring"
    store_in_keyring("C_KEY", "key-that-was-stored\n")
    assert find_key("C_KEY", {}, tmp_path) == "key-that-was-stored"


def test_without_a_keyring_the_install_line_is_said():
    with pytest.raises(UserError) as refused:
        store_in_keyring("A_KEY", KEY)
    assert "understudy[keyring]" in refused.value.hint


def test_k09_the_file_of_a_crash_holds_no_key(monkeypatch, tmp_path):
    from understudy.cli.main import _unexpected

    keep_secret(KEY)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    error = _unexpected(RuntimeError(f"with {KEY} inside"))
    (file,) = tmp_path.iterdir()
    assert "[key]" in file.read_text()
    assert KEY not in file.read_text() + str(error) + error.hint
