# SPDX-License-Identifier: Apache-2.0
"""The network that an engine has set up is the payload's, as the engine set it up."""
import os
import pathlib
import re

from network import echo, echo_datagram, echoing, expect_echo, greeting, kHost, namespace, sh, use, wait_for, way_out
from suite import expect, expect_equal, expect_in, test

_kReference = "/usr/bin/crun"
_kLook = ("ip -o addr; ip route; ip -6 route; ip neigh; cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/eth0/rp_filter "
          "/proc/sys/net/ipv6/conf/net1/disable_ipv6; cat /sys/class/net/*/address /sys/class/net/*/mtu")


def _plain(text):
    """Without what tells a veth from another kind of interface, and that an address needs no check any more."""
    text = re.sub(r"@if\d+|,M-DOWN| qdisc \S+| flags 02| nodad|multicast ff00.*\n", "", text)
    return re.sub(r"^\d+: ", "", text, flags=re.M).splitlines()


def _run(case, runtime, bundle):
    result = case.container(bundle, name=os.path.basename(runtime), runtime=runtime).run()
    expect_equal((result.status, result.err), (0, b""), f"status and stderr of {runtime}")
    return _plain(result.text)


@test("network: addresses, routes, neighbours, MTU and sysctls of several interfaces are the payload's", vm_only=True)
def everything(case):
    with namespace() as net:
        net.connect("h0", "eth0", "10.77.0.2/24", "10.77.0.3/24", "10.76.0.2/16", "fd00:77::2/64", "fd00:77::3/64",
                    more="mtu 1400 address 02:00:00:00:77:02")
        net.connect("h1", "net1", "10.78.0.2/24")
        net.sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.eth0.rp_filter=2 net.ipv6.conf.net1.disable_ipv6=1; "
               "ip route add default via 10.77.0.1 metric 100; ip route add 10.99.0.0/16 via 10.78.0.1 src 10.78.0.2 mtu 1300; "
               "ip route add 198.51.100.0/24 dev eth0 scope link; ip route add blackhole 203.0.113.0/24; "
               "ip route add 10.55.0.0/16 nexthop via 10.77.0.1 dev eth0 nexthop via 10.78.0.1 dev net1 weight 2; "
               "ip route add 192.0.2.1 dev net1; ip route add 192.0.3.0/24 via 192.0.2.1 dev net1 onlink; "
               "ip -6 route add default via fd00:77::1 dev eth0; ip -6 route add unreachable 2001:db8::/32; "
               "ip neigh add 10.77.0.9 lladdr 02:00:00:00:00:09 nud permanent dev eth0")
        before = net.look()
        wanted = _run(case, _kReference, use(case.bundle().script(_kLook), net.path))
        got = _run(case, case.lab.runtime, use(case.bundle().script(_kLook), net.path))
        expect_equal([line for line in got if line not in wanted], [line for line in wanted if line not in got],
                     "what the payload sees otherwise than with crun")
        expect_equal(got, wanted, "what the payload sees, compared with crun")
        expect(any("10.55.0.0/16" in line for line in got), "no route of several hops was there")
        expect_equal(net.look(), before, "the namespace afterwards")


@test("network: TCP, UDP and ICMP arrive whole in both directions, over IPv4 and IPv6", vm_only=True)
def traffic(case):
    with namespace() as net:
        net.connect("h0", "eth0", "10.77.0.2/24", "fd00:77::2/64")
        server = case.container(use(case.bundle("/bin/probe", "echo-tcp", "7"), net.path)).started().wait_for_output(b"ready")
        for address in ("10.77.0.2", "fd00:77::2"):
            sh(f"busybox ping -c 1 -w 10 {address}")
            expect_echo(address, 7)
        for _ in range(20):
            expect_equal(echo("10.77.0.2", 7, b"short"), b"short", "a short connection")
        server.must("delete", "--force", server.name)
        server = case.container(use(case.bundle("/bin/probe", "echo-udp", "7"), net.path), name="udp")
        server.started().wait_for_output(b"ready")
        for address in ("10.77.0.2", "fd00:77::2"):
            for bytes_ in (1, 1000, 1472, 9000, 60000):
                data = os.urandom(bytes_)
                expect_equal(echo_datagram(address, 7, data) == data, True, f"a datagram of {bytes_} bytes from {address}")
        server.must("delete", "--force", server.name)


