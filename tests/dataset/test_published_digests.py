"""Digests and sizes of published files, typed from spec/composition.md §6.5, not from the code."""

import pytest

from replearn.dataset import DECLARATIONS

NORB = "smallnorb-5x{}x9x18x6x2x96x96-{}.mat.gz"
# (data set, file): {kind of digest, or size: what is published}
PUBLISHED = {
    ("dsprites", "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5"): {
        "sha256": "729fa22e884c9c500e1f17415d580746b4c5894fbbb780a1319bbcfa39a745bb",
        "md5": "b331c4447a651c44bf5e8ae09022e230",
        "size": 28_024_106,
    },
    ("dsprites", "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"): {
        "git_sha1": "d98996d3f8ee1550e06b9d4ed78d0beb478910d5"
    },
    ("shapes3d", "3dshapes.h5"): {
        "sha256": "0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",
        "md5": "099a2078d58cec4daad0702c55d06868",
        "size": 267_573_662,
    },
    ("mpi3d_toy", "mpi3d_toy.npz"): {"md5": "55889cb7c7dfc655d6e0277beee88868"},
    ("mpi3d_realistic", "mpi3d_realistic.npz"): {"md5": "59a6225b88b635365f70c91b3e52f70f"},
    ("mpi3d_real", "mpi3d_real.npz"): {"md5": "0f33f609918fb5c97996692f91129802"},
    ("cars3d", "nips2015-analogy-data.tar.gz"): {"md5": "4e866a7919c1beedf53964e6f7a23686"},
    ("smallnorb", NORB.format(46789, "training-dat")): {
        "sha256": "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873",
        "md5": "66054832f9accfe74a0f4c36a75bc0a2",
    },
    ("smallnorb", NORB.format(46789, "training-cat")): {
        "sha256": "2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa",
        "md5": "23c8b86101fbf0904a000b43d3ed2fd9",
    },
    ("smallnorb", NORB.format(46789, "training-info")): {
        "sha256": "de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32",
        "md5": "51dee1210a742582ff607dfd94e332e3",
    },
    ("smallnorb", NORB.format("01235", "testing-dat")): {
        "sha256": "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474",
        "md5": "e4ad715691ed5a3a5f138751a4ceb071",
    },
    ("smallnorb", NORB.format("01235", "testing-cat")): {
        "sha256": "ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff",
        "md5": "5aa791cd7e6016cf957ce9bdb93b8603",
    },
    ("smallnorb", NORB.format("01235", "testing-info")): {
        "sha256": "16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2",
        "md5": "a9454f3864d7fd4bb3ea7fc3eb84924e",
    },
    ("mnist", "train-images-idx3-ubyte.gz"): {
        "sha256": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    },
    ("mnist", "train-labels-idx1-ubyte.gz"): {
        "sha256": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    },
    ("mnist", "t10k-images-idx3-ubyte.gz"): {
        "sha256": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    },
    ("mnist", "t10k-labels-idx1-ubyte.gz"): {
        "sha256": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    },
    ("fashion_mnist", "train-images-idx3-ubyte.gz"): {
        "sha256": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
    },
    ("fashion_mnist", "train-labels-idx1-ubyte.gz"): {
        "sha256": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
    },
    ("fashion_mnist", "t10k-images-idx3-ubyte.gz"): {
        "sha256": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
    },
    ("fashion_mnist", "t10k-labels-idx1-ubyte.gz"): {
        "sha256": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
    },
    ("cifar10", "cifar-10-binary.tar.gz"): {
        "sha256": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
    },
    ("cifar100", "cifar-100-binary.tar.gz"): {
        "sha256": "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"
    },
    ("celeba", "img_align_celeba.zip"): {
        "sha256": "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
        "md5": "00d2c5bc6d35e252742224ab0c1e8fcb",
        "size": 1_443_490_838,
    },
    ("celeba", "list_attr_celeba.txt"): {"md5": "75e246fa4810816ffd6ee81facbd244c"},
    ("celeba", "list_eval_partition.txt"): {"md5": "d32c9cbf5e040fd4025c592c306e6668"},
    ("scream_dsprites", "scream.jpg"): {},
}


@pytest.mark.parametrize(("name", "file"), PUBLISHED)
def test_digests_are_the_published_ones(name, file):
    (declared,) = (each for each in DECLARATIONS[name].files if each.name == file)
    for kind, value in PUBLISHED[name, file].items():
        assert getattr(declared, kind) == value


def test_no_other_files_are_declared():
    declared = {file.name for each in DECLARATIONS.values() for file in each.files}
    assert declared == {file for _, file in PUBLISHED}
    unknown = {file for (_, file), known in PUBLISHED.items() if not known}
    assert unknown == {"scream.jpg"}
