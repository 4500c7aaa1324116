"""Find how many latents a VAE uses: short trainings of several sizes, all in one tracked run."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from replearn.analysis.dimension import check_neighbours, dimensions
from replearn.analysis.latent_kinds import LatentReport, latent_report
from replearn.analysis.latent_search import LatentSearch, search_latent_size
from replearn.dataset.images import ImageDataset
from replearn.models.autoencoder import sample
from replearn.runs.rebuild import make_loss, make_model
from replearn.study.probes import Probe, encode, probe_of
from replearn.study.task import Task
from replearn.study.tracked import train_tracked
from replearn.training.seeds import derive_seed, make_generator, stream_seeds

if TYPE_CHECKING:
    from sacred.run import Run


class CandidateRun:
    """A Sacred run as the training of one of its candidates sees it.

    Its metrics are named after the latent size, "latents-8.train.loss", and nothing else is kept:
    the weights of candidates are of no use, and a search that was interrupted begins again.
    """

    def __init__(self, run: "Run", size: int):
        self._run, self._size = run, size
        self.experiment_info = {"name": f"{size} latents"}
        self.info: dict[str, Any] = {}

    def log_scalar(self, name: str, value: float, step: int) -> None:
        """Log a point of a metric."""
        self._run.log_scalar(f"latents-{self._size}.{name}", value, step)

    def add_artifact(self, *_: Any, **__: Any) -> None:
        """Keep nothing."""


def find_latent_size(
    run: "Run", config: Mapping[str, Any], data: ImageDataset, device: torch.device, task: Task
) -> tuple[LatentSearch, dict[str, float]]:
    """Return the search, and the intrinsic dimensions of the images and of what was found.

    Each candidate is trained as `config` says, with the same seeds, and measured on held-out
    images. Logs `latent_size`, `difference`, `mle_mean`, `mle_sampled` and `loss` of the candidates
    in the order in which they are tried.

    Raises:
        DivergedError: if a term of the loss is not finite.
        InputError: as `check_neighbours`, `search_latent_size` and `latent_report`.
    """
    probe = probe_of(config["dataset"], data, config["n_probe"])
    k = config["neighbours"]
    check_neighbours(k, len(probe.indices))
    reports: dict[int, LatentReport] = {}

    def difference(size: int) -> float:
        model = {**config["model"], "latent_size": size}
        net = make_model(model, data.image_shape).to(device)
        candidate: Any = CandidateRun(run, size)
        loss: Any = make_loss(config["training"])
        terms = train_tracked(candidate, {**config, "model": model}, net, loss, task)
        report = _report(net.to("cpu"), probe, config, k)
        found = {
            "latent_size": size, "difference": report.dimension_difference,
            "mle_mean": report.of_means.mle.value, "mle_sampled": report.of_samples.mle.value,
            "loss": terms["loss"],
        }  # fmt: skip
        for name, value in found.items():
            run.log_scalar(name, float(value), len(reports))
        reports[size] = report
        print(f"{size} latents: samples have {report.dimension_difference:.2f} dimensions more")
        return report.dimension_difference

    search = search_latent_size(
        difference, config["model"]["latent_size"], config["threshold"], config["largest"]
    )
    images = torch.cat([x.flatten(1) for x in probe.batches()])
    scores = {"mle_images": dimensions(images, k).mle.value}
    if search.size in reports:
        found = reports[search.size]
        scores["mle_mean"], scores["mle_sampled"] = (
            found.of_means.mle.value,
            found.of_samples.mle.value,
        )
    return search, scores


def _report(net: Any, probe: Probe, config: Mapping[str, Any], k: int) -> LatentReport:
    mean, logvar = (torch.from_numpy(x) for x in encode(net, probe))
    seeds = stream_seeds(config["seed"], noise=config["noise_seed"])
    z = sample(mean, logvar, make_generator(derive_seed(seeds["noise"], "fondue")))
    return latent_report(mean, logvar, z, k)