def _queues(case, cpus):
    """The queues of the payload's interface, after a transfer by each processor: those of Linux, what came back, and by the
    number of each of the device's how many chains were used."""
    script = ("cd /sys/class/net/eth0/queues; echo *; seq 300000 >/fill/sent; "
              f"for cpu in $(seq 0 {cpus - 1}); do taskset -c $cpu nc 10.77.0.1 8007 </fill/sent | md5sum; done; md5sum </fill/sent; "
              "echo c >/proc/sysrq-trigger; sleep 100")
    with namespace() as net, echoing(case, 8007):
        net.connect("h0", "eth0", "10.77.0.2/24")
        bundle = use(case.bundle().privileged().script(script), net.path)
        bundle.tmpfs("/fill")
        bundle.config["annotations"] = {"krun.cpus": str(cpus)}
        box = case.container(bundle, name=f"of{cpus}").started()
        disciplines = net.sh("tc qdisc show | grep krun | grep -v ingress || true").splitlines()
        expect_equal(len(disciplines), 1, f"disciplines of the host's interface to the machine: {disciplines}")
        expect_equal(box.wait(120), 255, "status of a panic")
        state = next(line for line in box.must("evidence", box.name).text.splitlines() if "device net0: " in line)
        box.must("delete", box.name)
    names, *sums = box.out_path.read_text().splitlines()
    expect_equal(set(sums), {sums[-1]}, "what came back")
    return names.split(), {int(queue): int(used) for queue, used in re.findall(r"queue (\d+) of \d+ taken \d+ returned (\d+)", state)}


@test("network: a machine of two processors has two pairs of queues, and each carries frames both ways; one of one has one pair",
      vm_only=True, slow=True)
def pairs(case):
    names, used = _queues(case, 2)
    expect_equal(names, ["rx-0", "rx-1", "tx-0", "tx-1"], "the queues of two processors")
    expect(min(used[queue] for queue in (0, 1, 2, 3)) > 10, f"how often the queues were used: {used}")
    expect(used[4] > 0, "the driver has asked for no pairs")
    names, used = _queues(case, 1)
    expect_equal((names, sorted(used)), (["rx-0", "tx-0"], [0, 1, 2]), "the queues of one processor")


@test("network: what a process in the namespace sends to the container's own addresses reaches the payload", vm_only=True)
def from_inside(case):
    with namespace() as net:
        net.connect("h0", "eth0", "10.77.0.2/24", "10.77.0.3/24")
        net.sh("ip route add default via 10.77.0.1")
        before = net.look()
        box = case.container(use(case.bundle("/bin/probe", "echo-tcp", "7"), net.path)).started().wait_for_output(b"ready")
        for address in ("10.77.0.2", "10.77.0.3"):
            expect_equal(net.sh(f"echo hello | timeout 20 busybox nc {address} 7"), "hello\n", f"what comes back from {address}")
        expect_echo("10.77.0.2", 7, 100_000)
        box.must("delete", "--force", "box")
        expect_equal(net.look(), before, "the namespace afterwards")


@test("network: the payload reaches the host, and what is behind its gateway")
def outwards(case):
    with namespace() as net:
        net.connect("h0", "eth0", "10.77.0.2/24")
        net.sh("ip route add default via 10.77.0.1")
        sh("ip addr add 198.51.100.1/32 dev lo")
        try:
            bundle = use(case.bundle().script("ping -c 2 -w 20 10.77.0.1 && ping -c 1 -w 20 198.51.100.1"), net.path)
            for kind in ("bounding", "effective", "permitted"):
                bundle.process["capabilities"][kind].append("CAP_NET_RAW")
            result = case.run(bundle)
            expect_equal(result.status, 0, f"status ({result})")
        finally:
            sh("ip addr del 198.51.100.1/32 dev lo")


@test("network: one that is set up between create and start is there when the payload starts")
def set_up_later(case):
    bundle = case.bundle("/bin/probe", "echo-tcp", "7")
    bundle.linux["sysctl"] = {"net.ipv4.conf.eth0.arp_ignore": "1", "net.ipv4.ip_default_ttl": "77"}
    if not case.is_vm:
        del bundle.linux["sysctl"]["net.ipv4.conf.eth0.arp_ignore"]  # it sets them before
    box = case.container(bundle).created()
    sh(f"ip link add h0 type veth peer name eth0 netns {box.pid}; ip link set h0 up; ip addr add 10.77.0.1/24 dev h0; "
       f"nsenter --target {box.pid} --net sh -c 'ip link set lo up; ip addr add 10.77.0.2/24 dev eth0; ip link set eth0 up'")
    box.must("start", "box")
    box.wait_for_output(b"ready")
    expect_echo("10.77.0.2", 7, 100_000)
    seen = box.must("exec", "box", "cat", "/proc/sys/net/ipv4/ip_default_ttl").text
    if case.is_vm:
        seen += box.must("exec", "box", "cat", "/proc/sys/net/ipv4/conf/eth0/arp_ignore").text
    expect_equal(seen, "77\n1\n" if case.is_vm else "77\n", "sysctls of config.json")
    box.must("delete", "--force", "box")


