"""The one durable store: questions sent, replies, annotations, human labels. Append-only, with provenance."""

from understudy.journal.journal import Journal
from understudy.journal.lock import holder
from understudy.journal.salvage import salvage
from understudy.journal.writer import sqlite_version

__all__ = ["Journal", "holder", "salvage", "sqlite_version"]
