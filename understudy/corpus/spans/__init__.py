"""Formats of marked texts: one module a format, each read to documents and written from them; knows no codebook."""
