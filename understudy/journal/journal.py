"""What a project must not lose, in one SQLite file: it stores and gives back, and decides nothing.

Every writing method returns a future that is done when the write is on the disk. Rows are added, never changed or
removed; where several say something about one thing, the latest counts. Two things only are updated in place: the
attempts of a request (their number, when, and the most that one can cost), and the named values of `remember`; and the
running `sums`, which follow from the rows.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from understudy.errors import StoreError
from understudy.journal.migrations import missing_migrations
from understudy.journal.opening import refuse_damaged
from understudy.journal.rows import (
    ANNOTATION_COLUMNS,
    BATCH_COLUMNS,
    HUMAN_LABEL_COLUMNS,
    REPLY_COLUMNS,
    ROUND_COLUMNS,
    TRIAL_COLUMNS,
    VALIDATION_COLUMNS,
    Decode,
    Encode,
    annotation_of,
    annotation_row,
    batch_of,
    batch_row,
    failure_row,
    human_label_of,
    human_label_row,
    now,
    read,
    reply_of,
    reply_row,
    request_row,
    round_of,
    round_row,
    stored,
    trial_of,
    trial_row,
    validation_of,
    validation_row,
)
from understudy.journal.sums import SPENT_TOKENS, SPENT_USD
from understudy.journal.writer import BUSY_TIMEOUT_S, Write, Writer, acquire, release
from understudy.records import (
    Annotation,
    Batch,
    BatchState,
    Failure,
    HumanLabel,
    Reply,
    Request,
    Role,
    Round,
    Trial,
    Usage,
    ValidationRecord,
)

TABLES = ("requests", "replies", "failures", "annotations", "human_labels", "gold_roles", "runs", "validations")

INTENTION = (
    "insert into requests (key, document_id, replicate, turn, teacher, body, at_most_usd, sent_at, attempt) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, 1) on conflict (key) do update set attempt = attempt + 1, "
    "sent_at = excluded.sent_at, at_most_usd = coalesce(max(at_most_usd, excluded.at_most_usd), at_most_usd, "
    "excluded.at_most_usd)"
)
FAILURE = (
    "insert into failures (request_key, attempt, kind, message, is_maybe_billed, at) "
    "values (?, coalesce((select attempt from requests where key = ?), 0), ?, ?, ?, ?)"
)
BATCH_EVENT = "insert into batch_events (batch_id, state, provider_id, at) values (?, ?, ?, ?)"


class Journal:
    """The store of one project. Make it with `Journal.open`; all methods may be called from any thread."""

    def __init__(self, path: Path, writer: Writer | None) -> None:
        self.path = path
        self._writer = writer
        self._reading = threading.Lock()
        self._process = os.getpid()
        self._reader = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False
        )

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Self:
        """Open a journal, or make it if there is none.

        Opening a file again in one process is allowed; a second process may only read.

        Parameters
        ----------
        read_only : needs no lock, makes and changes nothing; but a journal of an older version is brought up to date
            first, which takes the lock for a moment and keeps a copy.

        Raises
        ------
        StoreError
            If another process writes to it, it is damaged, was written by a newer version, belongs to another program,
            its folder cannot be written to, or (`read_only`) it does not exist.
        """
        return cls._open_to_read(path) if read_only else cls._open_to_write(path)

    @classmethod
    def _open_to_write(cls, path: Path) -> Self:
        writer = acquire(path)
        try:
            return cls(path, writer)
        except BaseException:
            release(writer)
            raise

    @classmethod
    def _open_to_read(cls, path: Path) -> Self:
        if not path.exists():
            raise StoreError(f"there is no journal `{path}`.", "It is made by the first run.")
        refuse_damaged(path)
        journal = cls._reader_of(path)
        if not journal._is_outdated():
            return journal
        journal.close()
        cls._open_to_write(path).close()
        return cls._reader_of(path)

    @classmethod
    def _reader_of(cls, path: Path) -> Self:
        try:
            return cls(path, None)
        except sqlite3.Error as exc:
            raise _unreadable(path, exc) from exc

    def _is_outdated(self) -> bool:
        try:
            with self._reads() as connection:
                return bool(missing_migrations(connection, self.path))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Wait for queued writes and free the file; closing twice is allowed."""
        with self._reading:
            self._reader.close()
        if self._writer is not None:
            writer, self._writer = self._writer, None
            release(writer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def intend(self, request: Request, at_most_usd: float | None = None) -> Future[None]:
        """Store that a request is about to be sent; each further time counts one more attempt.

        Parameters
        ----------
        at_most_usd : what one attempt can cost at most; None if the price is unknown.
        """
        return self._write(INTENTION, [request_row(request, at_most_usd)])

    def settle(self, reply: Reply) -> Future[None]:
        """Store what came back, before anyone reads it."""
        return self._write(_insertion("replies", REPLY_COLUMNS), [reply_row(reply)])

    def record_failure(
        self, request_key: str, kind: str, message: str, *, is_maybe_billed: bool = False
    ) -> Future[None]:
        """Store that the latest attempt of a request brought no reply.

        Parameters
        ----------
        kind : `timeout`, `rate limit`, ... as the teacher names it.
        is_maybe_billed : whether the server may have answered, and charged, all the same.
        """
        return self._write(FAILURE, [failure_row(Failure(request_key, kind, message, is_maybe_billed))])

    def begin_batch(
        self, batch: Batch, requests: Sequence[Request], at_most_usd: Sequence[float | None]
    ) -> Future[None]:
        """Store that requests are about to be handed over together; each counts one more attempt, as with `intend`.

        Parameters
        ----------
        at_most_usd : what each of `requests` can cost at most; None if the price is unknown.
        """
        rows = [request_row(*pair) for pair in zip(requests, at_most_usd, strict=True)]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(INTENTION, rows)
            connection.execute(_insertion("batches", BATCH_COLUMNS), batch_row(batch))
            connection.execute(BATCH_EVENT, (batch.id, batch.state.value, stored(batch.provider_id), now()))

        return self._submit(write)

    def note_batch(self, batch_id: str, state: BatchState, provider_id: str) -> Future[None]:
        """Store where a batch stands and how the provider calls it."""
        return self._write(BATCH_EVENT, [(batch_id, state.value, stored(provider_id), now())])

    def end_batch(
        self, batch_id: str, state: BatchState, provider_id: str, replies: Sequence[Reply], failures: Sequence[Failure]
    ) -> Future[None]:
        """Store all that came of a batch, and that it has ended: everything or nothing."""
        reply_rows = [reply_row(reply) for reply in replies]
        failure_rows = [failure_row(failure) for failure in failures]

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany(_insertion("replies", REPLY_COLUMNS), reply_rows)
            connection.executemany(FAILURE, failure_rows)
            connection.execute(BATCH_EVENT, (batch_id, state.value, stored(provider_id), now()))

        return self._submit(write)

    def batches(self) -> list[Batch]:
        """Every batch with its latest state, oldest first."""
        rows = self._read(
            f"select {BATCH_COLUMNS}, (select state from batch_events where batch_id = batches.id order by "  # noqa: S608  # constants
            "batch_events.id desc limit 1), (select provider_id from batch_events where batch_id = batches.id order by "
            "batch_events.id desc limit 1) from batches order by "
            "(select min(batch_events.id) from batch_events where batch_id = batches.id)"
        )
        return [batch_of(row) for row in rows]

    def most_usd_of(self, request_keys: Iterable[str]) -> dict[str, float | None]:
        """What one attempt of each request can cost at most, by key; None if the price is unknown."""
        rows = self._read(
            "select key, at_most_usd from requests where key in (select value from json_each(?))",
            (json.dumps(list(request_keys)),),
        )
        return {read(key): at_most_usd for key, at_most_usd in rows}

    def reply_to(self, request_key: str) -> Reply | None:
        """The latest reply to a request, or None."""
        rows = self._read(
            _selection(REPLY_COLUMNS, "replies where request_key = ? order by id desc limit 1"),
            (stored(request_key),),
        )
        return reply_of(rows[0]) if rows else None

    def spent_usd(self) -> float:
        """US dollars that replies have cost, and at most have cost that were sent but whose end is unknown.

        An attempt is of unknown end if neither a reply nor an unbilled failure is stored: the process died or the
        connection broke. Calls of unknown price count 0.
        """
        ((usd,),) = self._read(SPENT_USD)
        return float(usd)

    def usage(self, teacher: str) -> Usage:
        """What the calls of a teacher took so far."""
        rows = self._read(
            "select count(*), total(prompt_tokens), total(completion_tokens), total(cached_tokens),"
            " total(prompt_tokens is null), total(cost_usd), total(cost_usd is null)"
            " from replies join requests on key = request_key where teacher = ?",
            (stored(teacher),),
        )
        ((n_failures,),) = self._read(
            "select count(*) from failures join requests on key = request_key where teacher = ?", (stored(teacher),)
        )
        n_replies, prompt, completion, cached, uncounted, cost_usd, n_unpriced = rows[0]
        return Usage(
            n_replies, n_failures, int(prompt), int(completion), int(cached), int(uncounted),
            None if n_unpriced else cost_usd,
        )  # fmt: skip

    def spent_tokens(self) -> int:
        """Tokens of prompts and answers so far; where they were not counted, or it is unknown how a call ended, bytes.

        A token has at least one byte, so this is never too little.
        """
        ((tokens,),) = self._read(SPENT_TOKENS)
        return int(tokens)

    def add_annotations(self, annotations: Iterable[Annotation], encode: Encode) -> Future[None]:
        """Append annotations; `encode` turns a value into JSON (`Task.to_json`)."""
        rows = [annotation_row(annotation, encode) for annotation in annotations]
        return self._write(_insertion("annotations", ANNOTATION_COLUMNS), rows)

    def annotations(self, teacher: str, codebook: str, prompt: str, decode: Decode) -> dict[str, Annotation]:
        """The latest annotation of each document under one teacher, codebook and prompt, by document id."""
        query = _selection(
            ANNOTATION_COLUMNS, "annotations where teacher = ? and codebook = ? and prompt = ? order by id"
        )
        with self._reads() as connection:
            rows = connection.execute(query, (stored(teacher), codebook, prompt))
            return {read(row[0]): annotation_of(row, decode) for row in rows}

    def codebooks_annotated(self, document_ids: Iterable[str], teacher: str) -> tuple[str, ...]:
        """Digests of the codebooks under which a teacher gave some of these documents a value, oldest first."""
        wanted = {stored(identifier) for identifier in document_ids}
        rows = self._read(
            "select codebook, document_id from annotations where teacher = ? and value is not null order by id",
            (stored(teacher),),
        )
        return tuple(dict.fromkeys(codebook for codebook, identifier in rows if identifier in wanted))

    def annotators(self, codebook: str) -> tuple[tuple[str, str], ...]:
        """Each teacher and digest of its prompt with annotations under a codebook, oldest first."""
        rows = self._read(
            "select teacher, prompt from annotations where codebook = ? group by teacher, prompt order by min(id)",
            (codebook,),
        )
        return tuple((read(teacher), prompt) for teacher, prompt in rows)

    def add_validation(self, record: ValidationRecord) -> Future[None]:
        """Append the scores of a codebook."""
        return self._write(_insertion("validations", VALIDATION_COLUMNS), [validation_row(record)])

    def validations(self) -> list[ValidationRecord]:
        """Every validation, in the order in which it was stored."""
        return [validation_of(row) for row in self._read(_selection(VALIDATION_COLUMNS, "validations order by id"))]

    def add_round(self, chosen: Round) -> Future[None]:
        """Append a round of the learning loop; a loop has each number once."""
        return self._write(_insertion("rounds", ROUND_COLUMNS), [round_row(chosen)])

    def rounds(self, loop: str) -> list[Round]:
        """The rounds of a learning loop, the seed set first."""
        rows = self._read(_selection(ROUND_COLUMNS, "rounds where loop = ? order by number"), (loop,))
        return [round_of(row) for row in rows]

    def loops(self) -> tuple[str, ...]:
        """Every learning loop that has begun, oldest first."""
        return tuple(loop for (loop,) in self._read("select loop from rounds group by loop order by min(id)"))

    def add_round_result(self, loop: str, number: int, contents: str) -> Future[None]:
        """Append how the student of a round did, as JSON."""
        row = (loop, number, contents, now())
        return self._write(_insertion("round_results", "loop, number, contents, at"), [row])

    def round_results(self, loop: str) -> list[str]:
        """How the students of a learning loop did, as JSON, one a finished round, the seed set's first."""
        rows = self._read("select contents from round_results where loop = ? order by number", (loop,))
        return [contents for (contents,) in rows]

    def add_look(self, series: str, contents: str) -> Future[None]:
        """Append what monitoring found, as JSON; looks of one series compare the same teacher with the same answers."""
        return self._write(_insertion("looks", "series, contents, at"), [(series, contents, now())])

    def looks(self) -> list[tuple[str, str, str]]:
        """Series, findings as JSON, and time of every look, oldest first."""
        return [tuple(row) for row in self._read("select series, contents, at from looks order by id")]

    def add_trial(self, trial: Trial) -> Future[None]:
        """Append a finished training run of a search over hyper-parameters."""
        return self._write(_insertion("trials", TRIAL_COLUMNS), [trial_row(trial)])

    def trials(self, search: str) -> list[Trial]:
        """The training runs of a search, oldest first."""
        rows = self._read(_selection(TRIAL_COLUMNS, "trials where search = ? order by id"), (search,))
        return [trial_of(row) for row in rows]

    def add_human_labels(self, labels: Iterable[HumanLabel], encode: Encode) -> Future[None]:
        """Append what people said."""
        rows = [human_label_row(label, encode) for label in labels]
        return self._write(_insertion("human_labels", HUMAN_LABEL_COLUMNS), rows)

    def human_labels(self, decode: Decode) -> list[HumanLabel]:
        """Everything that people said, in the order in which it was stored."""
        rows = self._read(_selection(HUMAN_LABEL_COLUMNS, "human_labels order by id"))
        return [human_label_of(row, decode) for row in rows]

    def assign_roles(self, roles: Mapping[str, Role]) -> Future[None]:
        """Append gold roles by document id; those that stand already are not stored again."""
        at = now()
        rows = [(stored(identifier), role.value, at) for identifier, role in roles.items()]
        return self._write(
            "insert into gold_roles (document_id, role, at) select ?1, ?2, ?3 where ?2 is not "
            "(select role from gold_roles where document_id = ?1 order by id desc limit 1)",
            rows,
        )

    def roles(self) -> dict[str, Role]:
        """The latest gold role of each document, by document id."""
        rows = self._read("select document_id, role from gold_roles order by id")
        return {read(identifier): Role(role) for identifier, role in rows}

    def remember(self, name: str, value: str) -> Future[None]:
        """Keep a named value of the project; a later one takes its place."""
        return self._write(
            "insert into meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value",
            [(stored(name), stored(value))],
        )

    def recall(self, name: str) -> str | None:
        """The value that was remembered, or None."""
        rows = self._read("select value from meta where name = ?", (stored(name),))
        return read(rows[0][0]) if rows else None

    def add_run(self, settings: str, version: str, command: str) -> Future[None]:
        """Append the resolved settings (JSON), version and command of a run."""
        row = (stored(settings), version, command, now())
        return self._write(_insertion("runs", "settings, version, command, started_at"), [row])

    def counts(self) -> dict[str, int]:
        """Rows of each table, as they are on the disk."""
        return {table: self._read(_selection("count(*)", table))[0][0] for table in TABLES}

    def check(self) -> None:
        """Read the whole file and compare it with its indexes; raises `StoreError` with the first problems."""
        found = [line for (line,) in self._read("pragma integrity_check(5)")]
        if found != ["ok"]:
            raise StoreError(f"`{self.path}` is damaged: {'; '.join(found)}.", "Restore it from a backup.")

    def backup(self, target: Path) -> None:
        """Copy the journal as it is on the disk, also while it is written to; `target` appears when complete.

        Raises
        ------
        StoreError
            If `target` exists or cannot be written.
        """
        if target.exists():
            raise StoreError(f"`{target}` exists.", "Choose another name for the backup.")
        unfinished = target.with_name(f".{target.name}.unfinished")
        unfinished.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(unfinished)) as copy, self._reads() as connection:
                connection.backup(copy)
            unfinished.replace(target)
        except (sqlite3.Error, OSError) as exc:
            raise StoreError(f"`{target}` cannot be written: {exc}.", "The journal itself is unharmed.") from exc

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> Future[None]:
        return self._submit(lambda connection: connection.executemany(statement, rows))

    def _submit(self, write: Write) -> Future[None]:
        if self._writer is None:
            raise StoreError(f"`{self.path}` is open for reading only, or closed.")
        return self._writer.submit(write)

    def _read(self, statement: str, parameters: tuple[object, ...] = ()) -> list[Any]:
        with self._reads() as connection:
            return connection.execute(statement, parameters).fetchall()

    @contextmanager
    def _reads(self) -> Iterator[sqlite3.Connection]:
        if os.getpid() != self._process:
            raise StoreError(f"`{self.path}` was opened by another process.", "Open the journal anew after a fork.")
        try:
            with self._reading:
                yield self._reader
        except sqlite3.Error as exc:
            raise _unreadable(self.path, exc) from exc


def _selection(columns: str, source: str) -> str:
    return f"select {columns} from {source}"  # noqa: S608  # both are constants of this room


def _insertion(table: str, columns: str) -> str:
    places = ", ".join("?" for _ in columns.split(","))
    return f"insert into {table} ({columns}) values ({places})"  # noqa: S608  # both are constants of this room


def _unreadable(path: Path, error: sqlite3.Error) -> StoreError:
    return StoreError(f"`{path}` cannot be read: {error}.", "`understudy doctor` says more; a backup may be needed.")
