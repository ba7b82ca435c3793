"""Learning from labels that may be wrong: one module an idea, arrays in, arrays out. Judges none of them."""

from understudy.student.noise.labels import Human, Lesson, NoisyLabels
from understudy.student.noise.recipes import AUTO, AUTO_OF_SPANS, RECIPES, Known, Recipe

__all__ = ["AUTO", "AUTO_OF_SPANS", "RECIPES", "Human", "Known", "Lesson", "NoisyLabels", "Recipe"]
