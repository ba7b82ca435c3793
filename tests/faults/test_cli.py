"""Cases C-01 to C-12: what a person, a script and a terminal may expect of the command line."""

import inspect
import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import PROGRAM, called, environment, spawned
from fakellm import delay, ok, serving, status
from small_project import SmallProject

from understudy.cli.main import COMMANDS, build
from understudy.journal import Journal
from understudy.records import Outcome

NAMES = [module.__name__.rsplit(".", 1)[1].replace("_", "-") for module in COMMANDS]
HEAVY = {"torch", "transformers", "sqlite3", "httpx", "sklearn", "scipy", "pyarrow", "matplotlib", "pandas", "numpy"}
COMMAND_OF = {name: getattr(module, name.replace("-", "_")) for module, name in zip(COMMANDS, NAMES, strict=True)}
ON_A_PROJECT = [name for name, command in COMMAND_OF.items()
                if [*inspect.signature(command).parameters][:2] == ["folder", "overrides"]]  # fmt: skip
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _signals_as_before():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def project(tmp_path, tiny_bert):
    return SmallProject(tmp_path / "project", tiny_bert, codebook='positive = "pos"')


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_bert):
    small = SmallProject(tmp_path_factory.mktemp("finished") / "project", tiny_bert, codebook='positive = "pos"')
    small.write_recorded({row["id"]: row["label"] for row in (*small.gold, *small.pool)})
    small.open().run()
    return small


@pytest.fixture
def paid(project):
    """A project with a model that needs no encoder. Processes `validate`, which asks about 24 texts and loads none."""
    project.settings |= {"prompt.demonstrations": '"none"', "teacher.kind": "openai"}
    return project


def stored(project):
    """Replies and annotations in the journal, which must be intact."""
    with Journal.open(project.folder / "journal.sqlite", read_only=True) as journal:
        journal.check()
        counts = journal.counts()
    return counts["replies"], counts["annotations"]


