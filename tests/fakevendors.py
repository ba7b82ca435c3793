"""Replies and errors as Anthropic's and Google's services send them, for `fakellm`'s server."""

import json

from fakellm import Action, raw, status


def message(text, *, stop_reason="end_turn", model="claude-fake-1", usage=None, thinking=None, explanation=None) -> str:
    """What Anthropic answers to ``POST /v1/messages``."""
    blocks = [{"type": "thinking", "thinking": thinking, "signature": "s"}] if thinking else []
    blocks += [{"type": "text", "text": text, "citations": None}] if text is not None else []
    details = {"type": "refusal", "category": "general_harms", "explanation": explanation} if explanation else None
    return json.dumps({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": blocks,
        "stop_reason": stop_reason, "stop_sequence": None, "stop_details": details,
        "usage": usage or {"input_tokens": 100, "output_tokens": 5},
    })  # fmt: skip


def says(text, **fields) -> Action:
    return raw(message(text, **fields))


def anthropic_error(number: int, kind: str, said: str, **headers) -> Action:
    error = {"type": "error", "error": {"type": kind, "message": said}, "request_id": "req_1"}
    return status(number, json.dumps(error), **headers)


def generated(text, *, finish_reason="STOP", model="gemini-fake-1", usage=None, thought=None, logprobs=None) -> str:
    """What Google answers to ``POST /v1beta/models/MODEL:generateContent``."""
    parts = [{"text": thought, "thought": True}] if thought else []
    parts += [{"text": text}] if text is not None else []
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": finish_reason, "index": 0}
    if logprobs is not None:
        candidate["logprobsResult"] = {
            "chosenCandidates": [{"token": tokens[0][0], "logProbability": tokens[0][1]} for tokens in logprobs],
            "topCandidates": [
                {"candidates": [{"token": token, "logProbability": logprob} for token, logprob in tokens]}
                for tokens in logprobs
            ],
        }
    usage = usage or {"promptTokenCount": 100, "candidatesTokenCount": 5, "totalTokenCount": 105}
    return json.dumps({"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "r1"})


def blocked(reason="SAFETY") -> str:
    return json.dumps({"promptFeedback": {"blockReason": reason}, "usageMetadata": {"promptTokenCount": 100}})


def google_error(number: int, kind: str, said: str, *details, **headers) -> Action:
    error = {"error": {"code": number, "message": said, "status": kind, "details": list(details)}}
    return status(number, json.dumps(error), **headers)


def retry_info(delay: str) -> dict:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def quota_failure(identifier: str) -> dict:
    violation = {"quotaMetric": "generativelanguage.googleapis.com/requests", "quotaId": identifier}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
