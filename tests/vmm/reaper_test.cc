// SPDX-License-Identifier: Apache-2.0
// Closing that takes long, played by a TCP socket that lingers with unsent data.
#include "vmm/reaper.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "base/fd.h"
#include "tests/support/guest_driver.h"

namespace krun::vmm {
namespace {

using std::chrono::steady_clock;

struct Linger {
    UniqueFd slow;  // its last close by a living process takes three seconds
    UniqueFd peer;
};

Linger make_linger() {
    UniqueFd const listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener.borrow().raw(), raw, size), 0);
    EXPECT_EQ(::listen(listener.borrow().raw(), 1), 0);
    EXPECT_EQ(::getsockname(listener.borrow().raw(), raw, &size), 0);
    UniqueFd slow(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(slow.borrow().raw(), raw, size), 0);
    UniqueFd peer(::accept4(listener.borrow().raw(), nullptr, nullptr, SOCK_CLOEXEC));
    std::string const text(1 << 20, 'x');
    while (::send(slow.borrow().raw(), text.data(), text.size(), MSG_DONTWAIT) > 0) continue;
    linger const three{.l_onoff = 1, .l_linger = 3};
    EXPECT_EQ(::setsockopt(slow.borrow().raw(), SOL_SOCKET, SO_LINGER, &three, sizeof three), 0);
    return {std::move(slow), std::move(peer)};
}

// Whether nobody holds the write end of this pipe's `read_end` any more, within two seconds.
bool let_go(UniqueFd const& read_end) {
    pollfd state{.fd = read_end.borrow().raw(), .events = POLLIN, .revents = 0};
    return ::poll(&state, 1, 2000) == 1 && (state.revents & POLLHUP) != 0;
}

TEST(CloseVmElsewhere, CallerDoesNotWaitForTheLastClose) {
    auto [slow, peer] = make_linger();
    auto [read_end, write_end] = must(make_pipe());
    std::vector<UniqueFd> vm;
    vm.push_back(std::move(slow));
    vm.push_back(std::move(write_end));
    auto const begin = steady_clock::now();
    close_vm_elsewhere(std::move(vm));
    EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(2));
    EXPECT_TRUE(let_go(read_end)) << "closed in the end";
}

TEST(CloseVmElsewhere, NothingElseIsHeldOpen) {
    auto [slow, peer] = make_linger();
    auto [read_end, write_end] = must(make_pipe());
    std::vector<UniqueFd> vm;
    vm.push_back(std::move(slow));
    close_vm_elsewhere(std::move(vm));
    write_end.reset();
    EXPECT_TRUE(let_go(read_end));
}

TEST(CloseVmElsewhere, NoDescriptorsAreNoWork) {
    close_vm_elsewhere({});
}

TEST(LeaveVmTeardownToAReaper, CallerKeepsItsStatusAndTheReaperEndsAfterIt) {
    auto [read_end, write_end] = must(make_pipe());
    pid_t const child = ::fork();
    if (child == 0) {
        leave_vm_teardown_to_a_reaper(std::array{write_end.borrow().raw()});
        ::_exit(7);
    }
    write_end.reset();
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 7);
    EXPECT_TRUE(let_go(read_end));
}

}  // namespace
}  // namespace krun::vmm
