// SPDX-License-Identifier: Apache-2.0
#include "bench/driver/vhost_user.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <ctime>

#include "base/fd.h"
#include "tests/support/guest_driver.h"
#include "vmm/virtio/features.h"

namespace krun::bench {
namespace {

using vmm::must;

constexpr uint64_t kRamBytes = uint64_t{512} << 20;

enum Request : uint32_t {
    kGetFeatures = 1,
    kSetFeatures = 2,
    kSetOwner = 3,
    kSetMemTable = 5,
    kSetVringNum = 8,
    kSetVringAddr = 9,
    kSetVringBase = 10,
    kSetVringKick = 12,
    kSetVringCall = 13,
    kGetProtocolFeatures = 15,
    kSetProtocolFeatures = 16,
    kSetVringEnable = 18,
};
constexpr uint32_t kVersion = 1;
constexpr uint64_t kProtocolFeatures = uint64_t{1} << 30;  // the feature bit that stands for having some
constexpr uint64_t kProtocolMq = 1;                        // needed for more than two queues to be named

struct Header {
    uint32_t request;
    uint32_t flags;
    uint32_t size;
};
struct MemTable {
    uint32_t regions = 1;
    uint32_t padding = 0;
    uint64_t guest_address = 0;
    uint64_t size;
    uint64_t user_address;  // ours; ring addresses below are in these terms
    uint64_t file_offset = 0;
};
struct VringState {
    uint32_t index;
    uint32_t num;
};
struct VringAddr {
    uint32_t index;
    uint32_t flags;
    uint64_t descriptors;
    uint64_t used;
    uint64_t available;
    uint64_t log;
};

class Channel {
public:
    explicit Channel(UniqueFd socket) : socket_(std::move(socket)) {}

    template <class T>
    void send(Request request, T const& payload, BorrowedFd fd) {
        Header header{request, kVersion, sizeof payload};
        std::array<iovec, 2> parts{{{&header, sizeof header}, {const_cast<T*>(&payload), sizeof payload}}};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = parts.size();
        if (fd.raw() >= 0) {
            message.msg_control = control;
            message.msg_controllen = sizeof control;
            auto* const rights = CMSG_FIRSTHDR(&message);
            rights->cmsg_level = SOL_SOCKET;
            rights->cmsg_type = SCM_RIGHTS;
            rights->cmsg_len = CMSG_LEN(sizeof(int));
            int const raw = fd.raw();
            std::memcpy(CMSG_DATA(rights), &raw, sizeof raw);
        }
        if (::sendmsg(socket_.borrow().raw(), &message, MSG_NOSIGNAL) < 0) die("send to the server");
    }
    template <class T>
    void send(Request request, T const& payload) {
        send(request, payload, BorrowedFd(-1));
    }
    uint64_t ask(Request request) {
        Header header{request, kVersion, 0};
        if (::send(socket_.borrow().raw(), &header, sizeof header, MSG_NOSIGNAL) < 0) die("ask the server");
        struct {
            Header header;
            uint64_t value;
        } __attribute__((packed)) reply;
        if (::recv(socket_.borrow().raw(), &reply, sizeof reply, MSG_WAITALL) != sizeof reply)
            die("hear from the server");
        return reply.value;
    }

private:
    UniqueFd socket_;
};

class VhostUser final : public Peer {
public:
    VhostUser(std::vector<std::string> words, unsigned silent, unsigned requests, uint64_t features,
              Waiting waiting)
        : ram_(kRamBytes, RamKind::kShared) {
        // Listening before the server is there, so that nobody waits for a path to appear.
        UniqueFd const listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        socklen_t len = sizeof address;
        int const raw = listener.borrow().raw();
        // Without a name the kernel chooses an abstract one (unix(7), autobind).
        if (::bind(raw, generic(address), sizeof address.sun_family) != 0 || ::listen(raw, 1) != 0 ||
            ::getsockname(raw, generic(address), &len) != 0)
            die("listen for the server");
        pid_ = start(std::move(words), raw);
        UniqueFd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::connect(connection.borrow().raw(), generic(address), len) != 0) die("connect to the server");
        Channel channel(std::move(connection));
        introduce(channel, features);
        for (unsigned i = 0; i < silent; ++i) connect(channel, i, silent_.emplace_back(ram_, waiting));
        for (unsigned i = 0; i < requests; ++i)
            connect(channel, silent + i, queues_.emplace_back(ram_, waiting));
        channel_.emplace(std::move(channel));
    }
    ~VhostUser() override {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    std::vector<DriverQueue>& queues() override { return queues_; }
    std::vector<pid_t> threads() const override { return threads_of(pid_); }

private:
    static sockaddr* generic(sockaddr_un& address) { return reinterpret_cast<sockaddr*>(&address); }
    static pid_t start(std::vector<std::string> words, int socket) {
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        pid_t const pid = ::fork();
        if (pid < 0) die("fork");
        if (pid != 0) return pid;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (socket == 3) ::fcntl(3, F_SETFD, 0);
        if (socket != 3 && ::dup2(socket, 3) < 0) die("hand over the socket");
        ::execv(argv[0], argv.data());
        die(argv[0]);
    }
    void introduce(Channel& channel, uint64_t more) {
        uint64_t const wanted = vmm::kTransportFeatures | kProtocolFeatures | more;
        uint64_t const features = channel.ask(kGetFeatures) & wanted;
        if (features != wanted) die("the server lacks a feature");
        ignore_reply(channel.ask(kGetProtocolFeatures));
        channel.send(kSetProtocolFeatures, kProtocolMq);
        channel.send(kSetFeatures, features);
        channel.send(kSetOwner, std::array<char, 0>{});
        MemTable table{};
        table.regions = 1;
        table.size = ram_.size_bytes();
        table.user_address = reinterpret_cast<uint64_t>(ram_.host(0));
        channel.send(kSetMemTable, table, ram_.file());
    }
    void connect(Channel& channel, uint32_t index, DriverQueue& queue) {
        auto const layout = queue.layout();
        auto const user = [&](vmm::GuestAddr at) {
            return reinterpret_cast<uint64_t>(ram_.host(vmm::raw(at)));
        };
        events_.push_back(must(make_eventfd()));
        events_.push_back(must(make_eventfd()));
        auto const kick = events_[events_.size() - 2].borrow();
        auto const call = events_.back().borrow();
        queue.connect(kick, call);
        channel.send(kSetVringNum, VringState{index, layout.size});
        channel.send(kSetVringBase, VringState{index, 0});
        channel.send(kSetVringAddr, VringAddr{index, 0, user(layout.descriptors), user(layout.device_area),
                                              user(layout.driver_area), 0});
        channel.send(kSetVringCall, uint64_t{index}, call);
        channel.send(kSetVringKick, uint64_t{index}, kick);
        channel.send(kSetVringEnable, VringState{index, 1});
    }
    static void ignore_reply(uint64_t) {}

    Ram ram_;
    pid_t pid_ = -1;
    std::vector<DriverQueue> silent_;
    std::vector<DriverQueue> queues_;
    std::vector<UniqueFd> events_;
    std::optional<Channel> channel_;
};

}  // namespace

std::unique_ptr<Peer> vhost_user(std::vector<std::string> words, unsigned silent, unsigned requests,
                                 uint64_t features, Waiting waiting) {
    return std::make_unique<VhostUser>(std::move(words), silent, requests, features, waiting);
}

}  // namespace krun::bench
