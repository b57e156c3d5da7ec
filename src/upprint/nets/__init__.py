"""Backbones D."""
