"""Scanning without torch: sessions, calibration, the scan itself, its outputs."""
