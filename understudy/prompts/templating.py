"""Loads and fills the versioned templates of this package; data reach them as values, never as template text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from understudy.codebook import Codebook, Task
from understudy.prompts.visible import visible

KINDS = ("classification", "multilabel", "entities", "relations")
PLAIN = ""
PARAPHRASES = ("brief", "steps", "expert")
"""The same question in other words, to see how far answers depend on the wording."""
REPAIR = "repair.v1.jinja"
REPAIR_SPANS = "repair_spans.v1.jinja"
SEVERAL = "several.v1.jinja"
"""For questions about several texts at once, where labels are asked for."""
WRITE = "write.v1.jinja"
"""For labelled texts that the model writes itself."""


def template_of(codebook: Codebook, paraphrase: str = PLAIN) -> str:
    """File name of the template for a codebook's kind, in the usual words or in those of one of `PARAPHRASES`."""
    return ".".join(filter(None, [codebook.kind, paraphrase, "v1", "jinja"]))


def repair_of(codebook: Codebook) -> str:
    """File name of the template for asking once more."""
    return REPAIR_SPANS if codebook.kind == "entities" else REPAIR


def fill(template: str, block: str, values: Mapping[str, Any]) -> str:
    """One block of a template, filled, without the line break at its end.

    Every value is printed as `visible` leaves it. A value that the template names and that is not given is an error.
    """
    loaded = _environment().get_template(template)
    return "".join(loaded.blocks[block](loaded.new_context(dict(values)))).removesuffix("\n")


def template_digest(task: Task, paraphrase: str = PLAIN, *, with_several: bool = False) -> str:
    """SHA-256, as 64 hex digits, over names and texts of all template files that prompts of this task are made of.

    Parameters
    ----------
    with_several : whether several texts are asked about at once, too.
    """
    names = [template_of(task.codebook, paraphrase), repair_of(task.codebook)]
    return template_files_digest(*names, *([SEVERAL] if with_several else []))


def template_files_digest(*names: str) -> str:
    """SHA-256, as 64 hex digits, over names and texts of some template files and of those that they include."""
    digest = hashlib.sha256()
    for name in sorted(set().union(*map(_with_parts, names))):
        digest.update(f"{name}\0{_source(name)}\0".encode())
    return digest.hexdigest()


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FunctionLoader(_source),
        autoescape=False,  # prompts are plain text; texts must arrive verbatim
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if isinstance(value, str) else value,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _source(name: str) -> str:
    return (files("understudy.prompts") / "templates" / name).read_text(encoding="utf-8")


def _with_parts(name: str) -> set[str]:
    parts = meta.find_referenced_templates(_environment().parse(_source(name)))
    return {name}.union(*(_with_parts(part) for part in parts if part))
