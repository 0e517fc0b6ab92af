// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/passt.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>
#include <span>
#include <string_view>

#include "base/fd.h"
#include "base/strings.h"
#include "runtime/cgroup/fork_into.h"
#include "runtime/host/passt_program.h"
#include "runtime/network/guest_records.h"
#include "runtime/network/network_plan.h"
#include "runtime/network/socket_network.h"

namespace krun::runtime {
namespace {

constexpr int kSocket = 3;          // passt's, by number
constexpr size_t kMaxWords = 4096;  // of what it says when it fails
constexpr int kAboveStdio = kSocket + 1;

// The interface of the default route that is preferred.
Result<std::optional<uint32_t>> way_out(Netlink const& netlink) {
    rtmsg of{};
    of.rtm_family = AF_INET;
    auto const routes =
        TRY(netlink.list(NetlinkRequest(RTM_GETROUTE, NLM_F_DUMP, of), "network: list routes"));
    std::optional<uint32_t> best;
    uint32_t best_metric = 0;
    for (auto const& route : routes) {
        auto const header = route.header<rtmsg>();
        if (!header || header->rtm_table != RT_TABLE_MAIN || header->rtm_dst_len != 0) continue;
        uint32_t metric = 0;
        std::optional<uint32_t> interface;
        for (auto const& one : route.attributes<rtmsg>()) {
            if (one.type == RTA_PRIORITY) metric = one.as<uint32_t>().value_or(0);
            if (one.type == RTA_OIF) interface = one.as<uint32_t>();
        }
        if (!interface || (best && metric >= best_metric)) continue;
        best = interface;
        best_metric = metric;
    }
    return best;
}

Result<HostInterface> template_interface(Netlink const& netlink) {
    auto const out = TRY(way_out(netlink));
    auto const all = TRY(list_interfaces(netlink));
    auto const found =
        std::find_if(all.begin(), all.end(), [&](auto const& one) { return one.index == out; });
    if (found == all.end())
        return fail(Error(Errc::kUnsupported, "there is no Ethernet interface with a default route"));
    auto interface = *found;
    interface.mac = any_mac();  // the other is its gateway's
    return interface;
}

std::string range_list(std::vector<oci::PortRange> const& ranges) {
    std::string out;
    for (auto const& range : ranges)
        out += (out.empty() ? "" : ",") + std::to_string(range.first) + "-" + std::to_string(range.last);
    return out;
}

std::vector<std::string> arguments(PasstFamilies families, oci::PortsAnnotation const& ports) {
    // The gateway's address is the gateway, and not a way to the host's own sockets.
    std::vector<std::string> out{"passt",       "--quiet",   "--fd",        "3",
                                 "--no-map-gw", "--no-dhcp", "--no-dhcpv6", "--no-ra"};
    if (families == PasstFamilies::kIpv4) out.emplace_back("--ipv4-only");
    if (!ports.tcp.empty()) out.insert(out.end(), {"--tcp-ports", range_list(ports.tcp)});
    if (!ports.udp.empty()) out.insert(out.end(), {"--udp-ports", range_list(ports.udp)});
    return out;
}

// Never returns. `words` becomes stderr.
[[noreturn]] void become_passt(char const* program, std::span<char* const> argv, BorrowedFd socket,
                               BorrowedFd words, CgroupEntry const& home) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::setsid();
    ignore(enter_rest(home), "it is counted with its caller then");
    int const null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    // Out of the way of the numbers that they get.
    int const high_socket = ::fcntl(socket.raw(), F_DUPFD_CLOEXEC, kAboveStdio);
    int const high_words = ::fcntl(words.raw(), F_DUPFD_CLOEXEC, kAboveStdio);
    for (auto const& [from, to] : {std::pair(null, 0), {null, 1}, {high_words, 2}, {high_socket, kSocket}})
        if (::dup2(from, to) < 0) ::_exit(127);
    ::syscall(SYS_close_range, kAboveStdio, ~0U, 0);
    char* environment[] = {nullptr};
    ::execve(program, argv.data(), environment);
    ::_exit(127);
}

std::string last_line(std::string_view text) {
    std::string_view last;
    for (auto const line : split(text, '\n'))
        if (!line.empty()) last = line;
    return printable(last);
}

// It goes into the background when it is ready, by a child of its own.
Result<void> wait_until_ready(pid_t pid, BorrowedFd words) {
    std::string text(kMaxWords, '\0');
    auto const got = read_full(words, std::as_writable_bytes(std::span(text)));
    text.resize(got.ok() ? got.value() : 0);
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return fail(Error(Errc::kUnsupported, "passt: " + (text.empty() ? "it failed" : last_line(text))));
}

Result<UniqueFd> run_passt(Cgroup const& home, std::vector<std::string> arguments_of_it) {
    char const* const program = passt_program();
    if (program == nullptr) return fail(Error(Errc::kUnsupported, "passt is not installed"));
    std::vector<char*> argv;
    argv.reserve(arguments_of_it.size() + 1);
    for (auto& word : arguments_of_it) argv.push_back(word.data());
    argv.push_back(nullptr);
    auto const entry = TRY(open_cgroup(home));
    auto [ours, passts] = TRY(make_socketpair(SOCK_STREAM));
    auto [words, said] = TRY(make_pipe());
    pid_t pid = fork_into(entry);
    // Between the cgroups of two sessions a user may move nobody: then it stays in the caller's.
    if (pid < 0 && errno == EACCES) pid = ::fork();
    if (pid < 0) return fail(Error::sys("start passt"));
    if (pid == 0) become_passt(program, argv, passts.borrow(), said.borrow(), entry);
    passts.reset();
    said.reset();
    TRY(wait_until_ready(pid, words.borrow()));
    return std::move(ours);
}

}  // namespace

Result<std::vector<UniqueFd>> start_passt(Cgroup const& home, std::map<std::string, std::string> const& asked,
                                          PasstFamilies families, oci::PortsAnnotation const& ports) {
    auto const netlink = TRY(Netlink::open());
    auto interface = TRY(template_interface(netlink));
    if (families == PasstFamilies::kIpv4) interface.has_ipv6 = false;
    auto plan = TRY(plan_for_guest(netlink, {interface}, asked));
    plan.interfaces.front().backend = NetworkBackend::kStream;
    std::vector<UniqueFd> out;
    out.push_back(TRY(write_plan(plan)));
    out.push_back(TRY(run_passt(home, arguments(families, ports))));
    return out;
}

}  // namespace krun::runtime
