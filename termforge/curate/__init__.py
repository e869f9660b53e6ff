"""Which trajectories enter the corpus: decontamination and quality filters (paper, stage D), each row kept or turned away."""
