"""Opens the envelope of a chat completion, whatever a server has put in it; does not read the answer itself."""

from __future__ import annotations

import json
from typing import Any

from understudy.teacher.provider import Completion, Ending

CUT = "the answer was cut at `teacher.max_tokens`; raise it"


def read_chat_completion(raw: str) -> Completion:
    """The first choice of an OpenAI-shaped reply, or an `unreadable` completion that says what is wrong."""
    try:
        envelope: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return _unreadable("the reply is empty" if not raw.strip() else "the reply is not JSON")
    if not isinstance(envelope, dict):
        return _unreadable("the reply is not a JSON object")
    choices = envelope.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return _unreadable(_error_in(envelope) or "the reply holds no choice")
    return _completion(envelope, choices[0])


def _completion(envelope: dict[str, Any], choice: dict[str, Any]) -> Completion:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    ending, reason = _ending(choice.get("finish_reason"), message.get("refusal"))
    usage = envelope.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    prompt_tokens, completion_tokens = (
        _count(usage.get("prompt_tokens"), 1),
        _count(usage.get("completion_tokens"), 0),
    )
    model = envelope.get("model")
    return Completion(
        text=_text(message.get("content")),
        ending=ending,
        reason=reason,
        model=model if isinstance(model, str) else "",
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def _ending(finish_reason: Any, refusal: Any) -> tuple[Ending, str]:
    if isinstance(refusal, str) and refusal.strip():
        return Ending.REFUSED, f"the model refused: {refusal.strip()[:200]}"
    if finish_reason == "content_filter":
        return Ending.REFUSED, "the provider's content filter"
    return (Ending.CUT, CUT) if finish_reason == "length" else (Ending.COMPLETE, "")


def _text(content: Any) -> str:
    """A string as it is; of a list of parts the texts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "".join(texts)


def _count(number: Any, least: int) -> int | None:
    """A believable token count; every prompt has at least one token."""
    return number if isinstance(number, int) and not isinstance(number, bool) and number >= least else None


def _error_in(envelope: dict[str, Any]) -> str:
    error = envelope.get("error")
    said = error.get("message") if isinstance(error, dict) else error
    return f"the server says: {said[:200]}" if isinstance(said, str) else ""


def _unreadable(reason: str) -> Completion:
    return Completion(ending=Ending.UNREADABLE, reason=reason)
