"""Codebook, demonstrations and text -> the messages of a question; a reply -> an answer. Asks nobody."""

from understudy.prompts.candidates import candidate_labels, label_scores
from understudy.prompts.demonstrations import NEEDS_VECTORS, own_positions, select_demonstrations
from understudy.prompts.marks import text_to_compare
from understudy.prompts.masking import Mask, Masked
from understudy.prompts.nonce import nonce_for
from understudy.prompts.offsets import read_offsets
from understudy.prompts.parse import parse
from understudy.prompts.question import PLAINLY, Question, Wording, pose
from understudy.prompts.render import Message, render, render_repair
from understudy.prompts.several import SeveralQuestion, demonstrations_for, pose_several
from understudy.prompts.spans import SPAN_FORMATS, SpanFormat
from understudy.prompts.suspicion import suspicions
from understudy.prompts.templating import PARAPHRASES, template_digest

__all__ = [
    "NEEDS_VECTORS",
    "PARAPHRASES",
    "PLAINLY",
    "SPAN_FORMATS",
    "Mask",
    "Masked",
    "Message",
    "Question",
    "SeveralQuestion",
    "SpanFormat",
    "Wording",
    "candidate_labels",
    "demonstrations_for",
    "label_scores",
    "nonce_for",
    "own_positions",
    "parse",
    "pose",
    "pose_several",
    "read_offsets",
    "render",
    "render_repair",
    "select_demonstrations",
    "suspicions",
    "template_digest",
    "text_to_compare",
]
