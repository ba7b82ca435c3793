"""A teacher asked beside the main job: its answers are stored apart and never take the place of the pool's."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from understudy.errors import UserError
from understudy.pipeline.teachers import OpenedTeacher

if TYPE_CHECKING:
    from understudy.journal import Journal
    from understudy.teacher import Teacher


@runtime_checkable
class AsksAnew(Protocol):
    """A teacher that can be asked the same again."""

    def ask_anew(self, first_replicate: int, prompt_digest: str) -> None:
        """Number repetitions from another number on, and keep the answers apart."""


def asked_apart(opened: OpenedTeacher, occasion: str, first_replicate: int = 0) -> OpenedTeacher:
    """The same teacher on another occasion; an interrupted one goes on with what it has.

    Parameters
    ----------
    occasion : such as ``look 3``; answers of one occasion are kept together.
    first_replicate : above 0 to be answered anew about texts that it was asked about before.
    """
    digest = hashlib.sha256(f"{opened.prompt_digest} {occasion}".encode()).hexdigest()

    def connect(journal: Journal) -> Teacher:
        teacher = opened.connect(journal)
        if not isinstance(teacher, AsksAnew):
            raise UserError(f"{opened.name} cannot be asked again.", "Look at new texts with `--texts`.")
        teacher.ask_anew(first_replicate, digest)
        return teacher

    return OpenedTeacher(opened.name, digest, connect)
