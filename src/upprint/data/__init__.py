"""Samples, readers of published layouts, splits, protocols."""
