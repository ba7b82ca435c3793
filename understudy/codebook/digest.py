"""The fingerprint of a codebook: equal for equal meaning, different after any edit."""

from __future__ import annotations

import hashlib

from understudy.settings import Codebook


def codebook_digest(codebook: Codebook) -> str:
    """SHA-256 of the codebook's canonical JSON, as 64 hex digits."""
    return hashlib.sha256(codebook.model_dump_json().encode()).hexdigest()
