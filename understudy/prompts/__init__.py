"""Codebook, demonstrations and text -> the messages of a question; a reply -> an answer. Asks nobody."""

from understudy.prompts.demonstrations import select_demonstrations
from understudy.prompts.masking import Mask, Masked
from understudy.prompts.nonce import nonce_for
from understudy.prompts.parse import parse
from understudy.prompts.render import Message, render, render_repair
from understudy.prompts.suspicion import suspicions
from understudy.prompts.templating import template_digest

__all__ = [
    "Mask",
    "Masked",
    "Message",
    "nonce_for",
    "parse",
    "render",
    "render_repair",
    "select_demonstrations",
    "suspicions",
    "template_digest",
]
