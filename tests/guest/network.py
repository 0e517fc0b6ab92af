# SPDX-License-Identifier: Apache-2.0
"""Network namespaces as engines make them, and somebody to talk to the containers in them."""
import contextlib
import http.server
import os
import signal
import socket
import subprocess
import threading
import time

from suite import expect_equal, Failed


def sh(text):
    """A line of shell on the host, which must succeed: its stdout."""
    done = subprocess.run(["sh", "-ec", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise Failed(f"{text}: status {done.returncode}, {done.stderr[-300:]}")
    return done.stdout.decode()


class Namespace:
    """One that stays while its holder lives: an engine's, made before the container."""

    def __init__(self, pid):
        self.pid = pid
        self.path = f"/proc/{pid}/ns/net"

    def sh(self, text):
        return sh(f"nsenter --net={self.path} sh -ec '{text}'")

    def connect(self, host, interface, *addresses, more=""):
        """An interface of the namespace whose other end is `host` on the host. `addresses`: of the interface; the first of
        each family has the host at 1."""
        sh(f"ip link add {host} type veth peer name {interface} netns {self.pid} {more}; ip link set {host} up")
        self.sh(f"ip link set {interface} up")
        for address in addresses:
            family = "-6 addr add nodad" if ":" in address else "addr add"
            option = "nodad" if ":" in address else "brd +"
            separator = "::" if ":" in address else "."
            prefix, length = address.split("/")
            peer = prefix.rsplit(separator, 1)[0] + separator + "1/" + length
            if f" {peer} " not in sh(f"ip -o addr show dev {host}"):
                sh(f"ip addr add {peer} dev {host} {'nodad' if family.startswith('-6') else ''}")
            self.sh(f"ip addr add {address} {option} dev {interface}")
        wait_for(lambda: "tentative" not in self.sh(f"ip -6 addr show dev {interface}") + sh(f"ip -6 addr show dev {host}"),
                 "addresses to be unique")

    def look(self):
        """All of it that a runtime could leave changed."""
        return self.sh("ip -d link; ip addr; ip route show table all; ip -6 route; ip neigh show nud permanent; tc qdisc; "
                       "for i in $(ls /sys/class/net); do tc filter show dev $i ingress 2>/dev/null || true; done")


@contextlib.contextmanager
def namespace():
    holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep 1000"],
                              stdout=subprocess.PIPE, start_new_session=True)
    try:
        holder.stdout.readline()
        yield Namespace(holder.pid)
    finally:
        os.killpg(holder.pid, signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    # The host's ends go with theirs, which is not at once.
    wait_for(lambda: "veth" not in sh("ip -d link"), "the interfaces to go")


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"waited {seconds} s for {what}")
        time.sleep(0.05)


def use(bundle, path=None):
    """The bundle's container is in that network namespace; None: in one of its own."""
    for one in bundle.linux["namespaces"]:
        if one["type"] == "network":
            one.pop("path", None)
            if path:
                one["path"] = path
    return bundle


def echo(address, port, data, timeout=60):
    """What comes back from a TCP server that echoes, all of `data` sent while it comes."""
    with socket.create_connection((address, port), timeout) as connection:
        connection.setblocking(False)
        back = bytearray()
        sent = 0
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            with contextlib.suppress(BlockingIOError):
                if sent < len(data):
                    sent += connection.send(data[sent:sent + 262144])
                    if sent == len(data):
                        connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(BlockingIOError):
                more = connection.recv(262144)
                if not more:
                    return bytes(back)
                back += more
        raise Failed(f"{len(back)} of {len(data)} bytes came back from {address} in {timeout} s")


@contextlib.contextmanager
def echoing(case, port):
    """A server of the host's that says back what it is told, by TCP."""
    server = subprocess.Popen([case.lab.probe, "echo-tcp", str(port)], stdout=subprocess.PIPE)
    server.stdout.readline()
    try:
        yield
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello\n")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def greeting(port):
    """A web server of the host's that says hello. Debian 12's passt forgets the end of a connection whose client half-closes
    it before the answer, as nc does."""
    server = http.server.ThreadingHTTPServer(("", port), _Hello)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# An address of the host's that is neither loopback's nor of any of its networks.
kHost = "198.51.100.1"


@contextlib.contextmanager
def default_route():
    """The host has a way out, which programs like passt copy."""
    sh("ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up; "
       "ip addr add 10.66.1.2/24 dev up0; ip route add default via 10.66.1.1")
    try:
        yield
    finally:
        sh("ip link del up0")


@contextlib.contextmanager
def way_out():
    """The host has a way out, and kHost."""
    sh(f"ip addr add {kHost}/32 dev lo")
    try:
        with default_route():
            yield
    finally:
        sh(f"ip addr del {kHost}/32 dev lo")


def echo_datagram(address, port, data, tries=5):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.settimeout(3)
        for _ in range(tries):
            one.sendto(data, (address, port))
            with contextlib.suppress(TimeoutError):
                return one.recv(65536)
    raise Failed(f"no datagram of {len(data)} bytes came back from {address}")


def expect_echo(address, port, bytes_=4 << 20):
    data = os.urandom(bytes_)
    back = echo(address, port, data)
    expect_equal((len(back), back == data), (len(data), True), f"bytes from {address}, and whether they are the same")
