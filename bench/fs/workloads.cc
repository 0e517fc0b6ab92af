// SPDX-License-Identifier: Apache-2.0
#include "bench/fs/workloads.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <vector>

namespace krun::bench {
namespace {

using abi::Opcode;

constexpr uint32_t kPage = 4096;

struct Walked {
    uint64_t dir;
    std::vector<uint64_t> files;

    explicit Walked(Session& session) : dir(session.walk("rootfs/dir")) {
        for (unsigned i = 0; i < kFiles; ++i) files.push_back(session.lookup(dir, file_name(i)));
    }
};

Run lookups(Session& session) {
    return [&session, known = Walked(session)](uint64_t count) {
        for (uint64_t i = 0; i < count; ++i) session.lookup(known.dir, file_name(i));
    };
}

// What a guest does that sees a file for the first time, and then has no more room for it in its cache.
Run first_lookups(Session& session) {
    return [&session, dir = session.walk("rootfs/dir")](uint64_t count) {
        for (uint64_t i = 0; i < count; ++i) session.forget(session.lookup(dir, file_name(i)), 1);
    };
}

Run getattrs(Session& session) {
    return [&session, known = Walked(session)](uint64_t count) {
        for (uint64_t i = 0; i < count; ++i)
            session.perform(Opcode::kGetattr, known.files[i % kFiles], arguments(abi::GetattrIn{}));
    };
}

// A server may answer a miss with an entry that says so; then the guest remembers it and does not ask again.
Run misses(Session& session) {
    auto const dir = session.walk("rootfs/dir");
    return [&session, dir](uint64_t count) {
        for (uint64_t i = 0; i < count; ++i) session.miss(dir, "no-" + file_name(i));
    };
}

struct Created {
    abi::EntryOut entry;
    abi::OpenOut opened;
};

Run creates(Session& session) {
    return [&session, dir = session.walk("rootfs/dir")](uint64_t count) {
        for (uint64_t i = 0; i < count; ++i) {
            abi::CreateIn in{};
            in.flags = O_WRONLY;
            in.mode = S_IFREG | 0644;
            auto const made = session.call<Created>(Opcode::kCreate, dir, arguments(in, "new"));
            session.perform(Opcode::kRelease, made.entry.nodeid,
                            arguments(abi::ReleaseIn{made.opened.fh, 0, 0, 0}));
            session.perform(Opcode::kUnlink, dir, arguments("new"));
            session.forget(made.entry.nodeid, 1);
        }
    };
}

Run users_creates(Session& session) {
    session.user = 1000;
    return creates(session);
}

Run listings(Session& session) {
    return [&session, dir = session.walk("rootfs/dir")](uint64_t count) {
        for (uint64_t done = 0; done < count;) done += session.list(dir, Opcode::kReaddir);
    };
}

Run listings_plus(Session& session) {
    return [&session, known = Walked(session)](uint64_t count) {
        for (uint64_t done = 0; done < count;) done += session.list(known.dir, Opcode::kReaddirplus);
    };
}

Run opens(Session& session) {
    return [&session, known = Walked(session)](uint64_t count) {
        for (uint64_t i = 0; i < count; ++i) {
            auto const node = known.files[i % kFiles];
            auto const fh = session.open(node, O_RDONLY);
            session.perform(Opcode::kRelease, node, arguments(abi::ReleaseIn{fh, 0, 0, 0}));
        }
    };
}

// Reads or writes of `bytes` each, in whole pages.
Run transfers(Session& session, uint16_t depth, Opcode opcode, uint32_t bytes, bool random) {
    bool const reads = opcode == Opcode::kRead;
    if (session.most_data_bytes() < bytes) die("the server does not take requests of 1 MiB");
    Shape shape{{sizeof(abi::InHeader), sizeof(abi::ReadIn)}, {sizeof(abi::OutHeader)}};
    for (uint32_t at = 0; at < bytes; at += kPage) (reads ? shape.writable : shape.readable).push_back(kPage);
    if (!reads) shape.writable.push_back(sizeof(abi::WriteOut));
    for (uint16_t slot = 0; slot < depth; ++slot) session.queue().shape(slot, shape);
    auto const node = session.walk("rootfs/data");
    auto const fh = session.open(node, O_RDWR);
    size_t const parts = shape.readable.size();
    return [=, &session](uint64_t count) {
        session.pipeline(depth, count, parts, [&](uint16_t slot, uint64_t i) {
            uint64_t const place = random ? i * 7919 : i;  // a prime, so that each page has its turn
            uint64_t const offset = place % (kDataBytes / bytes) * bytes;
            // ReadIn and WriteIn have the same layout.
            session.fill(slot, opcode, node, arguments(abi::ReadIn{fh, offset, bytes, 0, 0, O_RDWR, 0}),
                         reads ? 0 : bytes);
        });
    };
}

template <uint16_t kDepth>
Run small_reads(Session& session) {
    return transfers(session, kDepth, Opcode::kRead, kPage, true);
}
template <uint16_t kDepth>
Run large_reads(Session& session) {
    return transfers(session, kDepth, Opcode::kRead, 1 << 20, false);
}
template <uint16_t kDepth>
Run large_writes(Session& session) {
    return transfers(session, kDepth, Opcode::kWrite, 1 << 20, false);
}

// What a guest does between two requests of one program: takes the interrupt, wakes the program, runs it.
constexpr uint64_t kPauseNs = 20'000;

template <Run (*kSetUp)(Session&)>
Run paced(Session& session) {
    auto run = kSetUp(session);
    session.pause_ns = kPauseNs;
    return run;
}

constexpr uint64_t kMiB = 1 << 20;
constexpr Workload kWorkloads[] = {
    {"lookup", 0, 4, lookups, stats_by_name, 1},
    {"lookup of a file not seen before, forget", 0, 4, first_lookups, stats_by_name, 2},
    {"lookup of a name that is not there", 0, 4, misses, stats_of_names_that_are_not_there, 1},
    {"getattr", 0, 4, getattrs, stats_of_open_files, 1},
    {"open, release", 0, 4, opens, opens_and_closes, 2},
    {"create, release, unlink, forget", 0, 4, creates, creates_and_unlinks, 4},
    {"the same by a user", 0, 4, users_creates, creates_and_unlinks, 4},
    {"readdir, an entry", 0, 4, listings, lists},
    {"readdirplus, an entry", 0, 4, listings_plus, lists_with_stats},
    {"lookup, 20 us after the last", 0, 4, paced<lookups>, nullptr},
    {"getattr, 20 us after the last", 0, 4, paced<getattrs>, nullptr},
    {"create …, 20 us after the last", 0, 4, paced<creates>, nullptr},
    {"4 KiB random reads, 1 under way", kPage, 2.5, small_reads<1>, reads_data<kPage>, 1},
    {"4 KiB random reads, 64 under way", kPage, 5, small_reads<64>, reads_data<kPage>},
    {"1 MiB reads, 1 under way", kMiB, 1.5, large_reads<1>, reads_data<kMiB>},
    {"1 MiB reads, 4 under way", kMiB, 1.5, large_reads<4>, reads_data<kMiB>},
    {"1 MiB writes, 1 under way", kMiB, 1.5, large_writes<1>, writes_data<kMiB>},
    {"1 MiB writes, 4 under way", kMiB, 1.5, large_writes<4>, writes_data<kMiB>},
};

}  // namespace

std::string file_name(uint64_t i) {
    return "file-" + std::to_string(i % kFiles);
}

void make_tree(std::string const& tree) {
    std::filesystem::create_directories(tree + "/rootfs/dir");
    std::filesystem::permissions(tree + "/rootfs/dir", std::filesystem::perms::all);  // for a user's files
    for (unsigned i = 0; i < kFiles; ++i) std::ofstream(tree + "/rootfs/dir/" + file_name(i)) << "text";
    std::ofstream data(tree + "/rootfs/data");
    std::string const piece(1 << 20, 'x');
    for (uint64_t at = 0; at < kDataBytes; at += piece.size()) data << piece;
}

std::span<Workload const> workloads() {
    return kWorkloads;
}

}  // namespace krun::bench
