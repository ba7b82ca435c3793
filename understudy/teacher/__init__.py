"""Asks whoever labels at scale: recorded answers, the built-in nearest-definition teacher, or a language model."""

from understudy.teacher.activity import Activity, Watch
from understudy.teacher.asking import RAISED, PromptPlan
from understudy.teacher.driver import Store
from understudy.teacher.llm import LanguageModelTeacher
from understudy.teacher.nearest import NearestDefinitionTeacher
from understudy.teacher.provider import Provider
from understudy.teacher.providers import Anthropic, Gemini, OpenAICompatible, Scripted
from understudy.teacher.recorded import RecordedTeacher
from understudy.teacher.teacher import Teacher
from understudy.teacher.together import Together

__all__ = [
    "RAISED",
    "Activity",
    "Anthropic",
    "Gemini",
    "LanguageModelTeacher",
    "NearestDefinitionTeacher",
    "OpenAICompatible",
    "PromptPlan",
    "Provider",
    "RecordedTeacher",
    "Scripted",
    "Store",
    "Teacher",
    "Together",
    "Watch",
]
