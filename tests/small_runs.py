"""Trainings of some seconds in sweeps: their words, how far they are, and whether none is amiss."""

EVERY, STEPS = 10, 120  # its weights are stored at step 10
WORDS = (
    "experiments.unsupervised with dataset.digits model.fully_connected training.beta "
    f"training.batch_size=16 training.n_validation=64 training.log_every={EVERY} "
)


def check_whole(database, n: int) -> None:
    """Each of `n` configurations is finished once, and none of its curves has a gap or a double."""
    done = list(database.runs.find({"status": "COMPLETED"}))
    assert len(done) == n == len({run["identity"]["config_hash"] for run in done})
    assert database.runs.count_documents({"status": "RUNNING"}) == 0
    assert database.claims.count_documents({"state": "done"}) == n
    for run in done:
        curves = {each["name"]: each for each in database.metrics.find({"run_id": run["_id"]})}
        assert curves["train.loss"]["steps"] == list(range(EVERY, STEPS + 1, EVERY))
        for curve in curves.values():
            assert curve["steps"] == sorted(set(curve["steps"])), curve["name"]
            assert len(curve["steps"]) == len(curve["values"]) == len(curve["timestamps"])


def training(database) -> tuple[dict, int]:
    """The document and the pid of a run that has left its tenth step behind, if there is one."""
    query = {"status": "RUNNING", "artifacts.name": f"step-{EVERY:08}.safetensors"}
    found = database.runs.find_one(query)
    return found and (found, int(found["claim"]["owner"].rpartition(":")[2]))
