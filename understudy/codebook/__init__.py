"""What the labels mean, and everything that depends on the kind of task: one module per kind."""

from understudy.codebook.digest import codebook_digest
from understudy.codebook.lint import Finding, lint
from understudy.codebook.tally import Tally
from understudy.codebook.task import Task, Vote, task_of
from understudy.settings import Codebook, Label

__all__ = ["Codebook", "Finding", "Label", "Tally", "Task", "Vote", "codebook_digest", "lint", "task_of"]
