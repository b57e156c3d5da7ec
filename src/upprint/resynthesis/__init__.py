"""Training of Re-Synthesis's parts (He et al., IJCAI 2021); the detector is `upprint.systems.resynthesis`."""
