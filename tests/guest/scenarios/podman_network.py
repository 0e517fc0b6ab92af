# SPDX-License-Identifier: Apache-2.0
"""podman's networks, by netavark and aardvark-dns: what works with crun works with the runtime under test."""
import json
import os
import pathlib

from network import echo, echo_datagram, sh, wait_for
from podman_client import image, kReference, podman
from suite import Failed, Skip, expect, expect_equal, expect_in, test

_kFlags = ("--cgroup-manager=cgroupfs",)
_kNetwork = "krun-test"


def _podman(case, *words, runtime=None):
    done = podman(case, runtime or case.lab.runtime, *words, flags=_kFlags)
    if done.returncode != 0:
        raise Failed(f"podman {words[0]}: status {done.returncode}, {done.stderr[-300:]}")
    return done.stdout.decode()


def _ready(case):
    """What podman, netavark and the kernel keep once they have made a network is there before a test's census."""
    if not os.path.exists("/usr/lib/podman/netavark"):
        raise Skip("netavark is not installed")
    case.once(image)
    _podman(case, "network", "create", "--ipv6", "--subnet", "10.89.7.0/24", "--subnet", "fd00:89::/64", _kNetwork)
    _podman(case, "run", "--rm", f"--network={_kNetwork}", "IMAGE", "true", runtime=kReference)
    return True


def _compared(case, *words):
    """podman run on both runtimes: what the one under test prints, which crun prints as well."""
    wanted, got = (_podman(case, "run", "--rm", *words, runtime=runtime) for runtime in (kReference, case.lab.runtime))
    expect_equal(got, wanted, f"what {words} prints, compared with crun")
    return got


def _server(case, name, *words, payload=("/bin/probe", "echo-tcp", "7")):
    _podman(case, "run", "--detach", "--name", name, *words, "IMAGE", *payload)
    wait_for(lambda: "ready" in _podman(case, "logs", name), f"{name} to be ready")


def _answers(call):
    """Whether a server answers by now: a published port is there before its container listens."""
    try:
        return call() == b"hello"
    except OSError:
        return False


@test("podman network: published TCP and UDP ports reach the payload", needs=_ready)
def published(case):
    _server(case, "tcp", "--publish", "8077:7")
    wait_for(lambda: _answers(lambda: echo("127.0.0.1", 8077, b"hello")), "the port on loopback")
    data = os.urandom(500_000)
    expect(echo("127.0.0.1", 8077, data) == data, "half a megabyte came back otherwise")
    expect_equal(_podman(case, "port", "tcp"), "7/tcp -> 0.0.0.0:8077\n", "podman port")
    _server(case, "udp", "--publish", "8078:7/udp", payload=("/bin/probe", "echo-udp", "7"))
    expect_equal(echo_datagram("127.0.0.1", 8078, b"hello"), b"hello", "the datagram that came back")
    _podman(case, "rm", "--force", "--time", "0", "tcp", "udp")


@test("podman network: containers find each other by name and talk, over IPv4 and IPv6", needs=_ready)
def by_name(case):
    _server(case, "server", f"--network={_kNetwork}", "--ip", "10.89.7.77", "--ip6", "fd00:89::77")
    script = "nslookup -type=a server | tail -n +3; ping -c 1 -w 20 server >/dev/null && ping -6 -c 1 -w 20 server >/dev/null; echo $?"
    got = _compared(case, f"--network={_kNetwork}", "--cap-add=NET_RAW", "IMAGE", "sh", "-c", script)
    expect_in("10.89.7.77", got, "the name's address")
    expect_equal(got.splitlines()[-1], "0", "status of ping")
    expect_equal(echo("10.89.7.77", 7, b"hello"), b"hello", "from the host")
    expect_equal(echo("fd00:89::77", 7, b"hello"), b"hello", "from the host, IPv6")
    _podman(case, "rm", "--force", "--time", "0", "server")


@test("podman network: --ip, --mac-address, MTU and --sysctl are the payload's", needs=_ready)
def settings(case):
    _podman(case, "network", "create", "--opt", "mtu=1280", "--subnet", "10.89.8.0/24", "krun-small")
    try:
        look = ("ip -o -4 addr show eth0; ip route; cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu "
                "/proc/sys/net/ipv4/conf/eth0/accept_redirects /proc/sys/net/ipv4/ip_default_ttl")
        got = _compared(case, "--network=krun-small", "--ip=10.89.8.9", "--mac-address=02:00:00:00:89:09",
                        "--sysctl=net.ipv4.conf.eth0.accept_redirects=0", "--sysctl=net.ipv4.ip_default_ttl=77", "IMAGE", "sh", "-c", look)
        for part in ("10.89.8.9/24", "02:00:00:00:89:09", "1280", "\n77\n"):
            expect_in(part, got, "what the payload sees")
    finally:
        _podman(case, "network", "rm", "krun-small")


@test("podman network: several networks, none, and a restart", needs=_ready)
def several(case):
    _podman(case, "network", "create", "--subnet", "10.89.9.0/24", "krun-other")
    try:
        script = "ls /sys/class/net; ip -o -4 addr | wc -l"
        _compared(case, "--network", f"{_kNetwork},krun-other", "IMAGE", "sh", "-c", script)
        _compared(case, "--network=none", "IMAGE", "sh", "-c", script)
        _server(case, "again", "--network=krun-other", "--ip=10.89.9.9")
        for _ in range(2):
            expect_equal(echo("10.89.9.9", 7, b"hello"), b"hello", "the answer")
            address = json.loads(_podman(case, "inspect", "again"))[0]["NetworkSettings"]["Networks"]["krun-other"]["IPAddress"]
            expect_equal(address, "10.89.9.9", "the address that podman shows")
            _podman(case, "restart", "--time", "0", "again")
            wait_for(lambda: _answers(lambda: echo("10.89.9.9", 7, b"hello")), "it after a restart")
        _podman(case, "rm", "--force", "--time", "0", "again")
    finally:
        _podman(case, "network", "rm", "krun-other")
    expect("krun" not in sh("ip -o link | grep -v bridge || true"), "an interface is left")
    expect_equal(list(pathlib.Path("/run/netns").glob("*")), [], "namespaces that are left")
