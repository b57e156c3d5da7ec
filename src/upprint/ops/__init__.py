"""Representations f as pure functions."""
