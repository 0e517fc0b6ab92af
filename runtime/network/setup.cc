// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/setup.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>

#include "base/fd.h"
#include "base/fd_passing.h"
#include "base/log.h"
#include "base/sysctl_path.h"
#include "oci/annotations.h"
#include "runtime/control/control_wire.h"
#include "runtime/host/passt_program.h"
#include "runtime/network/guest_records.h"
#include "runtime/network/passt.h"
#include "runtime/network/redirect.h"
#include "runtime/network/shared_ports.h"
#include "runtime/network/socket_network.h"
#include "runtime/network/takeover.h"
#include "vmm/network_slot.h"

namespace krun::runtime {
namespace {

using Sysctls = std::map<std::string, std::string>;

// What the child that enters the namespace has to say.
struct TakenOver {
    std::vector<UniqueFd> fds{};
    std::string complaint{};
};

// The computer's own, or the caller's: never a guest's.
bool is_shared(NetworkNamespace ns) {
    return ns == NetworkNamespace{} || ns == network_namespace_of("self") || ns == network_namespace_of("1");
}

Result<void> enter(BorrowedFd ns) {
    if (::setns(ns.raw(), CLONE_NEWNET) < 0)
        return fail(Error::sys("network: enter the container's namespace"));
    return {};
}

// Of a namespace whose interfaces another machine has.
Result<std::vector<UniqueFd>> share(Netlink const& netlink, std::vector<HostInterface> const& interfaces,
                                    Sysctls const& asked, Cgroup const& home) {
    std::vector<int> taps;
    for (auto const& one : interfaces) {
        auto const tap = tap_of(netlink, one);
        if (!tap.ok())
            return fail(Error(Errc::kUnsupported, "what the other has by packet socket cannot be shared"));
        taps.push_back(tap.value());
    }
    // Before ports are shared: without a way out the other loses none. It ends with what is returned.
    auto passt = TRY(start_passt(home, asked, PasstFamilies::kIpv4));
    for (size_t i = 0; i < taps.size(); ++i) TRY(share_ports(netlink, interfaces[i], taps[i]));
    return passt;
}

Result<TakenOver> take_over(BorrowedFd ns, Sysctls const& asked, Cgroup const& home, uint32_t queues) {
    TRY(enter(ns));
    auto const netlink = TRY(Netlink::open());
    TakenOver out;
    std::vector<std::string> others;
    auto const interfaces = TRY(list_interfaces(netlink, &others));
    for (auto const& name : others)
        out.complaint +=
            (out.complaint.empty() ? "network: not handed to the guest, as it is no Ethernet: " : ", ") +
            name;
    if (interfaces.empty()) return out;
    if (interfaces.size() > kMaxNetworkInterfaces)
        return fail(Error(Errc::kUnsupported, "network: more than " + std::to_string(kMaxNetworkInterfaces) +
                                                  " interfaces in the container's namespace"));
    auto plan = TRY(plan_for_guest(netlink, interfaces, asked));
    auto taken = take_interfaces(netlink, interfaces, ns, queues);
    if (!taken.ok() && taken.error().code() == Errc::kBadState) {
        auto shared = share(netlink, interfaces, asked, home);
        if (shared.ok())
            out.fds = std::move(shared).value();
        else
            out.complaint = taken.error().message() + "; by passt: " + shared.error().message() +
                            "; this container has loopback only";
        return out;
    }
    auto [backend, fds, remark] = TRY(std::move(taken));
    for (auto& one : plan.interfaces) {
        one.backend = backend;
        one.descriptors = static_cast<uint32_t>(fds.size() / interfaces.size());
    }
    auto file = write_plan(plan);
    if (!file.ok()) {
        for (auto const& one : interfaces) remove_redirection(netlink, one);
        return fail(std::move(file).error());
    }
    if (!remark.empty()) out.complaint += (out.complaint.empty() ? "" : "; ") + remark;
    out.fds = std::move(fds);
    out.fds.insert(out.fds.begin(), std::move(file).value());
    return out;
}

// Those that no machine has any more.
Result<TakenOver> give_back(BorrowedFd ns) {
    TRY(enter(ns));
    if (are_taken(ns)) return TakenOver{};
    auto const netlink = TRY(Netlink::open());
    auto const interfaces = TRY(list_interfaces(netlink));
    for (auto const& one : interfaces)
        if (!tap_of(netlink, one).ok()) remove_redirection(netlink, one);
    return TakenOver{};
}

[[noreturn]] void report(BorrowedFd socket, Result<TakenOver> const& result) {
    std::vector<BorrowedFd> fds;
    std::string complaint;
    if (result.ok()) {
        for (auto const& fd : result.value().fds) fds.push_back(fd.borrow());
        complaint = result.value().complaint;
    }
    auto const outcome = result.ok()
                             ? Result<void>()
                             : Result<void>(fail(Error(result.error().code(), result.error().message())));
    ignore(send_message(socket, encode_result(outcome, complaint), fds), "our parent has gone");
    ::_exit(0);
}

// Runs `work` in a child process and returns what it says.
template <class Work>
Result<TakenOver> in_child(Work work) {
    auto [ours, childs] = TRY(make_socketpair(SOCK_SEQPACKET));
    pid_t const child = ::fork();
    if (child < 0) return fail(Error::sys("network: fork"));
    if (child == 0) report(childs.borrow(), work());
    childs.reset();
    std::array<std::byte, kMaxWireResultBytes> buffer;
    auto message = receive_message(ours.borrow(), buffer);
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
    size_t const bytes = message.ok() ? message.value().bytes : 0;
    auto complaint = TRY(decode_result(std::span(buffer).first(bytes),
                                       Error(Errc::kInternal, "network: its set-up ended unexpectedly")));
    return TakenOver{std::move(message).value().fds, std::move(complaint)};
}

Sysctls asked_sysctls(oci::Spec const& spec) {
    Sysctls out;
    for (auto const& [key, value] : spec.linux.sysctl) out.emplace(sysctl_path(key), value);
    return out;
}

// config.json asks for one that is not the container's alone: it lists none, or one by path.
bool wants_shared(oci::Spec const& spec) {
    auto const& all = spec.linux.namespaces;
    auto const found =
        std::find_if(all.begin(), all.end(), [](auto const& ns) { return ns.type == "network"; });
    return found == all.end() || !found->path.empty();
}

Result<std::vector<UniqueFd>> take_socket(oci::NetworkAnnotation const& wanted) {
    std::vector<UniqueFd> out;
    out.push_back(TRY(write_plan(plan_for_socket(wanted))));
    out.push_back(TRY(connect_network(wanted)));
    return out;
}

// Where the container is for certain: one that cannot be looked at may be meant to be alone.
Result<std::vector<UniqueFd>> share_own(NetworkNamespace containers, oci::Spec const& spec,
                                        oci::PortsAnnotation const& ports, Cgroup const& home) {
    if (containers == NetworkNamespace{} || containers != network_namespace_of("self"))
        return fail(Error(Errc::kUnsupported, "it is not that of the command"));
    return start_passt(home, asked_sysctls(spec), PasstFamilies::kAll, ports);
}

// What cannot be handed over can be shared. A container that could do without does not fail; one that is to
// be reached does.
Result<std::vector<UniqueFd>> share_network(NetworkNamespace containers, oci::Spec const& spec,
                                            oci::PortsAnnotation const& ports, Cgroup const& home) {
    auto shared = share_own(containers, spec, ports, home);
    if (shared.ok()) return shared;
    if (!ports.empty())
        return fail(
            std::move(shared).error().with("annotations[\"krun-oci.ports\"], in the host's own network"));
    log(LogLevel::kError, "network: the host's own, by passt: " + shared.error().message() +
                              "; this container has loopback only");
    return std::vector<UniqueFd>();
}

NetworkNamespace identity(struct stat const& status) {
    return {status.st_dev, status.st_ino};
}

}  // namespace

NetworkNamespace network_namespace_of(std::string const& process) {
    struct stat status {};
    if (::stat(("/proc/" + process + "/ns/net").c_str(), &status) < 0) return {};
    return identity(status);
}

uint32_t network_slots(NetworkNamespace creators, oci::Spec const& spec) {
    auto const annotations = oci::read_annotations(spec.annotations);
    if (annotations.ok() && annotations.value().network) return 1;
    auto const ours = network_namespace_of("self");
    if (ours == creators || ours == network_namespace_of("1"))
        return wants_shared(spec) && passt_program() != nullptr ? 1 : 0;
    auto const netlink = Netlink::open();
    if (!netlink.ok()) return kUsualNetworkSlots;
    auto const interfaces = list_interfaces(netlink.value());
    auto const here = interfaces.ok() ? static_cast<uint32_t>(interfaces.value().size()) : 0;
    return std::clamp(here, kUsualNetworkSlots, static_cast<uint32_t>(kMaxNetworkInterfaces));
}

Result<std::vector<UniqueFd>> take_over_network(pid_t container, oci::Spec const& spec, Cgroup const& home,
                                                uint32_t vcpus) {
    auto const annotations = TRY(oci::read_annotations(spec.annotations));
    if (annotations.network) return take_socket(*annotations.network);
    auto const process = std::to_string(container);
    auto const containers = network_namespace_of(process);
    if (is_shared(containers))
        return wants_shared(spec) ? share_network(containers, spec, annotations.ports, home)
                                  : std::vector<UniqueFd>();
    auto const ns = TRY(open_path("/proc/" + process + "/ns/net", O_RDONLY));
    auto const asked = asked_sysctls(spec);
    auto const queues = vmm::useful_queue_pairs(vcpus);
    auto taken = TRY(in_child([&] { return take_over(ns.borrow(), asked, home, queues); }));
    if (!taken.complaint.empty()) log(LogLevel::kError, taken.complaint);
    return std::move(taken.fds);
}

Result<std::string> try_hand_over() {
    auto tried = in_child([]() -> Result<TakenOver> {
        if (::unshare(CLONE_NEWNET) < 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
            return fail(Error::sys("network: make a namespace"));
        auto const netlink = TRY(Netlink::open());
        HostInterface loopback;
        loopback.index = 1;  // in every namespace
        loopback.name = "lo";
        loopback.mtu = 1500;
        auto const ns = TRY(open_path("/proc/thread-self/ns/net", O_RDONLY));
        auto taken = TRY(take_interfaces(netlink, {loopback}, ns.borrow(), 1));
        return TakenOver{.complaint = std::move(taken.remark)};
    });
    if (!tried.ok()) return fail(std::move(tried).error());
    return std::move(tried.value().complaint);
}

void give_back_network(std::string const& path) {
    if (path.empty()) return;
    auto const ns = open_path(path, O_RDONLY | O_NONBLOCK);
    struct stat status {};
    if (!ns.ok() || ::fstat(ns.value().borrow().raw(), &status) < 0 || is_shared(identity(status))) return;
    ignore(in_child([&] { return give_back(ns.value().borrow()); }), "the next machine there puts it right");
}

}  // namespace krun::runtime
