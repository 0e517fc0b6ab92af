# SPDX-License-Identifier: Apache-2.0
"""Where no tap interface can be made, a machine has its namespace's interfaces by packet sockets."""
import json
import os

from network import echo, echo_datagram, echoing, expect_echo, greeting, namespace, sh, use, wait_for
from podman_client import image, kReference, podman
from suite import Failed, Skip, expect, expect_equal, expect_in, test

_kRemark = "/dev/net/tun: No such file or directory; by packet sockets instead"


def _without_tap(case):
    """The runtime on a host that has no /dev/net/tun."""
    path = case.directory / "krun-oci"
    path.write_text("#!/bin/sh\n"
                    'case " $* " in *" start "* | *" run "* | *" check "*) ;; *) exec ' + case.lab.runtime + ' "$@" ;; esac\n'
                    "exec unshare --mount sh -c 'mount -t tmpfs none /dev/net && exec " + case.lab.runtime + " \"$@\"' krun-oci \"$@\"\n")
    path.chmod(0o755)
    return str(path)


def _server(case, net, protocol, name="box"):
    box = case.container(use(case.bundle("/bin/probe", f"echo-{protocol}", "7"), net.path), name=name, runtime=_without_tap(case))
    return box.started().wait_for_output(b"ready")


@test("packet network: TCP, UDP and ICMP arrive whole and once in both directions, over IPv4 and IPv6", vm_only=True)
def traffic(case):
    with namespace() as net:
        net.connect("h0", "eth0", "10.77.0.2/24", "fd00:77::2/64")
        before = net.look()
        box = _server(case, net, "tcp")
        expect_in(_kRemark, " ".join(box.log()), "log")
        expect(" krun" not in net.sh("ip -o link"), "there is a tap interface")
        for address in ("10.77.0.2", "fd00:77::2"):
            said = sh(f"busybox ping -c 5 -w 20 {address}")
            expect_in("5 packets transmitted, 5 packets received, 0% packet loss", said, "ping")
            expect("DUP" not in said, f"answers came twice: {said}")
            expect_echo(address, 7)
        data = os.urandom(8_000_000)
        expect(echo("10.77.0.2", 7, data) == data, "eight megabytes came back otherwise")
        box.must("delete", "--force", box.name)
        expect_equal(net.look(), before, "the namespace afterwards")
        sh("busybox ping -c 1 -w 10 10.77.0.2")  # its own stack again
        box = _server(case, net, "udp", name="udp")
        for address in ("10.77.0.2", "fd00:77::2"):
            for size in (1, 1472, 9000, 60000):
                data = os.urandom(size)
                expect_equal(echo_datagram(address, 7, data) == data, True, f"a datagram of {size} bytes from {address}")
        box.must("delete", "--force", box.name)


@test("packet network: the payload reaches the host, with checksums and segments as with a tap interface", vm_only=True)
def outwards(case):
    script = ("ethernet=/sys/class/net/eth0; cat $ethernet/address $ethernet/mtu; seq 500000 >/fill/sent; "
              "for i in 1 2 3; do nc 10.77.0.1 8007 </fill/sent | md5sum; done; md5sum </fill/sent")
    with namespace() as net, echoing(case, 8007):
        net.connect("h0", "eth0", "10.77.0.2/24", more="address 02:00:00:00:77:02")
        bundle = use(case.bundle().script(script), net.path)
        bundle.tmpfs("/fill")
        result = case.container(bundle, runtime=_without_tap(case)).run()
        mac, mtu, *sums = result.text.splitlines()
        expect_equal((mac, mtu, len(sums), set(sums)), ("02:00:00:00:77:02", "1500", 4, {sums[-1]}), f"result ({result})")


@test("packet network: a second machine in the namespace is told that it has loopback only; the first goes on, and so does the next",
      vm_only=True)
def second(case):
    with namespace() as net:
        net.connect("h0", "eth0", "10.77.0.2/24")
        first = _server(case, net, "tcp", name="first")
        for name, runtime in (("second", None), ("third", _without_tap(case))):
            other = case.container(use(case.bundle().script("ls /sys/class/net"), net.path), name=name, runtime=runtime).started()
            expect_equal((other.wait(), other.out_path.read_text()), (0, "lo\n"), f"status and interfaces of the {name}")
            expect_in("network: another machine has eth0; by passt: what the other has by packet socket cannot be shared; "
                      "this container has loopback only", " ".join(other.log()), "log")
            other.must("delete", name)
            expect_echo("10.77.0.2", 7, 100_000)
        first.must("kill", "first", "KILL")
        first.wait()
        again = case.container(use(case.bundle("/bin/probe", "echo-tcp", "7"), net.path), name="again")
        again.started().wait_for_output(b"ready")
        expect_echo("10.77.0.2", 7, 100_000)
        first.must("delete", "first")
        expect_echo("10.77.0.2", 7, 100_000)
        again.must("delete", "--force", "again")


@test("packet network: check says that it is in use, and what is different", vm_only=True)
def check(case):
    found = json.loads(case.container(case.bundle(), runtime=_without_tap(case)).command("check", "--json").out)
    tap = next(one for one in found if one["subject"] == "tap")
    expect_equal((tap["verdict"], tap["remedy"]), ("warning", "modprobe tun"), "verdict and remedy")
    expect_in(_kRemark, tap["text"], "what it says")


def _bridge(case):
    """What podman, netavark and the kernel keep once they have made a network is there before the test's census."""
    if not os.path.exists("/usr/lib/podman/netavark"):
        raise Skip("netavark is not installed")
    case.once(image)
    done = podman(case, kReference, "run", "--rm", "IMAGE", "true", flags=("--cgroup-manager=cgroupfs",))
    expect_equal(done.returncode, 0, f"podman run with crun ({done.stderr[-300:]})")
    return True


@test("packet network: podman's bridge and a published port", needs=_bridge, vm_only=True)
def bridge(case):
    runtime = _without_tap(case)

    def must(*words):
        done = podman(case, runtime, *words, flags=("--cgroup-manager=cgroupfs",))
        if done.returncode != 0:
            raise Failed(f"podman {words[0]}: status {done.returncode}, {done.stderr[-300:]}")
        return done.stdout.decode()

    def answers():
        try:
            return echo("127.0.0.1", 8079, b"hello") == b"hello"
        except OSError:
            return False
    with greeting(8099):
        must("run", "--detach", "--name", "packets", "--publish", "8079:7", "IMAGE", "/bin/probe", "echo-tcp", "7")
        try:
            wait_for(answers, "the port on loopback")
            data = os.urandom(2_000_000)
            expect(echo("127.0.0.1", 8079, data) == data, "two megabytes came back otherwise")
            gateway = must("inspect", "--format", "{{.NetworkSettings.Gateway}}", "packets").strip()
            said = must("exec", "packets", "busybox", "wget", "-qO-", f"http://{gateway}:8099/")
            expect_equal(said, "hello\n", "the way out")
        finally:
            must("rm", "--force", "--time=0", "packets")
