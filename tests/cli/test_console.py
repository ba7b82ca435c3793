import io
import json

import pytest

from understudy.cli import console
from understudy.cli.console import ConsoleListener, clean, print_error, print_json, print_lines, print_table
from understudy.errors import UserError

STEERING = ["\x1b]0;t\x07", "\x1b]52;c;QQ==\x07", "ok\rFAILED", "\u202eabc", "\u200b", "\x9b2J", "\x00", "\ud83d"]


@pytest.mark.parametrize("text", STEERING)
def test_nothing_steers_the_terminal(text, capsys):
    print_lines([text])
    print_table(["a", "b"], [[text, "x"]])
    print_error(UserError(text, text), as_json=False)
    ConsoleListener().say(text)
    captured = capsys.readouterr()
    steering = set(text) - set("abcokFAILED]052;tQ=J")
    assert steering
    assert not steering & set(captured.out + captured.err)
    assert "\N{REPLACEMENT CHARACTER}" in captured.out


def test_plain_text_of_any_language_stays():
    text = "Ünïcode 是的 👩 e\u0301 [bold]not markup[/bold] :smile:\nsecond line"
    assert clean(text) == text


def test_markup_in_data_is_data(capsys):
    print_lines(["[red]x[/red] :smile: /etc/passwd 12"])
    assert capsys.readouterr().out == "[red]x[/red] :smile: /etc/passwd 12\n"


def test_json_is_one_strict_object_that_every_encoding_can_take(capsys):
    print_json({"text": "是 \x1b \x9b \u202e", "lone": "\ud83d"})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == {"text": "是 \x1b \x9b \u202e", "lone": "\ud83d"}
    with pytest.raises(ValueError):
        print_json({"f1": float("nan")})


def test_progress_without_terminal_prints_tenths_and_time_to_go_once_it_can_be_judged(capsys, monkeypatch):
    seconds = iter(range(1000))
    monkeypatch.setattr(console.time, "monotonic", lambda: float(next(seconds)))
    listener = ConsoleListener()
    for done in range(1, 101):
        listener.progress("labelling", done, 100, "$0.10 of $1.00")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("labelling: 10/100 · ")
    assert "to go" not in lines[0]
    assert "to go" in lines[1]
    assert "to go" not in lines[-1]
    assert all(line.endswith("$0.10 of $1.00") for line in lines)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (3725, "1 h 2 min"), (90000, "25 h 0 min")]
)
def test_durations(seconds, words):
    assert console._duration(seconds) == words


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("variables", "can_draw"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"CI": "true"}, False)],
)
def test_bars_only_where_they_can_be_drawn(variables, can_draw, monkeypatch):
    for name in ("NO_COLOR", "CI", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(console.sys, "stderr", Terminal())
    assert console._can_draw() is can_draw
    monkeypatch.setattr(console.sys, "stderr", io.StringIO())
    assert not console._can_draw()
