"""The journal's tables, as an append-only list of named steps; a step that was released is never edited."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from understudy.errors import StoreError
from understudy.journal.sums import keep_sums

APPLICATION_ID = 0x556E6453
"""Stands in the file's header (``UndS``) and tells a journal from other SQLite files."""

Migration = Callable[[sqlite3.Connection], None]


def first_tables(connection: sqlite3.Connection) -> None:
    """Questions, replies, annotations, human labels, gold roles, runs."""
    for statement in _FIRST_TABLES.split(";"):
        connection.execute(statement)


_FIRST_TABLES = """
create table meta (name text primary key, value text not null) without rowid;
create table requests (
    key text primary key, document_id text not null, replicate integer not null, turn integer not null,
    teacher text not null, body text not null, attempt integer not null, at_most_usd real, sent_at text not null
) without rowid;
create table replies (
    id integer primary key, request_key text not null, body text not null, model text not null,
    prompt_tokens integer, completion_tokens integer, cost_usd real, latency_s real not null, received_at text not null
);
create index replies_by_request on replies (request_key);
create table failures (
    id integer primary key, request_key text not null, attempt integer not null, kind text not null,
    message text not null, is_maybe_billed integer not null, at text not null
);
create index failures_by_request on failures (request_key);
create table annotations (
    id integer primary key, document_id text not null, text_sha256 text not null, outcome text not null, value text,
    teacher text not null, model text not null, codebook text not null, prompt text not null,
    request_keys text not null, demonstrations text not null, created_at text not null, answers text not null,
    n_asked integer not null, consistency real, confidence real, trust real, cost_usd real, reason text not null
);
create index annotations_by_teacher on annotations (teacher, codebook, prompt);
create table human_labels (
    id integer primary key, document_id text not null, text_sha256 text not null, value text, annotator text not null,
    source text not null, created_at text not null
);
create table gold_roles (id integer primary key, document_id text not null, role text not null, at text not null);
create index gold_roles_by_document on gold_roles (document_id);
create table runs (
    id integer primary key, settings text not null, version text not null, command text not null,
    started_at text not null
)
"""


def flags_and_validations(connection: sqlite3.Connection) -> None:
    """What is suspicious about an annotated text, and every codebook that was validated with its scores."""
    connection.execute("alter table annotations add column flags text not null default '[]'")
    connection.execute(
        "create table validations (id integer primary key, codebook text not null, contents text not null, "
        "teacher text not null, prompt text not null, documents text not null, n integer not null, f1 real, low real, "
        "high real, at text not null)"
    )


def cached_tokens(connection: sqlite3.Connection) -> None:
    """How much of a prompt the server had in its cache."""
    connection.execute("alter table replies add column cached_tokens integer")


def batches(connection: sqlite3.Connection) -> None:
    """Requests handed to a provider together, stored before that, and what became of them."""
    connection.execute(
        "create table batches (id text primary key, teacher text not null, url text not null, request_keys text not "
        "null, at_most_usd real, created_at text not null) without rowid"
    )
    connection.execute(
        "create table batch_events (id integer primary key, batch_id text not null, state text not null, "
        "provider_id text not null, at text not null)"
    )
    connection.execute("create index batch_events_by_batch on batch_events (batch_id)")


def learning_rounds(connection: sqlite3.Connection) -> None:
    """Which documents each round of the learning loop chose and how, and how its student did."""
    connection.execute(
        "create table rounds (id integer primary key, loop text not null, number integer not null, "
        "strategy text not null, seed integer not null, n_candidates integer not null, selections text not null, "
        "at text not null, unique (loop, number))"
    )
    connection.execute(
        "create table round_results (id integer primary key, loop text not null, number integer not null, "
        "contents text not null, at text not null, unique (loop, number))"
    )


def uncertain_spans(connection: sqlite3.Connection) -> None:
    """Where a teacher names a span of which place or type is not certain."""
    connection.execute("alter table annotations add column uncertain text not null default '[]'")


def monitoring_looks(connection: sqlite3.Connection) -> None:
    """Every look at whether teacher and texts are still as they were."""
    connection.execute(
        "create table looks (id integer primary key, series text not null, contents text not null, at text not null)"
    )


def search_trials(connection: sqlite3.Connection) -> None:
    """Every training run of a search over hyper-parameters, and how it did."""
    connection.execute(
        "create table trials (id integer primary key, search text not null, arm text not null, run integer not null, "
        "parameters text not null, f1 real, train_s real not null, reason text not null, at text not null)"
    )
    connection.execute("create index trials_by_search on trials (search)")


def running_sums(connection: sqlite3.Connection) -> None:
    """What has been spent, without adding up all replies at every start."""
    keep_sums(connection)


MIGRATIONS: tuple[Migration, ...] = (
    first_tables,
    flags_and_validations,
    cached_tokens,
    batches,
    learning_rounds,
    uncertain_spans,
    monitoring_looks,
    search_trials,
    running_sums,
)


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring an open database up to date, all steps in one transaction; a copy of an older one is kept beside it.

    Raises
    ------
    StoreError
        If the file belongs to another program or was written by a newer version.
    """
    missing = missing_migrations(connection, path, migrations)
    if not missing:
        return
    if len(missing) < len(migrations):
        _keep_copy(connection, path, missing[0].__name__)
    connection.execute("begin immediate")
    connection.execute(f"pragma application_id = {APPLICATION_ID}")
    connection.execute("create table if not exists migrations (name text primary key, at text not null)")
    for migration in missing:
        migration(connection)
        connection.execute("insert into migrations values (?, datetime())", (migration.__name__,))
    connection.execute("commit")


def missing_migrations(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS
) -> list[Migration]:
    """The steps that a database has not seen; raises as `migrate`."""
    applied = _applied(connection, path)
    unknown = applied - {migration.__name__ for migration in migrations}
    if unknown:
        raise StoreError(
            f"`{path}` was written by a newer version of Understudy ({', '.join(sorted(unknown))}).",
            "Upgrade understudy; nothing was changed.",
        )
    return [migration for migration in migrations if migration.__name__ not in applied]


def _applied(connection: sqlite3.Connection, path: Path) -> set[str]:
    tables = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
    (application,) = connection.execute("pragma application_id").fetchone()
    if tables and application != APPLICATION_ID:
        raise StoreError(
            f"`{path}` is an SQLite file, but not a journal of Understudy.", "Move it away; nothing was changed."
        )
    if "migrations" not in tables:
        return set()
    return {name for (name,) in connection.execute("select name from migrations")}


def _keep_copy(connection: sqlite3.Connection, path: Path, migration: str) -> None:
    copy = sqlite3.connect(path.with_name(f"{path.name}.before-{migration}"))
    try:
        connection.backup(copy)
    finally:
        copy.close()
