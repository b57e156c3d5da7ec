"""Super-resolution contamination: a photo is reduced, and a small network enlarges it again.

Imitates cascaded diffusion, super-resolution stages behind a generator, and enlarged uploads. What a
detector finds on these twins is the network's up-sampling and what reduction lost. The network is trained by
us, and is another one than any detector's own re-synthesiser: residuals of a network's own output are
degenerate.
"""

from __future__ import annotations

from upprint.forge.autoencoder import Recipe

RECIPES = (
    Recipe("pixelshuffle", stages=1, seed=14, reader="reduce"),
    Recipe("nearest", stages=2, seed=15, reader="reduce"),
)