def test_c01_help_of_every_command_has_an_example_and_loads_nothing_heavy():
    program = f"""
import contextlib, io, json, sys
from understudy.cli import main
found = {{}}
for name in {NAMES!r}:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            main([name, "--help"])
        except SystemExit as end:
            found[name] = [end.code, "Example: understudy " + name in out.getvalue()]
print(json.dumps([found, sorted({{module.split(".")[0] for module in sys.modules}})]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment()
    )
    found, loaded = json.loads(done.stdout)
    assert found == {name: [0, True] for name in NAMES}
    assert not set(loaded) & HEAVY


@pytest.mark.parametrize("is_project", [True, False])
def test_c02_without_arguments_the_help_and_the_next_step_here(is_project, project, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(project.folder if is_project else tmp_path)
    ended = called(capsys)
    assert ended.code == 2
    assert all(name in ended.out for name in NAMES)
    assert ("understudy run" if is_project else "understudy init") in ended.out.splitlines()[-1]
    assert ended.err == ""


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["chek", "PROJECT"], "check"),
        (["check", "PROJECT", "--jsn"], "--json"),
        (["init", "NEW", "--kind", "multilable"], "multilabel"),
        (["check", "PROJECT", "--set", "teacher.replicats=3"], "Did you mean `replicates`?"),
        (["check", "PROJECT", "--set", "data.text=txt"], "`text`"),
        (["check", "PROJECT", "--set", "data.label=lable"], "Did you mean `label`?"),
        (["predict", "a.csv", "b.csv", "--project", "PROJECT", "--student", "human-9"], "Did you mean `human-8`?"),
    ],
)
def test_c03_a_typo_is_answered_with_the_right_name(arguments, suggestion, finished, tmp_path, capsys):
    places = {"PROJECT": finished.folder, "NEW": tmp_path / "new"}
    ended = called(capsys, *(places.get(argument, argument) for argument in arguments))
    assert ended.code == 2
    assert suggestion in ended.err
    assert "Traceback" not in ended.err


def test_c03_a_wrong_label_in_gold_names_the_nearest_and_the_row(project, capsys):
    project.gold[4]["label"] = "pso"
    project.write()
    ended = called(capsys, "check", project.folder)
    assert ended.code == 2
    assert all(part in ended.err for part in ("pso", "`pos`", "gold.csv", "6"))  # a header and five rows


C04 = {
    ("check", "nowhere"): (
        "error: `nowhere` has no understudy.toml.\n\nhint: Run `understudy init FOLDER` to make a project.\n"
    ),
    ("check", "--set", "seed"): "error: `--set seed` has no `=`.\n\nhint: Write `--set teacher.replicates=3`.\n",
    ("chek",): "error: No such command 'chek'. Did you mean 'check'?\n\nhint: Run `understudy --help`.\n",
    ("evaluate", "PROJECT"): (
        "error: There is nothing to judge yet: no trained student, and no label of the teacher.\n\n"
        "hint: Run `understudy run PROJECT`; it does every step that is missing.\n"
    ),
    ("predict", "a.csv", "b.csv", "--project", "PROJECT"): (
        "error: No student has been evaluated yet.\n\nhint: Run `understudy run PROJECT` first.\n"
    ),
    ("annotate", "PROJECT", "--set", "teacher.kind=recorded"): (
        "error: pool.csv, gold.csv: there is no column `teacher`. The columns are `id`, `label`, `text`.\n\n"
        "hint: There is: `id`, `label`, `text`. Name the columns under `[data]` in understudy.toml.\n"
    ),
    ("init", "PROJECT"): (
        "error: `PROJECT` already holds a project.\n\nhint: Choose another folder, or edit the one there.\n"
    ),
    ("demo", "PROJECT"): (
        "error: `PROJECT` holds another project.\n\nhint: Name another folder: `understudy demo FOLDER`.\n"
    ),
}


@pytest.mark.parametrize("arguments", C04, ids=" ".join)
def test_c04_an_error_is_a_cause_a_blank_line_and_a_hint(arguments, project, monkeypatch, capsys):
    monkeypatch.chdir(project.folder.parent)
    ended = called(capsys, *(project.folder if argument == "PROJECT" else argument for argument in arguments))
    assert ended.err.replace(str(project.folder), "PROJECT") == C04[arguments]
    assert (ended.code, ended.out) == (2, "")


def test_c04_a_fault_of_ours_is_one_line_and_a_file(monkeypatch, capsys, project):
    monkeypatch.setattr("understudy.pipeline.checking.lint", lambda codebook: 1 / 0)
    ended = called(capsys, "check", project.folder)
    assert ended.code == 2
    assert ended.err.startswith("error: unexpected ZeroDivisionError: division by zero\n\nhint: ")
    log = Path(re.search(r"details are in (\S+\.log);", ended.err)[1])
    assert "Traceback" in log.read_text(encoding="utf-8")
    log.unlink()


def test_c05_one_json_object_from_every_command(finished, tmp_path, capsys):
    (tmp_path / "new.csv").write_text("id,text\n1,the film was good\n", encoding="utf-8")
    here = [finished.folder, *finished.arguments]
    commands = {name: [name, *here] for name in ON_A_PROJECT}
    commands |= {
        "init": ["init", tmp_path / "new"],
        "doctor": ["doctor", finished.folder],
        "backup": ["backup", tmp_path / "copy.sqlite", "--project", finished.folder],
        "predict": ["predict", tmp_path / "new.csv", tmp_path / "out.csv", "--project", *here],
    }
    assert len(commands) >= 13
    for name, command in commands.items():
        ended = called(capsys, *command, "--json")
        assert ended.code in (0, 1), (name, ended.err)
        assert isinstance(json.loads(ended.out), dict), name
        assert "{" not in ended.err, name


@pytest.mark.parametrize("name", ON_A_PROJECT)
def test_c05_one_json_object_for_a_failure(name, tmp_path, capsys):
    ended = called(capsys, name, tmp_path / "nowhere", "--json")
    error = json.loads(ended.out)["error"]
    assert error.keys() == {"kind", "message", "hint"}
    assert error["kind"] == "UserError"
    assert error["message"] in ended.err
    assert ended.code == 2


def test_c05_usage_errors_are_json_too(capsys):
    assert json.loads(called(capsys, "check", "--jsn", "--json").out)["error"]["message"].startswith("No such option")


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CI": "1", "NO_COLOR": "1"}])
def test_c06_no_escape_codes_where_they_are_not_wanted(variables, project):
    project.write_recorded({row["id"]: row["label"] for row in (*project.gold, *project.pool)})
    shown = on_terminal(["validate", project.folder, *project.arguments], variables)
    assert "\x1b" not in shown
    assert "labelling: 24/24" in shown


def test_c06_a_terminal_gets_a_bar(project):
    project.write_recorded({row["id"]: row["label"] for row in (*project.gold, *project.pool)})
    shown = on_terminal(["validate", project.folder, *project.arguments], {"TERM": "xterm"})
    assert "\x1b[" in shown
    assert "24/24" in shown


def test_c06_piped_output_has_no_escape_codes(project):
    project.write_recorded({row["id"]: row["label"] for row in (*project.gold, *project.pool)})
    ended = spawned(["validate", project.folder, *project.arguments])
    assert ended.code == 0, ended.err
    assert "\x1b" not in ended.out + ended.err
    assert 1 < ended.err.count("labelling: ") <= 10
    assert "labelling: " not in ended.out


def on_terminal(arguments, variables):
    """What a command shows on a pseudo-terminal."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [*PROGRAM, *map(str, arguments)], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(**variables)
    )
    os.close(theirs)
    shown = bytearray()
    while True:
        select.select([ours], [], [])
        try:
            shown += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    assert child.wait() == 0, shown
    return shown.decode()


