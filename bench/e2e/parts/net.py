# SPDX-License-Identifier: Apache-2.0
"""TCP between the host and a guest: a stream in each direction, and questions with answers. Both machines are behind the same
veth pair, with the same redirection to a tap interface; and then behind passt, each its own."""
import contextlib
import json
import subprocess

import table
from bench import command, kRamMib
from bundle import default_config

_kPort = "7"
_kStreamBytes = str(16 << 20)
_kQuestions = "300"
_kPeer = "QEMU microvm"
_kMac = "02:00:00:00:77:02"


def _sh(text):
    return subprocess.run(["sh", "-ec", text], check=True, stdout=subprocess.PIPE, text=True).stdout


@contextlib.contextmanager
def _namespace(number):
    """One with an interface whose other end is the host's; the process that holds it."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "100000"])
    while _sh(f"readlink /proc/{holder.pid}/ns/net") == _sh("readlink /proc/self/ns/net"):
        pass
    _sh(f"ip link add h{number} type veth peer name eth0 netns {holder.pid} address {_kMac}; ip link set h{number} up; "
        f"ip addr add 10.77.{number}.1/24 dev h{number}; nsenter --net=/proc/{holder.pid}/ns/net sh -ec "
        f"'ip link set eth0 up; ip addr add 10.77.{number}.2/24 dev eth0'")
    try:
        yield holder.pid
    finally:
        holder.kill()
        holder.wait()


def _make_bundle(bench, place, argv, namespace=None):
    root = bench.arena.root / place.lstrip("/") / "rootfs"
    for name in ("bin", "proc", "sys", "dev", "run", "tmp"):
        (root / name).mkdir(parents=True)
    bench.arena.file("/bin/busybox", f"{place}/rootfs/bin/sh")
    bench.arena.file("/bin/busybox", f"{place}/rootfs/bin/ip")
    bench.arena.file(bench.tools / "net_peer", f"{place}/rootfs/bin/net_peer")
    config = default_config(argv)
    for kind in ("bounding", "effective", "permitted"):
        config["process"]["capabilities"][kind].append("CAP_NET_ADMIN")
    for one in config["linux"]["namespaces"]:
        if one["type"] == "network" and namespace:
            one["path"] = namespace
    (root.parent / "config.json").write_text(json.dumps(config))
    return root.parent


@contextlib.contextmanager
def _container(bench, bundle, address):
    bench.call(*command("krun-oci", "create", "--bundle", bundle, "server"))
    bench.call(*command("krun-oci", "start", "server"))
    yield address
    bench.call(*command("krun-oci", "delete", "--force", "server"))


@contextlib.contextmanager
def _machine(bench, holder, flags, share, address):
    machine = subprocess.Popen(["nsenter", f"--net=/proc/{holder}/ns/net", "chroot", bench.root, "/usr/bin/qemu_machine",
                                *flags, _kMac, share, "/usr/lib/krun-oci/vmlinux", str(kRamMib)],
                               env=bench.environment, stdin=subprocess.DEVNULL)
    try:
        yield address
    finally:
        machine.terminate()
        machine.wait()


@contextlib.contextmanager
def _ours(bench):
    with _namespace(1) as holder:
        _make_bundle(bench, "/net", ["/bin/net_peer", "serve", _kPort], f"/proc/{holder}/ns/net")
        with _container(bench, "/net", "10.77.1.2") as address:
            yield address


@contextlib.contextmanager
def _theirs(bench):
    script = f"ip link set eth0 up; ip addr add 10.77.2.2/24 dev eth0; exec /bin/net_peer serve {_kPort}"
    bench.make_share("/net-share", _make_bundle(bench, "/net-peer", ["/bin/sh", "-c", script]))
    with _namespace(2) as holder:
        redirect = "; ".join(f"tc qdisc add dev {a} ingress; tc filter add dev {a} ingress matchall action mirred egress redirect dev {b}"
                             for a, b in (("eth0", "tap0"), ("tap0", "eth0")))
        _sh(f"nsenter --net=/proc/{holder}/ns/net sh -ec 'ip tuntap add mode tap vnet_hdr tap0; ip link set tap0 up; {redirect}'")
        with _machine(bench, holder, ("--tap", "tap0"), "/net-share", "10.77.2.2") as address:
            yield address


@contextlib.contextmanager
def _passt(bench, number):
    """In a namespace of its own; who holds that, and the socket as the machines see it. The host reaches the guest on the
    port at the namespace's address."""
    place = bench.arena.root / f"passt{number}"
    place.mkdir(mode=0o777)
    place.chmod(0o777)  # passt is nobody by the time it makes its socket
    with _namespace(number) as holder:
        inside = ["nsenter", f"--net=/proc/{holder}/ns/net"]
        subprocess.run([*inside, "ip", "route", "add", "default", "via", f"10.77.{number}.1"], check=True)
        program = subprocess.Popen([*inside, "/usr/bin/passt", "-f", "-1", "-t", _kPort, "-s", place / "socket"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (place / "socket").exists():
            if program.poll() is not None:
                raise SystemExit(f"measure: passt ended with status {program.returncode}")
            subprocess.run(["sleep", "0.1"], check=False)
        try:
            yield holder, f"/{place.name}/socket"
        finally:
            program.terminate()
            program.wait()


@contextlib.contextmanager
def _ours_by_passt(bench):
    with _passt(bench, 3) as (_, socket):
        place = _make_bundle(bench, "/net-passt", ["/bin/net_peer", "serve", _kPort])
        config = json.loads((place / "config.json").read_text())
        config["annotations"] = {"krun-oci.net": f"unixstream:{socket}"}
        (place / "config.json").write_text(json.dumps(config))
        with _container(bench, "/net-passt", "10.77.3.2") as address:
            yield address


@contextlib.contextmanager
def _theirs_by_passt(bench):
    script = ("ip link set eth0 up; ip addr add 10.77.4.2/24 dev eth0; ip route add default via 10.77.4.1; "
              f"exec /bin/net_peer serve {_kPort}")
    bench.make_share("/net-share-passt", _make_bundle(bench, "/net-peer-passt", ["/bin/sh", "-c", script]))
    with _passt(bench, 4) as (holder, socket):
        with _machine(bench, holder, ("--passt", socket), "/net-share-passt", "10.77.4.2") as address:
            yield address


def _ask(bench, wish, address, count):
    """Nanoseconds; tried again while nobody listens yet."""
    for _ in range(600):
        done = subprocess.run([bench.tools / "net_peer", wish, address, _kPort, count], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            return int(done.stdout)
        subprocess.run(["sleep", "0.1"], check=False)
    raise SystemExit(f"measure: nobody answers at {address}")


def _compare(bench, repeats, backend, ours, theirs):
    peer = f"{_kPeer}, {backend}"
    for wish, what, count in (("to", "A stream of 16 MiB to the guest", _kStreamBytes),
                              ("from", "A stream of 16 MiB from the guest", _kStreamBytes),
                              ("ask", f"{_kQuestions} questions of one byte, each answered by one", _kQuestions)):
        title = f"{what}, {backend}"
        times = {"krun-oci": [], peer: []}
        for turn in range(repeats + 1):
            for name, address in zip(times, (ours, theirs)):
                ns = _ask(bench, wish, address, count)
                if turn:
                    times[name].append(ns)
        table.head(f"{title}, median of {repeats}", "", "virtual ms", "spread", f"of {peer}")
        for name, samples in times.items():
            table.row(name, samples, times[peer])
        table.judge(f"{title}, of {_kPeer}", table.ratio(times["krun-oci"], times[peer]), 1.0)


def measure(bench, repeats):
    with _ours(bench) as ours, _theirs(bench) as theirs:
        _compare(bench, repeats, "tap", ours, theirs)
    with _ours_by_passt(bench) as ours, _theirs_by_passt(bench) as theirs:
        _compare(bench, repeats, "passt", ours, theirs)
