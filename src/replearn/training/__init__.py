"""Objectives, optimisers and the Ignite engines that train and evaluate."""