@test("network: none is loopback alone, and no device")
def none(case):
    result = case.run(case.bundle().script("ls /sys/class/net; ping -c 1 -w 2 10.77.0.1 2>&1 || echo unreachable"))
    expect_equal(result.text.splitlines()[0], "lo", "interfaces")
    expect_equal(result.text.splitlines()[-1], "unreachable", "the way out")


@test("network: a second machine in the same namespace gets out by passt, with the same address; the first goes on", vm_only=True)
def shared(case):
    script = f"ip -o -4 addr show eth0; ip -6 addr show scope global; for i in 1 2 3; do timeout 60 wget -qO- http://{kHost}:8099/; done"
    with namespace() as net, way_out(), greeting(8099):
        net.connect("h0", "eth0", "10.77.0.2/24", "fd00:77::2/64")
        net.sh("ip route add default via 10.77.0.1; ip -6 route add default via fd00:77::1")
        first = case.container(use(case.bundle("/bin/probe", "echo-tcp", "7"), net.path), name="first")
        first.started().wait_for_output(b"ready")
        for name in ("second", "third"):
            result = case.container(use(case.bundle().script(script), net.path), name=name).run()
            lines = result.text.splitlines()
            expect_equal((result.status, len(lines), lines[1:]), (0, 4, ["hello"] * 3), f"result of the {name} ({result})")
            expect_in(" 10.77.0.2/24 ", lines[0], "its address")
            expect_echo("10.77.0.2", 7, 100_000)
        # The next machine that has the interface leaves the others their ports.
        other = case.container(use(case.bundle().script(f"read line; timeout 60 wget -qO- http://{kHost}:8099/"), net.path), name="other")
        first.must("delete", "--force", "first")
        first = case.container(use(case.bundle("/bin/probe", "echo-tcp", "7"), net.path), name="first")
        first.started().wait_for_output(b"ready")
        expect_equal(other.run(stdin=b"go\n").text, "hello\n", "what comes back after that")
        expect_echo("10.77.0.2", 7, 100_000)
        first.must("delete", "--force", "first")


@test("network: a second machine in a namespace without a way out is told that it has loopback only; the first goes on", vm_only=True)
def not_shared(case):
    with namespace() as net:
        net.connect("h0", "eth0", "10.77.0.2/24")
        several = {"krun.cpus": "2"}  # queues of the host's interface, which need not all be one machine's
        bundle = use(case.bundle("/bin/probe", "echo-tcp", "7"), net.path)
        bundle.config["annotations"] = several
        first = case.container(bundle, name="first").started()
        first.wait_for_output(b"ready")
        shares = "cat /proc/sys/net/ipv4/ip_local_port_range; ip rule; tc filter show dev eth0 ingress | grep -v sent"
        before = net.sh(shares)
        bundle = use(case.bundle().script("ls /sys/class/net"), net.path)
        bundle.config["annotations"] = several
        second = case.container(bundle, name="second").started()
        expect_equal(second.wait(), 0, "status of the second")
        expect_equal(second.out_path.read_text(), "lo\n", "its interfaces")
        expect_in("network: another machine has eth0; by passt: there is no Ethernet interface with a default route; "
                  "this container has loopback only", " ".join(second.log()), "log")
        second.must("delete", "second")
        expect_equal(net.sh(shares), before, "the ports of the first")
        expect_echo("10.77.0.2", 7, 100_000)
        first.must("delete", "--force", "first")


@test("network: a namespace that stays is as before when the container has gone, and serves the next one", vm_only=True)
def stays(case):
    with namespace() as net:
        net.connect("h0", "eth0", "10.77.0.2/24")
        before = net.look()
        for name in ("one", "two"):
            box = case.container(use(case.bundle("/bin/probe", "echo-tcp", "7"), net.path), name=name)
            box.started().wait_for_output(b"ready")
            expect_echo("10.77.0.2", 7, 100_000)
            if name == "two":
                box.must("kill", name, "KILL")
                box.wait()
            box.must("delete", "--force", name)
            expect_equal(net.look(), before, f"the namespace after {name}")
        sh("busybox ping -c 1 -w 10 10.77.0.2")  # its own stack again


