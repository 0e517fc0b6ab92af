# SPDX-License-Identifier: Apache-2.0
"""The networks that podman makes for a user without privileges: what works with crun works with the runtime under test."""
import contextlib
import os
import pathlib
import shutil
import socket
import threading

from network import default_route, echo, echo_datagram, echoing, greeting, kHost, sh, wait_for
from podman_client import kImage
from rootless_user import must, user
from suite import Skip, expect_equal, expect_in, test

_kName, _kNamed = "somewhere.example", "192.0.2.7"
_kResolver = pathlib.Path("/etc/resolv.conf")


def _ready(case):
    if not shutil.which("slirp4netns"):
        raise Skip("slirp4netns is not installed")
    case.once(user)
    os.chmod("/dev/net/tun", 0o666)  # as a distribution's device manager does
    sh(f"ip addr add {kHost}/32 dev lo")
    must("run", "--rm", "--network=slirp4netns", kImage, "true", runtime="crun")  # podman's own lasting files
    return True


@contextlib.contextmanager
def _naming():
    """A name server on the host, which is the host's own: all names have one address."""
    before = _kResolver.read_bytes()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((kHost, 53))

        def serve():
            while True:
                question, peer = server.recvfrom(512)
                if not question:
                    return
                end = question.index(b"\0", 12) + 5  # name, type, class (RFC 1035)
                is_ipv4 = question[end - 4:end - 2] == b"\0\1"
                answer = b"\xc0\x0c" + question[end - 4:end] + b"\0\0\0\x09\0\4" + socket.inet_aton(_kNamed)
                server.sendto(question[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_ipv4 else b"\0\0") + b"\0\0\0\0" +
                              question[12:end] + (answer if is_ipv4 else b""), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        _kResolver.write_text(f"nameserver {kHost}\n")
        try:
            yield
        finally:
            _kResolver.write_bytes(before)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
                stop.sendto(b"", (kHost, 53))
            thread.join()


def _answers(call):
    """Whether a server answers by now: a published port is there before its container listens."""
    try:
        return call() == b"hello"
    except OSError:
        return False


@test("rootless network: with slirp4netns the payload has what it has with crun, and TCP, UDP and names go out", systemd=True,
      vm_only=True, needs=_ready)
def outwards(case):
    script = (f"ip -o -4 addr show tap0; ip route; cat /sys/class/net/tap0/mtu; echo hello | timeout 30 nc {kHost} 8099; "
              f"nslookup {_kName}; nslookup {_kName} {kHost}")
    with _naming(), echoing(case, 8099):
        wanted, got = (must("run", "--rm", "--network=slirp4netns", kImage, "sh", "-c", script, runtime=runtime)
                       for runtime in ("crun", "krun-oci"))
    for part in ("10.0.2.100/24", "\nhello\n"):
        expect_in(part, got, "what the payload sees")
    expect_equal(got.count(_kNamed), 2, f"answers of name servers, podman's and the host's, in {got}")
    expect_equal(got.replace(" qdisc pfifo_fast", ""), wanted, "compared with crun")


for _network in ("slirp4netns", "slirp4netns:port_handler=slirp4netns"):
    @test(f"rootless network: a published TCP and UDP port reach the payload with {_network}", systemd=True, vm_only=True, needs=_ready)
    def published(case, network=_network):
        for kind, call in (("tcp", echo), ("udp", echo_datagram)):
            must("run", "--detach", "--name", "box", f"--network={network}", f"--publish=8077:7/{kind}", kImage, "/bin/probe",
                 f"echo-{kind}", "7")
            try:
                wait_for(lambda: _answers(lambda: call(kHost, 8077, b"hello")), f"the {kind} port")
                data = os.urandom(500_000 if kind == "tcp" else 1000)
                expect_equal(call(kHost, 8077, data) == data, True, f"whether {len(data)} bytes by {kind} come back")
            finally:
                must("rm", "--force", "--time=0", "box")


@test("rootless network: in the host's own the payload has the host's address and route and reaches what the host reaches, by passt",
      systemd=True, vm_only=True, needs=_ready)
def host_by_passt(case):
    script = (f"ip -o -4 addr show up0; ip route; for i in 1 2 3; do timeout 60 wget -qO- http://{kHost}:8099/; done; "
              "timeout 15 wget -qO- http://10.66.1.1:8099/ || echo none")
    with default_route(), greeting(8099):
        before = sh("ip -4 addr; ip route; tc qdisc")
        said = must("run", "--rm", "--network=host", kImage, "sh", "-c", script)
        expect_equal(said.splitlines()[-4:], ["hello"] * 3 + ["none"], f"what comes back ({said})")
        for part in (" 10.66.1.2/24 ", "default via 10.66.1.1 dev up0"):
            expect_in(part, said, "what the payload sees")
        expect_equal(sh("ip -4 addr; ip route; tc qdisc"), before, "the host's network")
