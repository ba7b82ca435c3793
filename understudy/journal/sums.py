"""What has been spent, kept up to date by the database in the transaction of every write, so that nobody adds up.

Two tables: `spent` has one row with the cost and the tokens of all replies; `unanswered` has a row for each request
with attempts of unknown end, neither replied to nor known to be unbilled. They follow from the other tables at any time
(`recount`), and are no source of anything else.
"""

from __future__ import annotations

import sqlite3

_LENGTH = "length(cast({}.body as blob))"
_ANSWERED = (
    "delete from unanswered where request_key = new.request_key and n <= 1; "
    "update unanswered set n = n - 1 where request_key = new.request_key;"
)
_ATTEMPTED = (
    "insert into unanswered values (new.key, {n}, new.at_most_usd, length(cast(new.body as blob))) "
    "on conflict (request_key) do update set n = n + excluded.n, at_most_usd = excluded.at_most_usd;"
)
_TABLES = (
    "create table spent (id integer primary key check (id = 1), usd real not null, tokens integer not null)",
    "create table unanswered (request_key text primary key, n integer not null, at_most_usd real, "
    "n_bytes integer not null) without rowid",
)
_TRIGGERS = (
    f"create trigger request_sent after insert on requests begin {_ATTEMPTED.format(n='new.attempt')} end",
    "create trigger request_sent_again after update of attempt on requests when new.attempt > old.attempt begin "
    f"{_ATTEMPTED.format(n='new.attempt - old.attempt')} end",
    "create trigger request_replied_to after insert on replies begin "  # noqa: S608  # constants
    "update spent set usd = usd + coalesce(new.cost_usd, 0), tokens = tokens + coalesce(new.prompt_tokens, "
    f"(select {_LENGTH.format('requests')} from requests where key = new.request_key), 0) "
    f"+ coalesce(new.completion_tokens, {_LENGTH.format('new')}); {_ANSWERED} end",
    "create trigger request_failed_unbilled after insert on failures when not new.is_maybe_billed begin "
    f"{_ANSWERED} end",
)

SPENT_USD = "select usd + (select total(at_most_usd * n) from unanswered) from spent"
SPENT_TOKENS = "select tokens + (select total(n_bytes * n) from unanswered) from spent"


def keep_sums(connection: sqlite3.Connection) -> None:
    """Make the tables, fill them, and have the database keep them."""
    for statement in (*_TABLES, *_TRIGGERS):
        connection.execute(statement)
    recount(connection)


def recount(connection: sqlite3.Connection) -> None:
    """Fill the tables anew from requests, replies and failures."""
    connection.execute("delete from spent")
    connection.execute("delete from unanswered")
    connection.execute(
        "insert into spent select 1, total(cost_usd), cast(total(coalesce(prompt_tokens, (select "  # noqa: S608  # constants
        f"{_LENGTH.format('requests')} from requests where key = request_key), 0) + coalesce(completion_tokens, "
        f"{_LENGTH.format('replies')})) as integer) from replies"
    )
    connection.execute(
        "insert into unanswered select * from (select key, attempt "  # noqa: S608  # constants
        "- (select count(*) from replies where request_key = key) "
        "- (select count(*) from failures where request_key = key and not is_maybe_billed) as n, at_most_usd, "
        f"{_LENGTH.format('requests')} from requests) where n > 0"
    )
