// SPDX-License-Identifier: Apache-2.0
// The guest's half of FUSE: builds raw requests, byte by byte if a test wants them wrong, and takes replies
// apart. Requests and reply space are cut into small pieces, as a virtqueue may do.
#pragma once
#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "fs/file_system.h"
#include "fs/server.h"

namespace krun::test {

namespace abi = fs::abi;
using Bytes = std::vector<std::byte>;

// Appends struct bytes or a NUL-terminated string for each argument.
inline void append_args(ByteWriter&) {}
template <class T, class... Rest>
void append_args(ByteWriter& out, T const& first, Rest const&... rest) {
    if constexpr (std::is_convertible_v<T, std::string_view>) {
        out.put_text(std::string_view(first)).put(char{0});
    } else if constexpr (std::is_same_v<T, Bytes>) {
        out.put_bytes(first);
    } else {
        out.put(first);
    }
    append_args(out, rest...);
}
template <class... Args>
Bytes args(Args const&... all) {
    ByteWriter out;
    append_args(out, all...);
    return std::move(out).take();
}

// The first `len` of `bytes` as pieces of at most `piece` bytes.
inline std::vector<iovec> cut(Bytes& bytes, size_t piece, size_t len) {
    std::vector<iovec> parts;
    for (size_t at = 0; at < len; at += piece)
        parts.push_back({bytes.data() + at, std::min(piece, len - at)});
    return parts;
}

struct RawReply {
    bool answered = false;
    int error = 0;  // positive errno, 0 for success
    Bytes body;

    template <class T>
    T as(size_t offset = 0) const {
        T out{};
        if (body.size() >= offset + sizeof(T)) std::memcpy(&out, body.data() + offset, sizeof(T));
        return out;
    }
    std::string text() const { return {reinterpret_cast<char const*>(body.data()), body.size()}; }
};

struct ListedName {
    std::string name;
    abi::Dirent dirent;
    abi::EntryOut entry;  // READDIRPLUS only
};

class FuseClient {
public:
    explicit FuseClient(std::unique_ptr<fs::FileSystem> fs) : server(std::move(fs)) {}

    uint32_t uid = 0;
    uint32_t gid = 0;
    size_t piece = 64 << 10;  // bytes an iovec

    abi::InHeader header(abi::Opcode opcode, uint64_t node, size_t args_bytes) const {
        return {
            static_cast<uint32_t>(sizeof(abi::InHeader) + args_bytes), opcode, 7, node, uid, gid, 1, 0, 0};
    }
    RawReply send(abi::Opcode opcode, uint64_t node, Bytes const& in, size_t space = 8192) {
        return send_raw(args(header(opcode, node, in.size()), in), space);
    }
    // Sends exactly these bytes. A canary behind the reply space proves that nothing is written past it.
    RawReply send_raw(Bytes request, size_t space = 8192) {
        Bytes room(space + kCanaryBytes, kCanary);
        auto const in_parts = cut(request, piece, request.size());
        auto const offered = cut(room, piece, space);
        auto const n = server.serve(in_parts, offered);
        canary_intact = canary_intact && std::all_of(room.begin() + static_cast<ptrdiff_t>(space), room.end(),
                                                     [](std::byte b) { return b == kCanary; });
        RawReply reply;
        if (n < sizeof(abi::OutHeader) || n > space) return reply;
        abi::OutHeader head{};
        std::memcpy(&head, room.data(), sizeof head);
        reply.answered = head.len == n && head.unique == 7;
        reply.error = -head.error;
        reply.body.assign(room.begin() + sizeof head, room.begin() + n);
        return reply;
    }

    abi::InitOut init(uint64_t flags = ~uint64_t{0}) {
        abi::InitIn in{};
        in.major = 7;
        in.minor = 41;
        in.max_readahead = 131072;
        in.flags = static_cast<uint32_t>(flags);
        in.flags2 = static_cast<uint32_t>(flags >> 32);
        return send(abi::Opcode::kInit, 0, args(in)).as<abi::InitOut>();
    }

