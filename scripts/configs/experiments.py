"""What every experiment that trains a network can be told, beside its ingredients."""

TRAINING_RUN = {
    "seed": 0,
    "init_seed": None,  # of the weights; None: derived from seed
    "order_seed": None,  # of the batch order; None: derived from seed
    "noise_seed": None,  # of the sampling noise; None: derived from seed
    "device": "auto",  # auto, cpu or cuda
    "threads": None,  # CPU threads; None: what torch chooses, which is recorded
    "tags": [],  # shown in Omniboard
    "resume": None,  # id of an interrupted run to go on with
    "resume_every": 120,  # seconds between two resume states
    "progress": True,
    "skip_finished": False,  # do nothing if a finished run has this configuration
}

# A run of seconds: does everything work?
FAST = {"training": {"steps": 20, "n_validation": 128, "log_every": 5, "validate_every": 10}}

# What every analysis can be told.
ANALYSIS = {"seed": 0, "threads": None, "tags": [], "progress": True, "skip_finished": False}

# What those can be told that compare all pairs, block by block.
CLUSTER = {
    "cluster": None,  # who computes: None is this process; local, slurm ... or an address
    "cluster_options": {},  # how large it is, such as workers=4: the options of python -m sweep
}
