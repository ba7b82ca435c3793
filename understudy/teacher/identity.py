"""What makes two requests the same: everything that is sent, and which repetition it is."""

from __future__ import annotations

import hashlib
import json
from typing import Any

KEY_VERSION = 1


def canonical(value: Any) -> str:
    """JSON with sorted keys and without spaces, ASCII only: equal values give equal strings; raises on NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def request_key(url: str, body: str, replicate: int, turn: int) -> str:
    """SHA-256, as 64 hex digits, over address, canonical body, replicate and turn.

    The body holds model, messages and every parameter, so no field can be forgotten here.
    """
    return hashlib.sha256(canonical([KEY_VERSION, url, body, replicate, turn]).encode()).hexdigest()