    // ---- verbs; each leaves the errno in `error` ----
    uint64_t lookup(uint64_t parent, std::string_view name) {
        return entry(abi::Opcode::kLookup, parent, args(name)).nodeid;
    }
    // Follows components from the root, as the guest's kernel would.
    uint64_t walk(std::string_view path) {
        uint64_t node = abi::kRootId;
        while (!path.empty() && (node != 0)) {
            auto const slash = std::min(path.find('/'), path.size());
            node = lookup(node, path.substr(0, slash));
            path.remove_prefix(std::min(slash + 1, path.size()));
        }
        return node;
    }
    abi::EntryOut entry(abi::Opcode opcode, uint64_t node, Bytes const& in) {
        return note(send(opcode, node, in)).as<abi::EntryOut>();
    }
    abi::Attr getattr(uint64_t node) {
        return note(send(abi::Opcode::kGetattr, node, args(abi::GetattrIn{}))).as<abi::AttrOut>().attr;
    }
    uint64_t open(uint64_t node, int flags, uint32_t open_flags = 0) {
        last_open =
            note(send(abi::Opcode::kOpen, node, args(abi::OpenIn{static_cast<uint32_t>(flags), open_flags})))
                .as<abi::OpenOut>();
        return last_open.fh;
    }
    uint64_t opendir(uint64_t node) {
        return note(send(abi::Opcode::kOpendir, node, args(abi::OpenIn{}))).as<abi::OpenOut>().fh;
    }
    std::string read(uint64_t node, uint64_t fh, uint64_t offset = 0, uint32_t size = 4096) {
        abi::ReadIn const in{fh, offset, size, 0, 0, 0, 0};
        return note(send(abi::Opcode::kRead, node, args(in), size + sizeof(abi::OutHeader))).text();
    }
    uint32_t write(uint64_t node, uint64_t fh, uint64_t offset, std::string_view data,
                   uint32_t write_flags = 0, uint32_t flags = 0) {
        abi::WriteIn const in{fh, offset, static_cast<uint32_t>(data.size()), write_flags, 0, flags, 0};
        auto const bytes = std::as_bytes(std::span(data));
        return note(send(abi::Opcode::kWrite, node, args(in, Bytes(bytes.begin(), bytes.end()))))
            .as<abi::WriteOut>()
            .size;
    }
    void release(uint64_t node, uint64_t fh) {
        note(send(abi::Opcode::kRelease, node, args(abi::ReleaseIn{fh, 0, 0, 0})));
    }
    void forget(uint64_t node, uint64_t count) {
        send(abi::Opcode::kForget, node, args(abi::ForgetIn{count}));
    }
    std::string cat(uint64_t node) {
        auto const fh = open(node, O_RDONLY);
        if (error != 0) return {};
        auto text = read(node, fh);
        release(node, fh);
        return text;
    }

    // Everything from `offset` on, `size` bytes a request.
    std::vector<ListedName> list(uint64_t node, uint32_t size = 4096, bool plus = false,
                                 uint64_t offset = 0) {
        auto const fh = opendir(node);
        std::vector<ListedName> all;
        if (error != 0) return all;
        while (true) {
            auto const some = list_once(node, fh, offset, size, plus);
            if (some.empty()) break;
            all.insert(all.end(), some.begin(), some.end());
            offset = some.back().dirent.off;
        }
        int const list_error = error;
        note(send(abi::Opcode::kReleasedir, node, args(abi::ReleaseIn{fh, 0, 0, 0})));
        if (list_error != 0) error = list_error;
        return all;
    }
    std::vector<ListedName> list_once(uint64_t node, uint64_t fh, uint64_t offset, uint32_t size, bool plus) {
        abi::ReadIn const in{fh, offset, size, 0, 0, 0, 0};
        auto const opcode = plus ? abi::Opcode::kReaddirplus : abi::Opcode::kReaddir;
        auto const reply = note(send(opcode, node, args(in), size + sizeof(abi::OutHeader)));
        std::vector<ListedName> out;
        size_t const fixed = plus ? sizeof(abi::EntryOut) : 0;
        for (size_t at = 0; at + fixed + sizeof(abi::Dirent) <= reply.body.size();) {
            ListedName one;
            if (plus) one.entry = reply.as<abi::EntryOut>(at);
            one.dirent = reply.as<abi::Dirent>(at + fixed);
            one.name = reply.text().substr(at + fixed + sizeof(abi::Dirent), one.dirent.namelen);
            at += (fixed + sizeof(abi::Dirent) + one.dirent.namelen + 7) & ~size_t{7};
            out.push_back(std::move(one));
        }
        return out;
    }
    // Names without "." and "..", sorted.
    std::vector<std::string> names(uint64_t node, uint32_t size = 4096, bool plus = false) {
        std::vector<std::string> out;
        for (auto const& one : list(node, size, plus))
            if (one.name != "." && one.name != "..") out.push_back(one.name);
        std::sort(out.begin(), out.end());
        return out;
    }

    RawReply const& note(RawReply reply) {
        last = std::move(reply);
        error = last.answered ? last.error : -1;
        return last;
    }

    fs::Server server;
    RawReply last;
    int error = 0;
    abi::OpenOut last_open{};
    bool canary_intact = true;

private:
    static constexpr size_t kCanaryBytes = 64;
    static constexpr std::byte kCanary{0xa5};
};

}  // namespace krun::test
