"""Figures of a paper: arrays in, matplotlib figures out; `save_figure` writes PDF and PNG."""

from replearn.analysis.figures.curves import metric_curves
from replearn.analysis.figures.dendrogram import dendrogram
from replearn.analysis.figures.images import image_grid, reconstructions, traversals
from replearn.analysis.figures.latents import latent_distributions
from replearn.analysis.figures.matrices import heatmap_panel, similarity_heatmap
from replearn.analysis.figures.scatter import scatter
from replearn.analysis.figures.squares import hinton, hinton_panel
from replearn.analysis.figures.style import add_caption, caption_line, save_figure

__all__ = [
    "add_caption",
    "caption_line",
    "dendrogram",
    "heatmap_panel",
    "hinton",
    "hinton_panel",
    "image_grid",
    "latent_distributions",
    "metric_curves",
    "reconstructions",
    "save_figure",
    "scatter",
    "similarity_heatmap",
    "traversals",
]
