"""Reads, checks, de-duplicates and splits texts; does not know what a label means."""

from understudy.corpus.check import CheckFinding, check_corpus
from understudy.corpus.documents import read_documents, read_recorded
from understudy.corpus.duplicates import NearDuplicate, find_duplicates, find_near_duplicates
from understudy.corpus.gold import GoldLedger, split_gold
from understudy.corpus.tables import Row, read_rows
from understudy.corpus.text import document_digest, hidden_characters, is_blank, same_text_key, text_digest

__all__ = [
    "CheckFinding",
    "GoldLedger",
    "NearDuplicate",
    "Row",
    "check_corpus",
    "document_digest",
    "find_duplicates",
    "find_near_duplicates",
    "hidden_characters",
    "is_blank",
    "read_documents",
    "read_recorded",
    "read_rows",
    "same_text_key",
    "split_gold",
    "text_digest",
]
