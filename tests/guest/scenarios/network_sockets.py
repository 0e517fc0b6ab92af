# SPDX-License-Identifier: Apache-2.0
"""A machine whose network is a program in user space: behind a unix socket, as users of libkrun and vfkit have it, or in a
namespace that is there."""
import contextlib
import fcntl
import os
import pathlib
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading

import executed
from network import expect_echo, greeting, kHost, sh, use, wait_for, way_out
from suite import Skip, expect, expect_equal, expect_in, test

# What no program on this side sends by itself.
_kLook = "cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu; ip -o -4 addr show eth0; ip route"
_kTalk = f"timeout 60 wget -qO- http://{kHost}:8099/"


def _annotated(case, value, script):
    bundle = use(case.bundle().script(script))
    bundle.config["annotations"] = {"krun-oci.net": value}
    return bundle


@contextlib.contextmanager
def _passt(*options):
    place = pathlib.Path(tempfile.mkdtemp(dir="/run"))
    place.chmod(0o777)  # passt is nobody by the time it makes its socket
    path = place / "passt.socket"
    program = subprocess.Popen(["/usr/bin/passt", "-f", "-1", "-s", path, *options], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        wait_for(path.exists, "passt's socket")
        yield path
    finally:
        program.kill()
        program.wait()
        shutil.rmtree(place)


class _Switch:
    """A peer as gvproxy is one for vfkit: frames are datagrams, and go to an interface of the host's and back."""

    def __init__(self, path):
        self.first = None
        self.peer = None
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.tap = os.open("/dev/net/tun", os.O_RDWR)
        kTunSetIff, kTapNoInfo = 0x400454ca, 0x1002
        fcntl.ioctl(self.tap, kTunSetIff, struct.pack("16sH22x", b"gv0", kTapNoInfo))
        sh("ip addr add 10.66.0.1/24 dev gv0; ip link set gv0 up")
        self.stopping, self.stop = os.pipe()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            ready, _, _ = select.select([self.socket, self.tap, self.stopping], [], [])
            if self.stopping in ready:
                return
            if self.socket in ready:
                frame, sender = self.socket.recvfrom(65536)
                if self.first is None:
                    self.first, self.peer = frame, sender
                else:
                    os.write(self.tap, frame)
            if self.tap in ready:
                frame = os.read(self.tap, 65536)
                if self.peer:
                    with contextlib.suppress(OSError):
                        self.socket.sendto(frame, self.peer)

    def close(self):
        os.write(self.stop, b"x")
        self.thread.join()
        self.socket.close()
        for fd in (self.tap, self.stopping, self.stop):
            os.close(fd)


@test("network sockets: passt on a stream socket gives the payload its address and a way out", vm_only=True)
def stream(case):
    if not shutil.which("passt"):
        raise Skip("passt is not installed")
    with way_out(), _passt("--mtu", "1400") as path, greeting(8099):
        result = case.run(_annotated(case, f"unixstream:{path},mac=02:00:00:00:66:01", f"{_kLook}; {_kTalk}"))
        lines = result.text.splitlines()
        expect_equal((result.status, lines[:2], lines[-1]), (0, ["02:00:00:00:66:01", "1400"], "hello"), f"result ({result})")
        for part in (" 10.66.1.2/24 ", "default via 10.66.1.1 dev eth0"):
            expect_in(part, result.text, "what the payload sees")


@contextlib.contextmanager
def _dhcp_server(case, *options):
    """udhcpd on the switch's interface; what it says of itself goes into the file that is the value."""
    config, leases, said = (case.directory / name for name in ("udhcpd.conf", "leases", "udhcpd.log"))
    leases.touch()
    config.write_text("\n".join(["interface gv0", "start 10.66.0.7", "end 10.66.0.7", f"lease_file {leases}",
                                 f"pidfile {case.directory}/pid", "option subnet 255.255.255.0", "option router 10.66.0.1",
                                 *options, ""]))
    with open(said, "wb") as log:
        server = subprocess.Popen(["busybox", "udhcpd", "-f", config], stdout=log, stderr=log)
    try:
        yield said
    finally:
        server.kill()
        server.wait()


@test("network sockets: a datagram socket begins as vfkit does, and DHCP in four steps gives the address", vm_only=True)
def datagrams(case):
    sh(f"ip addr add {kHost}/32 dev lo")
    path = case.directory / "switch.socket"
    switch = _Switch(path)
    try:
        with _dhcp_server(case), greeting(8099):
            result = case.run(_annotated(case, f"unixgram:{path}", f"{_kLook}; {_kTalk}"))
    finally:
        switch.close()
        sh(f"ip addr del {kHost}/32 dev lo")
    expect_equal(switch.first, b"VFKT", "the first datagram")
    lines = result.text.splitlines()
    expect_equal((result.status, lines[1], lines[-1]), (0, "1500", "hello"), f"result ({result})")
    for part in (" 10.66.0.7/24 ", "default via 10.66.0.1 dev eth0"):
        expect_in(part, result.text, "what the payload sees")


def _log(container):
    return container.must("evidence", container.name).text


@test("network sockets: an address that DHCP has lent is asked for again in time, and stays when nobody lends it any longer",
      vm_only=True)
def renewal(case):
    path = case.directory / "switch.socket"
    switch = _Switch(path)
    try:
        with _dhcp_server(case, "option lease 4") as said:
            container = case.container(_annotated(case, f"unixgram:{path}", executed.kWait)).started()
            wait_for(lambda: said.read_text().lower().count("sending ack") >= 4, "three renewals")
        expect("any longer" not in _log(container), "the address was lost before its time was over")
        wait_for(lambda: "nobody lets eth0 have its address any longer" in _log(container), "a line about its end")
        expect_in(" 10.66.0.7/24 ", executed.shell(container, "ip -o -4 addr show eth0").text, "what is left")
        container.discard()
    finally:
        switch.close()


@contextlib.contextmanager
def _pasta(*options):
    """A namespace that pasta has made and speaks for, as a user without privileges."""
    os.chmod("/dev/net/tun", 0o666)  # as a distribution's device manager does
    words = ["setpriv", "--reuid=4243", "--regid=4243", "--clear-groups", "pasta", "--config-net", "--foreground", "--quiet", *options,
             "--", "sh", "-c", "read pid rest </proc/self/stat; echo $pid; exec sleep 1000"]
    program = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    pid = int(program.stdout.readline())
    try:
        yield f"/proc/{pid}/ns/net"
    finally:
        os.kill(pid, signal.SIGKILL)
        program.kill()
        program.wait()
        program.stdout.close()


@test("network sockets: a namespace that pasta speaks for works as it is, outwards and by a published port", vm_only=True)
def pasta(case):
    if not shutil.which("pasta"):
        raise Skip("pasta is not installed")
    with way_out(), greeting(8099), _pasta("--tcp-ports", "8077:7") as path:
        result = case.container(use(case.bundle().script(f"ip -o -4 addr; {_kTalk}"), path), name="out").run()
        expect_equal((result.status, result.text.splitlines()[-1]), (0, "hello"), f"result ({result})")
        expect_in(" 10.66.1.2/24 ", result.text, "its address")
        server = case.container(use(case.bundle("/bin/probe", "echo-tcp", "7"), path)).started().wait_for_output(b"ready")
        expect_echo("10.66.1.2", 8077, 100_000)
        server.must("delete", "--force", server.name)


@test("network sockets: nobody who gives addresses is no error, and a peer that goes away takes the link down", vm_only=True)
def silence(case):
    path = case.directory / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        script = ("ip -o -4 addr show eth0; cat /sys/class/net/eth0/carrier; echo ready; "
                  "while [ $(cat /sys/class/net/eth0/carrier) = 1 ]; do sleep 0.1; done; echo down")
        box = case.container(_annotated(case, f"unixstream:{path}", script)).started()
        peer, _ = listener.accept()
        box.wait_for_output(b"ready")
        peer.sendall(b"\xff\xff\xff\xff and no frame")
        expect_equal(box.wait(), 0, "status")
        expect_equal(box.out_path.read_text(), "1\nready\ndown\n", "what the payload sees")
        peer.close()
        box.must("delete", box.name)


@test("network sockets: one that nobody listens on is one clear line, and the container can be deleted", vm_only=True)
def nobody(case):
    box = case.container(_annotated(case, "unixstream:/nowhere/socket", "true")).created()
    result = box.command("start", box.name)
    expect_equal(result.status, 1, "status")
    expect_in('network: krun-oci.net: "/nowhere/socket": connect: No such file or directory', result.error, "stderr")
    box.must("delete", "--force", box.name)
