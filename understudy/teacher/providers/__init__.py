"""Ways to reach a model: one module each, all entering by the same door (`provider.Provider`)."""

from understudy.teacher.providers.anthropic import Anthropic
from understudy.teacher.providers.gemini import Gemini
from understudy.teacher.providers.openai_compatible import OpenAICompatible
from understudy.teacher.providers.scripted import Scripted

__all__ = ["Anthropic", "Gemini", "OpenAICompatible", "Scripted"]
