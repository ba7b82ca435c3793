"""The fingerprint of a codebook: equal for equal meaning, different after any edit."""

from __future__ import annotations

import hashlib
from typing import Any

from understudy.settings import Codebook


def codebook_digest(codebook: Codebook) -> str:
    """SHA-256 of the codebook's canonical JSON, as 64 hex digits; what only spans and relations use counts if used."""
    exclude: dict[str, Any] = {
        "labels": {
            row: {name for name in ("heads", "tails") if not getattr(label, name)}
            for row, label in enumerate(codebook.labels)
        }
    }
    if not codebook.nested:
        exclude["nested"] = True
    return hashlib.sha256(codebook.model_dump_json(exclude=exclude).encode()).hexdigest()
