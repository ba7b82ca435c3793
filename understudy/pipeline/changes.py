"""What has changed in the project since the teacher was last asked, so that labels of two kinds are never mixed unseen.

Labels stay under the codebook, prompt and model that they were given with; nothing is removed here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.journal import Journal
    from understudy.pipeline.project import Project

ASKED_WITH = "asked with"
NOT_THE_ANSWERS = frozenset(
    {
        "concurrency", "timeout_s", "max_attempts", "budget_usd", "budget_tokens", "max_labels", "requests_per_minute",
        "tokens_per_minute", "price_in_usd", "price_out_usd", "price_cached_usd", "api_key_env", "recorded",
    }
)  # fmt: skip
MOST_SHOWN = 12
LONGEST = 60


def changes_since_asked(project: Project, journal: Journal) -> list[str]:
    """Lines ``setting: before -> now`` for all that answers depend on; none if the teacher was never asked."""
    before = journal.recall(ASKED_WITH)
    if before is None:
        return []
    then, now = dict(_flat(json.loads(before))), dict(_flat(_state(project)))
    names = [name for name in (then | now) if then.get(name) != now.get(name)]
    return [f"{name}: {_short(then.get(name))} -> {_short(now.get(name))}" for name in names]


def remember_asked(project: Project, journal: Journal) -> None:
    """Keep what answers depend on from now on."""
    journal.remember(ASKED_WITH, json.dumps(_state(project)))


def announce_changes(project: Project, journal: Journal, n_missing: int) -> None:
    """Say what has changed and what becomes of the labels given before."""
    changes = changes_since_asked(project, journal)
    if not changes:
        return
    more = [f"and {len(changes) - MOST_SHOWN} more"] if len(changes) > MOST_SHOWN else []
    project.listener.say(
        "changed since the teacher was last asked:\n"
        + "\n".join(f"  {line}" for line in (*changes[:MOST_SHOWN], *more))
        + f"\n{n_missing:,} texts are asked about under the new version; earlier labels are kept under the old one."
    )


def _state(project: Project) -> dict[str, Any]:
    settings = project.settings
    teacher = {k: v for k, v in settings.teacher.model_dump(mode="json").items() if k not in NOT_THE_ANSWERS}
    return {
        "codebook": settings.codebook.model_dump(mode="json"),
        "prompt": settings.prompt.model_dump(mode="json"),
        "teacher": teacher,
    }


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves by dotted name; entries of a list of tables go by their `name`, so that a new one shifts nobody."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _flat(one, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and value and all(isinstance(one, Mapping) and "name" in one for one in value):
        yield f"{name} (order)", [one["name"] for one in value]
        for one in value:
            yield from _flat({k: v for k, v in one.items() if k != "name"}, f"{name}.{one['name']}")
    else:
        yield name, value


def _short(value: Any) -> str:
    text = "nothing" if value in (None, "", []) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
