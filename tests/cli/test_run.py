import json

from command_line import called
from fakellm import ok, serving


def answer(call):
    return ok("pos")


def test_end_of_a_run_names_texts_cost_time_file_and_next_command(finished, capsys):
    ended = called(capsys, "run", finished.folder, *finished.arguments)
    assert ended.code == 0, ended.err
    assert "texts: 64 (labelled 64)" in ended.out
    assert "cost: $0.0000" in ended.out
    assert f"report: {finished.folder / 'reports' / 'report.html'}" in ended.out
    assert ended.out.rstrip().splitlines()[-1].startswith("next: understudy predict")


def test_a_stopped_run_prints_no_empty_table(project, capsys):
    project.write_recorded(
        {row["id"]: "neg" if row["label"] == "pos" else "pos" for row in (*project.gold, *project.pool)}
    )
    ended = called(capsys, "run", project.folder, *project.arguments)
    assert ended.code == 1
    assert "--despite-gate" in ended.err
    assert "arm" not in ended.out
    assert "next: understudy validate" in ended.out


def test_verdicts_name_each_labeller_once(finished, capsys):
    lines = called(capsys, "evaluate", finished.folder, *finished.arguments).out.splitlines()
    undecided = [line for line in lines if "not decidable" in line]
    decided = [line for line in lines if " is better than " in line]
    assert undecided or decided
    assert all(" against " in line for line in undecided)
    assert not any(" against " in line for line in decided)


def test_paid_teacher_shows_plan_and_spending(project, capsys):
    with serving(answer) as server:
        project.use_model(server.url)
        ended = called(capsys, "validate", project.folder, *project.arguments, "--json")
        n_calls = len(server.calls)
    assert f"{n_calls} calls" in ended.err
    assert f"spent ${n_calls * 0.00011:,.4f}" in ended.err  # 100 and 5 tokens at 1 and 2 dollars a million
    assert " · $0.00" in ended.err, "progress shows what is spent"
    assert json.loads(ended.out)["n"] == 24


def test_unknown_price_is_called_unknown(project, capsys):
    with serving(answer) as server:
        project.use_model(server.url)
        del project.settings["teacher.price_in_usd"]
        planned = called(capsys, "plan", project.folder, *project.arguments)
        as_json = json.loads(called(capsys, "plan", project.folder, *project.arguments, "--json").out)
        ended = called(capsys, "validate", project.folder, *project.arguments)
    assert "cost: unknown" in planned.out
    assert (as_json["cost_usd"], as_json["cost_usd_at_most"]) == (None, None)
    assert "spent: unknown" in ended.err
    assert "price unknown" in ended.err
