"""Sacred ingredients: what an experiment can be told of data, model and training."""