def test_c07_plan_and_run_ask_the_same_and_a_pipe_is_not_asked(paid, capsys):
    with serving(lambda call: ok("pos")) as server:
        paid.use_model(server.url)
        planned = json.loads(called(capsys, "plan", paid.folder, *paid.arguments, "--json").out)
        assert server.calls == []
        ended = called(capsys, "annotate", paid.folder, *paid.arguments, "--json")
        assert ended.code == 0, ended.err
        assert len(server.calls) == planned["calls"] == sum(json.loads(ended.out)["outcomes"].values())
        again = called(capsys, "annotate", paid.folder, *paid.arguments)
        assert len(server.calls) == planned["calls"]
    assert "0 texts to ask about" in again.err


@pytest.mark.parametrize(("answer", "code", "n_asked"), [("n", 2, 0), ("y", 0, 24)])
def test_c07_a_person_is_asked_before_money_is_spent(answer, code, n_asked, paid):
    with serving(lambda call: ok("pos")) as server:
        paid.use_model(server.url)
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            [*PROGRAM, "validate", paid.folder, *paid.arguments], stdin=theirs, stdout=theirs, stderr=theirs,
            env=environment(TERM="dumb"),
        )  # fmt: skip
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        assert _drained(ours, child) == code
        assert len(server.calls) == n_asked


def _drained(ours, child):
    while True:
        try:
            os.read(ours, 65536)
        except OSError:
            os.close(ours)
            return child.wait()


def test_c09_every_outcome_adds_up(paid, capsys):
    def script(call):
        number = int(call.question.rsplit("number", 1)[-1].split()[0])
        return {0: status(400), 1: ok("no idea what this is")}.get(number % 8, ok("pos"))

    with serving(script) as server:
        paid.use_model(server.url)
        ended = called(capsys, "annotate", paid.folder, *paid.arguments, "--json")
    outcomes = json.loads(ended.out)["outcomes"]
    assert set(outcomes) == set(Outcome)
    assert sum(outcomes.values()) == 64
    assert outcomes["labelled"] == 48  # of every 8 numbers, 6 are answered; 40 and 24 are multiples of 8
    assert outcomes["unparsed"] == 8
    assert ended.code == 1, "a quarter of the answers cannot be used"


def test_c10_zero_one_and_two(project, tmp_path):
    assert spawned(["init", tmp_path / "new"]).code == 0
    assert spawned(["check", tmp_path / "new"]).code == 1  # ten gold texts are few
    assert spawned(["check", tmp_path / "new", "--no-such-option"]).code == 2


def test_c10_three_when_the_budget_is_spent(paid):
    with serving(lambda call: ok("pos")) as server:
        paid.use_model(server.url)
        ended = spawned(["validate", paid.folder, *paid.arguments, "--budget-usd", "0.002"])
        assert ended.code == 3, ended.err
        assert 0 < len(server.calls) < 24
        assert stored(paid)[0] == len(server.calls)
        assert spawned(["validate", paid.folder, *paid.arguments, "--budget-usd", "5"]).code == 0
        assert len(server.calls) == 24


@pytest.mark.parametrize("number", [401, 402])
def test_c10_four_when_the_provider_stops(number, paid):
    with serving(lambda call: status(number)) as server:
        paid.use_model(server.url)
        ended = spawned(["validate", paid.folder, *paid.arguments, "--json"])
    assert ended.code == 4, ended.err
    assert json.loads(ended.out)["error"]["kind"] == "TeacherError"


def test_c10_five_when_another_process_works_on_the_project(paid):
    with Journal.open(paid.folder / "journal.sqlite"), serving(lambda call: ok("pos")) as server:
        paid.use_model(server.url)
        ended = spawned(["validate", paid.folder, *paid.arguments])
        assert ended.code == 5
        assert f"process {os.getpid()}" in ended.err
        assert server.calls == []
        assert spawned(["plan", paid.folder, *paid.arguments]).code == 0, "looking is allowed"


