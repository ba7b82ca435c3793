"""Texts to unit vectors, cached by content; knows no labels and trains nothing."""

from understudy.embedding.encoder import Encoder, load_encoder
from understudy.embedding.model_folder import bundled_folder, model_folder, verify_bundled_encoder
from understudy.embedding.network_config import config_text, network_config, parse_config
from understudy.embedding.pooling import averages_tokens
from understudy.embedding.quiet import quiet_transformers
from understudy.embedding.tokens import Tokens, batches_by_length, load_tokens, make_tokens, parse_tokens

__all__ = [
    "Encoder",
    "Tokens",
    "averages_tokens",
    "batches_by_length",
    "bundled_folder",
    "config_text",
    "load_encoder",
    "load_tokens",
    "make_tokens",
    "model_folder",
    "network_config",
    "parse_config",
    "parse_tokens",
    "quiet_transformers",
    "verify_bundled_encoder",
]
