"""Many configurations of one experiment: grids, plans, and the engines that run them."""
