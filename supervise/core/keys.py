"""The keys of a container run file: those built, those known, and the nearest to a wrong one.

A key of the Compose Specification that is not built is told from a mistyped one: the first is
refused with what to do instead, the second with the nearest valid spelling.

Source: Compose Specification, the properties of a service.
"""

import difflib
from collections.abc import Iterable

BUILT = frozenset(
    """
    cap_add cap_drop command cpus entrypoint env_file environment finish_timeout hostname init
    labels log mem_limit network_mode pids_limit read_only restart rootfs stop_grace_period
    stop_signal tmpfs user volumes working_dir writable
    """.split()
)

KNOWN = frozenset(
    """
    annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs
    container_name cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime
    cpu_shares cpus cpuset credential_spec depends_on deploy develop device_cgroup_rules devices
    dns dns_opt dns_search domainname entrypoint env_file environment expose extends
    external_links extra_hosts gpus group_add healthcheck hostname image init ipc isolation
    label_file labels links logging mac_address mem_limit mem_reservation mem_swappiness
    memswap_limit models network_mode networks oom_kill_disable oom_score_adj pid pids_limit
    platform ports post_start pre_stop privileged profiles provider pull_policy
    pull_refresh_after read_only ready restart runtime scale secrets security_opt shm_size
    stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs trust tty ulimits
    use_api_socket user userns_mode uts volumes volumes_from working_dir
    """.split()
)

_INSTEAD = {
    "container_name": "the container is named after its folder; take the line out",
    "image": 'use rootfs = "host" (the programs of this machine) or rootfs = "./directory"',
    "logging": "use a [log] table with max_size, keep and timestamp",
    "networks": 'use network_mode = "host" or "none"',
    "ports": "with network_mode = \"host\" the program's own ports are the machine's; "
    "take the line out",
    "expose": "take the line out; it changes nothing",
    "tty": "csv-run gives a terminal when it has one; take the line out",
    "stdin_open": "csv-run passes its own input on; take the line out",
}

_OTHER_WORDS = {
    "args": "command",
    "cmd": "command",
    "cwd": "working_dir",
    "env": "environment",
    "exec": "command",
    "log_driver": "log",
    "memory": "mem_limit",
    "mount": "volumes",
    "mounts": "volumes",
    "network": "network_mode",
    "root": "rootfs",
    "stop_timeout": "stop_grace_period",
    "timeout": "stop_grace_period",
    "uid": "user",
    "workdir": "working_dir",
}


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The valid spelling that ``word`` most likely means, or None if none is near."""
    valid = sorted(words)
    other = _OTHER_WORDS.get(word.lower())
    if other in valid:
        return other
    by_lower = {each.lower().replace("-", "_"): each for each in valid}
    match = difflib.get_close_matches(word.lower().replace("-", "_"), by_lower, n=1, cutoff=0.6)
    return by_lower[match[0]] if match else None


def refusal(key: str, valid: Iterable[str]) -> str:
    """Why ``key`` is not taken in a table whose keys are ``valid``, and what to write."""
    near = nearest(key, valid)
    if near:
        return f'no such key; did you mean "{near}"?'
    return f"no such key; the keys here are: {', '.join(sorted(valid))}"


def refusal_of_service(key: str) -> str:
    """Why ``key`` is not taken at the top of a container run file, and what to write."""
    if key in KNOWN:
        instead = _INSTEAD.get(key, "take it out")
        return f"known, not built yet; {instead}"
    if key == "services":
        return "a run file is one service: write the service's own keys at the top"
    near = nearest(key, KNOWN | BUILT)
    if near and near not in BUILT:
        return f'no such key; "{near}" is known, but not built yet'
    return refusal(key, BUILT)
