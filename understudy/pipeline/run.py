"""The whole job in one go; every step resumes by itself, so doing it again costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy import __version__
from understudy.errors import UserError

if TYPE_CHECKING:
    from understudy.pipeline.project import Project
    from understudy.pipeline.result import RunResult


def run(project: Project, *, despite_gate: bool) -> RunResult:
    """Check, validate, annotate, train, evaluate, report; stops at a clear no of the gate."""
    _refuse_errors(project)
    with project.journal() as journal:  # held to the end, so that no other process works on the project meanwhile
        journal.add_run(project.settings.model_dump_json(), __version__, "run").result()
        return _run(project, despite_gate=despite_gate)


def _run(project: Project, *, despite_gate: bool) -> RunResult:
    from understudy.pipeline.result import report, report_without_arms

    validation = project.validate()
    for line in validation.lines():
        project.listener.say(line)
    if validation.is_no and not despite_gate:
        project.listener.say("Stopped here: a student cannot learn well from this teacher. Sharpen the codebook, "
                             "choose another teacher, or add `--despite-gate`.")  # fmt: skip
        return report_without_arms(project, validation)
    labelled = project.learn() if project.settings.learn.enabled else project.annotate()
    for line in labelled.lines():
        project.listener.say(line)
    project.train()
    return report(project)


def _refuse_errors(project: Project) -> None:
    from understudy.report.words import counted

    remarks = project.check()
    errors = [remark for remark in remarks if remark.level == "error"]
    if errors:
        raise UserError(
            "\n".join(f"{remark.title}: {'; '.join(remark.details)}" for remark in errors),
            f"`understudy check {project.folder}` shows all that was found.",
        )
    n_warnings = sum(remark.level == "warning" for remark in remarks)
    project.listener.say(f"checked {len(project.pool):,} pool and {len(project.gold):,} gold texts: "
                         f"{counted(n_warnings, 'warning')} (see `understudy check`)")  # fmt: skip
