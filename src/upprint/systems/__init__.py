"""Published systems, one file each; this list of files is the catalogue."""

from upprint.systems._registry import card_of, create, list_systems, register

__all__ = ["card_of", "create", "list_systems", "register"]
