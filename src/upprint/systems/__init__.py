"""Published systems, one file each; this list of files is the catalogue."""

from upprint.systems._registry import create, list_systems, register

__all__ = ["create", "list_systems", "register"]
