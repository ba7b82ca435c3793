"""Opens the envelope of a chat completion, whatever a server has put in it; does not read the answer itself."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from understudy.teacher.provider import Completion, Ending, Token

CUT = "the answer was cut at `teacher.max_tokens`; raise it"


def read_chat_completion(raw: str) -> Completion:
    """The first choice of an OpenAI-shaped reply, or an `unreadable` completion that says what is wrong."""
    envelope = opened(raw)
    if isinstance(envelope, Completion):
        return envelope
    choices = envelope.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return unreadable(error_in(envelope) or "the reply holds no choice")
    return _completion(envelope, choices[0])


def opened(raw: str) -> dict[str, Any] | Completion:
    """The JSON object that a reply is, or an `unreadable` completion that says why it is none."""
    try:
        envelope: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return unreadable("the reply is empty" if not raw.strip() else "the reply is not JSON")
    return envelope if isinstance(envelope, dict) else unreadable("the reply is not a JSON object")


def unreadable(reason: str) -> Completion:
    """A reply that nothing can be made of."""
    return Completion(ending=Ending.UNREADABLE, reason=reason)


def error_in(envelope: dict[str, Any]) -> str:
    """What the server says went wrong, in a reply that should be an answer; "" if nothing."""
    error = envelope.get("error")
    said = error.get("message") if isinstance(error, dict) else error
    return f"the server says: {said[:200]}" if isinstance(said, str) else ""


def table(found: Any) -> dict[str, Any]:
    """A JSON object, or an empty one in place of anything else."""
    return found if isinstance(found, dict) else {}


def tables(found: Any) -> list[dict[str, Any]]:
    """The JSON objects of a list; none of anything else."""
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def words(found: Any) -> str:
    """A string, or "" in place of anything else."""
    return found if isinstance(found, str) else ""


def count(number: Any, least: int = 0) -> int | None:
    """A believable token count, or None."""
    return number if isinstance(number, int) and not isinstance(number, bool) and number >= least else None


def token(text: Any, logprob: Any, alternatives: Iterator[tuple[Any, Any]]) -> Token | None:
    """A token with its log-probability, or None if it has none that one can believe."""
    believable = tuple((text, float(value)) for text, value in alternatives if _is_believable(text, value))
    return Token(text, float(logprob), believable) if _is_believable(text, logprob) else None


def all_tokens(tokens: list[Token | None]) -> tuple[Token, ...]:
    """The tokens of an answer; none at all if one of them is missing."""
    known = tuple(each for each in tokens if each is not None)
    return known if len(known) == len(tokens) else ()


def _is_believable(text: Any, logprob: Any) -> bool:
    is_number = isinstance(logprob, int | float) and not isinstance(logprob, bool)
    return isinstance(text, str) and is_number and not math.isnan(logprob) and logprob <= 1e-6


def _completion(envelope: dict[str, Any], choice: dict[str, Any]) -> Completion:
    message, usage = table(choice.get("message")), table(envelope.get("usage"))
    ending, reason = _ending(choice.get("finish_reason"), message.get("refusal"))
    return Completion(
        text=_text(message.get("content")),
        ending=ending,
        reason=reason,
        model=words(envelope.get("model")),
        prompt_tokens=count(usage.get("prompt_tokens"), 1),
        completion_tokens=count(usage.get("completion_tokens")),
        cached_tokens=count(table(usage.get("prompt_tokens_details")).get("cached_tokens")),
        tokens=all_tokens([_token(item) for item in tables(table(choice.get("logprobs")).get("content"))]),
    )


def _ending(finish_reason: Any, refusal: Any) -> tuple[Ending, str]:
    if isinstance(refusal, str) and refusal.strip():
        return Ending.REFUSED, f"the model refused: {refusal.strip()[:200]}"
    if finish_reason == "content_filter":
        return Ending.REFUSED, "the provider's content filter"
    return (Ending.CUT, CUT) if finish_reason == "length" else (Ending.COMPLETE, "")


def _text(content: Any) -> str:
    """A string as it is; of a list of parts the texts."""
    return content if isinstance(content, str) else "".join(words(part.get("text")) for part in tables(content))


def _token(item: dict[str, Any]) -> Token | None:
    others = ((other.get("token"), other.get("logprob")) for other in tables(item.get("top_logprobs")))
    return token(item.get("token"), item.get("logprob"), others)
