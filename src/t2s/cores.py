"""How many cores this process may use: a container's quota does not show in their number."""

import os
from pathlib import Path

V2 = Path("/sys/fs/cgroup/cpu.max")
V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def usable_cores() -> int:
    """Cores that may run this process (taskset, Slurm), no more than a container's quota (`docker --cpus`) gives."""
    quota = cpu_quota()
    return runnable_cores() if quota is None else max(1, min(runnable_cores(), int(quota)))


def runnable_cores() -> int:
    """Cores that the scheduler may choose from; where a system does not tell (macOS), all."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def cpu_quota() -> float | None:
    """Seconds of CPU a second that the control group allows; None without a limit, or without such groups."""
    try:
        if V2.is_file():
            quota, period = V2.read_text("ascii").split()
        else:
            quota, period = (path.read_text("ascii").strip() for path in V1)
        allowed = float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # "max" is no number, and means no limit
        return None
    return allowed if allowed > 0 else None


def respect_quota() -> None:
    """Have torch and other libraries take no more threads than the quota's cores. Before they are imported.

    More would not only share the time: whoever waits for all of them waits for those that the quota has stopped.
    """
    if usable_cores() < runnable_cores():
        os.environ.setdefault("OMP_NUM_THREADS", str(usable_cores()))
