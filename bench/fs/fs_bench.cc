// SPDX-License-Identifier: Apache-2.0
// fs_bench [OPTION...]: our virtio-fs server beside Debian's C virtiofsd, each behind the same driver, on the
// same tree, in turn. Prints Markdown; the exit status is 1 when a target was missed.
//   --seconds S      a turn's length for each workload (0.3)
//   --turns N        turns of which the best counts (5)
//   --sleep          the driver never polls: for one processor
//   --shared         our tree is one that others may write, too (time-outs of a second)
//   --dir DIR        where the tree is made (/dev/shm)
//   --only TEXT      workloads whose name has TEXT in it; =TEXT: whose name it is
//   --ours, --theirs one server only
#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "bench/driver/alone.h"
#include "bench/driver/bare_device.h"
#include "bench/driver/thread_meter.h"
#include "bench/fs/workloads.h"

namespace krun::bench {
namespace {

constexpr char const* kVirtiofsd = "/usr/lib/qemu/virtiofsd";

struct Options {
    double seconds = 0.3;
    unsigned turns = 5;
    Waiting waiting = Waiting::kPolls;
    fs::Sharing sharing = fs::Sharing::kSoleWriter;
    std::string dir = "/dev/shm";
    std::string only;
    bool ours = true;
    bool theirs = true;
};

struct Result {
    double ns = 0;  // an operation
    std::optional<double> system_calls;
    double processor_ns = 0;
};

// Counting system calls makes each of them dearer, so it is done apart from the timing.
std::optional<double> count_calls(Peer& peer, Run const& run, uint64_t count) {
    SystemCallCounter const counter(peer.threads());
    run(count);
    auto const calls = counter.read();
    if (!calls) return std::nullopt;
    return static_cast<double>(*calls) / static_cast<double>(count);
}

Result measure(Peer& peer, Session const& session, Run const& run, double seconds) {
    uint64_t count = 16;
    uint64_t const patience = now_ns() + static_cast<uint64_t>(10 * seconds * 1e9);
    while (true) {
        auto const threads = peer.threads();
        uint64_t const processor = processor_ns(threads);
        uint64_t const begin = now_ns() - session.paused_ns();
        run(count);
        auto const ns = static_cast<double>(now_ns() - session.paused_ns() - begin);
        auto const n = static_cast<double>(count);
        auto const had = static_cast<double>(processor_ns(threads) - processor);
        if (ns >= seconds * 1e9 * 0.7 || now_ns() > patience)
            return {ns / n, count_calls(peer, run, count / 8 + 1), had / n};
        count = std::max(count * 2, static_cast<uint64_t>(n * seconds * 1e9 / std::max(ns, 1.0)));
    }
}

// The best turn of each.
struct Row {
    std::optional<Result> ours;
    std::optional<Result> theirs;
    std::optional<double> alone_ns;
    std::optional<double> behind_queue_ns;
};

void keep_best(std::optional<Result>& best, Result const& result) {
    if (!best || result.ns < best->ns) best = result;
}

// As a session's requests are laid out: header and arguments, header and what was asked for.
Bare bare(unsigned requests) {
    return {"fs", requests, {{sizeof(abi::InHeader), 64}, {sizeof(abi::OutHeader), sizeof(abi::EntryOut)}}};
}

// A peer of its own for each turn: nothing is left of the workload before.
Row compare(Workload const& workload, Options const& options, std::string const& tree) {
    Row row;
    auto const turn = [&](std::unique_ptr<Peer> peer) {
        Session session(*peer);
        return measure(*peer, session, workload.set_up(session), options.seconds);
    };
    for (unsigned i = 0; i < options.turns; ++i) {
        if (options.ours) keep_best(row.ours, turn(our_server(tree, options.sharing, 1, options.waiting)));
        if (options.theirs) keep_best(row.theirs, turn(virtiofsd(kVirtiofsd, tree, {}, options.waiting)));
    }
    if (workload.alone == nullptr) return row;
    row.alone_ns = alone_ns(workload.alone(tree), options.seconds / 3, options.turns);
    if (workload.requests > 0)
        row.behind_queue_ns = behind_queue_ns(workload.alone(tree), bare(workload.requests), options.waiting,
                                              options.seconds / 3, options.turns);
    return row;
}

std::string rate(Workload const& workload, Result const& result) {
    char text[64];
    if (workload.bytes >= 1 << 20)
        std::snprintf(text, sizeof text, "%.2f GB/s", static_cast<double>(workload.bytes) / result.ns);
    else
        std::snprintf(text, sizeof text, "%.1f k/s", 1e6 / result.ns);
    return text;
}

std::string calls(Result const& result) {
    char text[32] = "?";
    if (result.system_calls) std::snprintf(text, sizeof text, "%.2f", *result.system_calls);
    return text;
}

// Whether the target was met.
bool print(Workload const& workload, Row const& row) {
    auto const cells = [&](std::optional<Result> const& r) {
        if (!r) return std::string("| | | | ");
        char text[96];
        std::snprintf(text, sizeof text, "| %s | %.2f | %s | %.2f ", rate(workload, *r).c_str(), r->ns / 1e3,
                      calls(*r).c_str(), r->processor_ns / 1e3);
        return std::string(text);
    };
    std::printf("| %s %s%s", workload.name, cells(row.ours).c_str(), cells(row.theirs).c_str());
    if (!row.ours || !row.theirs) return std::printf("| | | | | | |\n"), true;
    double const ratio = row.theirs->ns / row.ours->ns;
    bool const met = ratio >= workload.target;
    std::printf("| %.2f | %.1f %s ", ratio, workload.target, met ? "met" : "**missed**");
    for (auto const& least_ns : {row.alone_ns, row.behind_queue_ns}) {
        if (least_ns)
            std::printf("| %.2f | %.2f ", *least_ns / 1e3, row.theirs->ns / *least_ns);
        else
            std::printf("| | ");
    }
    std::printf("|\n");
    std::fflush(stdout);
    return met;
}

void head() {
    std::printf(
        "| | ours | us | system calls | processor us | virtiofsd | us | system calls | processor us | ratio "
        "| target | the calls alone, us | ratio of these | these behind a queue, us | ratio of these "
        "|\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    std::fflush(stdout);
}

bool is_wanted(std::string const& name, std::string const& only) {
    return only.starts_with('=') ? name == only.substr(1) : name.find(only) != std::string::npos;
}

Options parse(int argc, char** argv) {
    Options out;
    for (int i = 1; i < argc; ++i) {
        std::string const word = argv[i];
        auto const value = [&]() -> char const* {
            if (i + 1 < argc) return argv[++i];
            std::fprintf(stderr, "fs_bench: %s needs a value\n", word.c_str());
            std::exit(2);
        };
        if (word == "--seconds")
            out.seconds = std::atof(value());
        else if (word == "--turns")
            out.turns = static_cast<unsigned>(std::atoi(value()));
        else if (word == "--sleep")
            out.waiting = Waiting::kSleeps;
        else if (word == "--shared")
            out.sharing = fs::Sharing::kShared;
        else if (word == "--dir")
            out.dir = value();
        else if (word == "--only")
            out.only = value();
        else if (word == "--ours")
            out.theirs = false;
        else if (word == "--theirs")
            out.ours = false;
        else {
            std::fprintf(stderr, "fs_bench: unknown option \"%s\"\n", word.c_str());
            std::exit(2);
        }
    }
    return out;
}

int main(int argc, char** argv) {
    auto const options = parse(argc, argv);
    std::string tree = options.dir + "/fs-bench-XXXXXX";
    if (::mkdtemp(tree.data()) == nullptr) die("make a directory for the tree");
    make_tree(tree);
    head();
    bool all_met = true;
    for (auto const& workload : workloads())
        if (is_wanted(workload.name, options.only))
            all_met &= print(workload, compare(workload, options, tree));
    std::error_code ignored;
    std::filesystem::remove_all(tree, ignored);
    return all_met ? 0 : 1;
}

}  // namespace
}  // namespace krun::bench

int main(int argc, char** argv) {
    return krun::bench::main(argc, argv);
}
