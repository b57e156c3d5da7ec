"""Attacks that are fitted to photos and generated pictures before they are applied, kept as small files.

    attack = fit("equalise-set", photos, generated, side=256)
    attack.save(Path("equalise.npz"))
    parse("crop(256)|fitted(equalise.npz)")      # as a perturbation, anywhere one is taken

NumPy only. Each is a function of one picture; both classes get it unless a command is told otherwise.
"""

from __future__ import annotations

from upprint.attacks.fitted import METHODS, Attack, fit, load

__all__ = ["METHODS", "Attack", "fit", "load"]