@test("network: what cannot be handed over is one clear line", vm_only=True)
def refused(case):
    with namespace() as net:
        for i in range(9):
            net.sh(f"ip link add d{i} type veth peer name e{i}; ip link set d{i} up")
        before = net.look()
        box = case.container(use(case.bundle(), net.path)).created()
        result = box.command("start", "box")
        expect(result.status != 0, "it was started")
        expect_in("more than 8 interfaces", result.error, "stderr")
        box.must("delete", "--force", "box")
        expect_equal(net.look(), before, "the namespace afterwards")


def _of_the_host(case, script):
    """Bundles whose containers are in the host's network: config.json lists it, or none."""
    unlisted = case.bundle().script(script)
    unlisted.linux["namespaces"] = [one for one in unlisted.linux["namespaces"] if one["type"] != "network"]
    return {"listed": use(case.bundle().script(script), "/proc/1/ns/net"), "unlisted": unlisted}


@test("network: in the host's own, which leads nowhere, the container has loopback only and touches no interface", vm_only=True)
def hosts(case):
    before = sh("ip link; ip addr; tc qdisc")
    for name, bundle in _of_the_host(case, "ls /sys/class/net").items():
        box = case.container(bundle, name=name)
        expect_equal(box.run().text, "lo\n", "interfaces")
        expect_in("network: the host's own, by passt: there is no Ethernet interface with a default route; "
                  "this container has loopback only", " ".join(box.log()), "log")
    expect_equal(sh("ip link; ip addr; tc qdisc"), before, "the host's network")


@test("network: in the host's own the payload has the host's addresses and routes and reaches what the host reaches, by passt",
      vm_only=True)
def host_by_passt(case):
    script = (f"cd /sys/class/net; ls; cat up0/mtu; ip -o -4 addr show up0; ip route; timeout 60 wget -qO- http://{kHost}:8099/; "
              "timeout 15 wget -qO- http://10.66.1.1:8099/ || echo none")
    with way_out(), greeting(8099):
        before = sh("ip -4 addr; ip route; tc qdisc")
        for name, bundle in _of_the_host(case, script).items():
            result = case.container(bundle, name=name).run()
            lines = result.text.splitlines()
            expect_equal((result.status, lines[:3], lines[-2:]), (0, ["lo", "up0", "1500"], ["hello", "none"]), f"result ({result})")
            for part in (" 10.66.1.2/24 ", "default via 10.66.1.1 dev up0"):
                expect_in(part, result.text, "what the payload sees")
        expect_equal(sh("ip -4 addr; ip route; tc qdisc"), before, "the host's network")


@test("network: in the host's own the payload is reached on the ports that an annotation names, and on no other", vm_only=True)
def host_ports(case):
    bundle = _of_the_host(case, "httpd -p 8098 -h /etc; httpd -p 8097 -h /etc; echo ready; sleep 1000")["unlisted"]
    bundle.config["annotations"] = {"krun-oci.ports": "8098"}
    (bundle.root / "etc").mkdir(exist_ok=True)
    (bundle.root / "etc/greeting").write_text("hello\n")
    with way_out():
        box = case.container(bundle).started()
        box.wait_for_output(b"ready\n")
        expect_equal(sh("wget -qO- http://10.66.1.2:8098/greeting"), "hello\n", "the answer on the port")
        expect_equal(sh("wget -qO- http://10.66.1.2:8097/greeting || echo refused"), "refused\n", "the answer on another port")
        second = case.container(bundle, name="second").created()
        failed = second.command("start", "second")
        expect_in('annotations["krun-oci.ports"], in the host\'s own network: passt: ', failed.error, "what the second is told")
        for name in ("second", "box"):
            box.must("delete", "--force", name)


@test("network: passt is in the container's cgroup, and ends with its machine", vm_only=True)
def passt_ends(case):
    with way_out():
        box = case.container(_of_the_host(case, "sleep 1000")["unlisted"]).started()
        members = pathlib.Path("/sys/fs/cgroup" + sh(f"cut -d: -f3 /proc/{box.pid}/cgroup").strip() + "/cgroup.procs")
        names = [sh(f"cat /proc/{pid}/comm").strip() for pid in members.read_text().split()]
        expect(any(name.startswith("passt") for name in names), f"no passt among {names}")
        box.must("kill", box.name, "KILL")
        box.wait()
        wait_for(lambda: not members.read_text(), "passt to end")
        box.must("delete", box.name)
