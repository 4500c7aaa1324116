"""A SLURM of one node on the loopback, from the packages that `bin/setup --slurm` unpacked.

Nothing is installed and no munge is asked: one user, no accounting. The node claims more cores than
the machine may have, and no job is held to what it asked for.
"""

import getpass
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from processes import wait_until

from replearn.sweep.task import end_with_parent

ROOT = Path(__file__).parents[1] / ".slurm" / "unpacked"
VERSION = "22.05"
NAMES = ("PATH", "LD_LIBRARY_PATH", "SLURM_CONF")  # of its environment
CPUS, MEMORY = 8, 16_000  # of the node; MB
CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
KillWait=20
ReturnToService=2
PluginDir={plugins}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} CoresPerSocket={cpus} RealMemory={memory}
PartitionName=main Nodes={host} Default=YES MaxTime=1-00:00:00
PartitionName=short Nodes={host} MaxTime=00:30:00
PartitionName=down Nodes={host} State=DOWN
"""


def why_not() -> str | None:
    """Return why there is no SLURM to test with here, None if there is."""
    program = _programs(ROOT)["slurmctld"]
    if not program.exists():
        if shutil.which("apt-get") is None:
            return "SLURM comes from the packages of Debian 12, and this machine has no apt-get"
        return (
            "SLURM is not there: bin/setup --slurm fetches it (.slurm/setup.log says how it went)"
        )
    said = subprocess.run([program, "-V"], env=_environment(ROOT), capture_output=True, text=True)
    if VERSION not in said.stdout:
        return f"SLURM {VERSION} is needed, that of Debian 12; here is {said.stdout or said.stderr}"
    return None


@dataclass(frozen=True)
class Slurm:
    """A SLURM that runs; `environment` is what its commands need."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, *words: str) -> str:
        """Run one of its commands, and return what it says."""
        return subprocess.run(
            words, env=self.environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    def jobs(self, state: str = "all") -> list[str]:
        """Return the ids of the jobs in the queue, such as those in the state `running`."""
        states = [] if state == "all" else [f"--states={state}"]
        return self("squeue", "--noheader", "--format=%i", *states).split()

    def clear(self) -> None:
        """Kill all jobs."""
        for how in (["--signal=KILL", "--full"], []):
            if jobs := self.jobs():
                command = ["scancel", "--quiet", *how, *jobs]
                subprocess.run(command, env=self.environment, capture_output=True)
        wait_until(lambda: not self.jobs(), 30)


@contextmanager
def started(folder: Path) -> Iterator[Slurm]:
    """Start the two daemons in a session of their own each, and end them and all jobs."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    root = folder / "unpacked"  # a path without the spaces that slurm.conf could not hold
    root.symlink_to(ROOT)
    conf = folder / "slurm.conf"
    conf.write_text(
        CONF.format(
            host=socket.gethostname().partition(".")[0], user=getpass.getuser(), folder=folder,
            ports=_free_ports(2), plugins=_libraries(root) / "slurm-wlm", cpus=CPUS, memory=MEMORY,
        )
    )  # fmt: skip
    slurm = Slurm(folder, _environment(root) | {"SLURM_CONF": str(conf)})
    programs = _programs(root)
    daemons: list[subprocess.Popen] = []
    try:
        for name, *words in (["slurmctld"], ["slurmd", "-d", str(programs["slurmstepd"])]):
            with open(folder / f"{name}.out", "w") as output:
                daemons.append(
                    subprocess.Popen(
                        [programs[name], "-D", *words],
                        env=slurm.environment,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                        preexec_fn=partial(end_with_parent, os.getpid()),
                    )
                )
        wait_until(lambda: _is_idle(slurm), 30)
        yield slurm
    finally:
        _end(slurm, daemons)


def _is_idle(slurm: Slurm) -> bool:
    try:
        return re.match(r"idle$", slurm("sinfo", "--noheader", "--partition=main", "--format=%t"))
    except subprocess.CalledProcessError:
        return False  # the controller does not answer yet


def _end(slurm: Slurm, daemons: list[subprocess.Popen]) -> None:
    """End all jobs at once, then the daemons."""
    try:
        slurm.clear()
    except subprocess.CalledProcessError:
        pass  # without a controller there are no jobs
    for daemon in reversed(daemons):
        daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()


def _libraries(root: Path) -> Path:
    return root / "usr" / "lib" / f"{platform.machine()}-linux-gnu"


def _programs(root: Path) -> dict[str, Path]:
    names = ("slurmctld", "slurmd", "slurmstepd")
    return {name: root / "usr" / "sbin" / f"{name}-wlm" for name in names}


def _environment(root: Path) -> dict[str, str]:
    """Return the environment in which the unpacked programs find each other."""
    libraries = _libraries(root)
    folders = [libraries, libraries / "slurm-wlm", root / "lib" / libraries.name]
    path = [root / "usr" / "bin", os.environ["PATH"]]
    return {
        **os.environ,
        "PATH": os.pathsep.join(map(str, path)),
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, folders)),
    }


def _free_ports(n: int) -> list[int]:
    """Return ports of the loopback that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
