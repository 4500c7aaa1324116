"""What a network learned: activations, similarity, disentanglement, figures, tables."""
