"""Every setting once, and how `understudy.toml` is read and checked."""

from understudy.settings.reading import FILE_NAME, complaints, read_settings
from understudy.settings.students import (
    ContrastiveSettings,
    DecoderSettings,
    EncoderSettings,
    LinearSettings,
    NGramSettings,
    NoiseRecipe,
    RelationSettings,
    SearchSettings,
    SpanSettings,
    StaticSettings,
    StudentSettings,
)
from understudy.settings.table import Table
from understudy.settings.tables import (
    Codebook,
    DataSettings,
    EmbeddingSettings,
    EstimateSettings,
    Format,
    GoldSettings,
    Label,
    LearnSettings,
    ProjectSettings,
    Settings,
    TeacherSettings,
)

__all__ = [
    "FILE_NAME",
    "Codebook",
    "ContrastiveSettings",
    "DataSettings",
    "DecoderSettings",
    "EmbeddingSettings",
    "EncoderSettings",
    "EstimateSettings",
    "Format",
    "GoldSettings",
    "Label",
    "LearnSettings",
    "LinearSettings",
    "NGramSettings",
    "NoiseRecipe",
    "ProjectSettings",
    "RelationSettings",
    "SearchSettings",
    "Settings",
    "SpanSettings",
    "StaticSettings",
    "StudentSettings",
    "Table",
    "TeacherSettings",
    "complaints",
    "read_settings",
]
