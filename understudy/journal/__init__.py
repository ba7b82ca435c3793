"""The one durable store: questions sent, replies, annotations, human labels. Append-only, with provenance."""

from understudy.journal.journal import Journal
from understudy.journal.lock import holder
from understudy.journal.writer import sqlite_version

__all__ = ["Journal", "holder", "sqlite_version"]
