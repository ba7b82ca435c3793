"""Reads, checks, de-duplicates and splits texts; does not know what a label means."""
