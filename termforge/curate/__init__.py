"""Which trajectories enter the corpus (paper, stage D): each row is kept, or turned away with a reason."""