def test_c10_five_when_the_journal_is_damaged(paid):
    (paid.folder / "journal.sqlite").write_bytes(b"no database")
    assert spawned(["validate", paid.folder, *paid.arguments]).code == 5


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_c10_interrupted_keeps_what_is_paid_for(number, code, paid):
    with serving(lambda call: delay(0.02, ok("pos"))) as server:
        paid.use_model(server.url)
        command = [*PROGRAM, "validate", str(paid.folder), *paid.arguments, "--json"]
        child = subprocess.Popen(command, stdout=-1, stderr=-1, text=True, env=environment())
        for line in child.stderr:
            if line.startswith("labelling: "):
                break
        child.send_signal(number)
        out, err = child.communicate()
        assert child.returncode == code, err
        assert json.loads(out)["error"]["kind"] == "Interrupted"
        assert "Traceback" not in err
        n_calls = len(server.calls)
        assert 0 < n_calls < 24
        assert stored(paid)[0] == n_calls, "what was in flight is waited for"
        assert spawned(["validate", paid.folder, *paid.arguments]).code == 0
        assert len(server.calls) == 24, "nothing is asked twice"
    assert stored(paid)[0] == 24


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_c11_completion_scripts_are_printed_and_bash_reads_its_own(shell, tmp_path):
    program = tmp_path / "understudy"
    program.write_text(f"#!{sys.executable}\nfrom understudy.cli import main\nmain()\n", encoding="utf-8")
    program.chmod(0o755)
    done = subprocess.run([program], capture_output=True, text=True,
                          env=environment(_UNDERSTUDY_COMPLETE=f"source_{shell}"))  # fmt: skip
    assert "_UNDERSTUDY_COMPLETE" in done.stdout
    assert "Usage" not in done.stdout
    if shell == "bash" and shutil.which("bash"):
        assert subprocess.run(["bash", "-n"], input=done.stdout, text=True, capture_output=True).returncode == 0


def test_c12_the_commands_of_the_readme(project, tiny_bert, tmp_path, monkeypatch, capsys):
    """As they stand there; between the first and the second a person puts their texts and codebook into the folder."""
    blocks = re.findall(r"```\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    block = next(block for block in blocks if "understudy init" in block)
    commands = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert [command[1] for command in commands] == ["init", "check", "plan", "run", "predict"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.csv").write_text("id,text\n1,the film was good\n", encoding="utf-8")
    codes = []
    for _, *arguments in commands:
        ended = called(capsys, *arguments)
        codes.append(ended.code)
        if arguments[0] == "init":
            _fill(tmp_path / arguments[1], project)
    assert codes == [0, 1, 0, 0, 0], ended.err  # check warns: 16 test texts are few
    assert "label" in (tmp_path / "labelled.csv").read_text(encoding="utf-8").splitlines()[0]


def _fill(folder, project):
    project.write_recorded({row["id"]: row["label"] for row in (*project.gold, *project.pool)})
    settings = (project.folder / "understudy.toml").read_text(encoding="utf-8").replace('"pool.csv"', '"data/pool.csv"')
    settings = settings.replace('"gold.csv"', '"data/gold.csv"') + "\n".join(
        f"{name} = {value}" if value[:1] in '["0123456789' else f'{name} = "{value}"'
        for name, value in project.overrides.items()
    )
    sections = re.sub(r"(?m)^student\.linear", "student.linear", settings)
    head, rest = sections.split("[codebook]", 1)
    flat = [line for line in rest.splitlines() if re.match(r"(teacher|gold|gate|arms|student)\.", line)]
    kept = [line for line in rest.splitlines() if line not in flat]
    (folder / "understudy.toml").write_text("\n".join([*flat, head, "[codebook]", *kept]) + "\n", encoding="utf-8")
    for name in ("gold.csv", "pool.csv"):
        shutil.copy(project.folder / name, folder / "data" / name)
    shutil.copy(project.folder / "recorded.jsonl", folder / "recorded.jsonl")


def test_data_never_steers_the_terminal(project, capsys):
    evil = "\x1b]0;owned\x07\x1b[2J\u202e"
    project.pool[0]["text"] = f"{evil}the film was good"
    project.pool[1]["text"] = project.gold[0]["text"]
    project.gold[0]["id"] = f"id{evil}"
    project.write()
    with serving(lambda call: status(400, json.dumps({"error": {"message": evil}}))) as server:
        project.use_model(server.url)
        project.settings["prompt.demonstrations"] = '"none"'
        for command in ("check", "plan", "annotate"):
            ended = called(capsys, command, project.folder, *project.arguments)
            assert not set(evil) & {"\x1b", "\x07", "\u202e"} & set(ended.out + ended.err), command
    project.gold[1]["label"] = evil
    project.write()
    ended = called(capsys, "check", project.folder)
    assert ended.code == 2
    assert "\x1b" not in ended.err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_x05_terminals_of_other_encodings_end_no_run(encoding, project):
    project.pool[0]["text"] = "是的 👩"
    project.pool[1]["text"] = "是的  👩"
    project.write()
    ended = spawned(["check", project.folder], {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    assert ended.code == 1, ended.err
    assert "Unicode" not in ended.err


def test_every_command_is_in_the_application():
    assert {command.name for command in build().registered_commands} == set(NAMES)
