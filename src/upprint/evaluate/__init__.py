"""Predictions to a file, metrics from the file, tables from results."""
