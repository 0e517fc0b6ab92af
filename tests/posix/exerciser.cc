// SPDX-License-Identifier: Apache-2.0
// file_exerciser SEED OPERATIONS [CHECKS]: changes two files of the working directory in every way there is,
// by random and again by the same random for the same SEED, and compares them with what they must hold, which
// it keeps in memory. A second process reads them through descriptors of its own.
//
// CHECKS times it syncs a file, says "check NAME SIZE CHECKSUM" and waits for a line: who reads the file in
// another way, on the host, answers "ok" if it holds that. Exits with 0 and "done CHECKSUM", or with 1 and
// the operation that went wrong.
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

constexpr size_t kBlock = 4096;
constexpr size_t kMaxSize = 64 * kBlock;
constexpr size_t kMaxStep = 5 * kBlock;

long operation;
char const* operation_name = "start";

[[noreturn]] void die(std::string const& why) {
    printf("operation %ld, %s: %s\n", operation, operation_name, why.c_str());
    fflush(stdout);
    _exit(1);
}
void must(bool good, char const* what) {
    if (!good) die(std::string(what) + ": " + strerror(errno));
}

// CRC-32, as zlib computes it.
uint32_t checksum(std::span<unsigned char const> bytes) {
    static auto const kTable = [] {
        std::array<uint32_t, 256> table{};
        for (uint32_t i = 0; i < 256; ++i) {
            table[i] = i;
            for (int bit = 0; bit < 8; ++bit)
                table[i] = table[i] >> 1 ^ ((table[i] & 1) != 0 ? 0xedb88320 : 0);
        }
        return table;
    }();
    uint32_t sum = ~0u;
    for (auto const byte : bytes) sum = sum >> 8 ^ kTable[(sum ^ byte) & 0xff];
    return ~sum;
}

std::mt19937_64 random_bits;
size_t below(size_t limit) {
    return limit == 0 ? 0 : random_bits() % limit;
}

struct Range {
    size_t offset;
    size_t length;
};
Range any_range(size_t limit) {
    size_t const offset = below(limit);
    return {offset, 1 + below(std::min(kMaxStep, limit - offset))};
}

// One file with its descriptors, and what it must hold.
class File {
public:
    explicit File(std::string name) : name_(std::move(name)) { make(); }

    std::string const& name() const { return name_; }
    std::vector<unsigned char> const& model() const { return model_; }

    void write() {
        fill(any_range(kMaxSize), [&](Range r) {
            must(pwrite(fd_, step_.data(), r.length, static_cast<off_t>(r.offset)) ==
                     static_cast<ssize_t>(r.length),
                 "pwrite");
        });
    }
    void append() {
        size_t const length = 1 + below(kMaxStep);
        if (model_.size() + length > kMaxSize) return truncate();
        fill({model_.size(), length}, [&](Range r) {
            must(::write(append_fd_, step_.data(), r.length) == static_cast<ssize_t>(r.length), "append");
        });
    }
    void write_direct() {
        Range const range{below(kMaxSize / kBlock - 4) * kBlock, (1 + below(4)) * kBlock};
        fill(range, [&](Range r) {
            memcpy(aligned_, step_.data(), r.length);
            must(pwrite(direct_fd_, aligned_, r.length, static_cast<off_t>(r.offset)) ==
                     static_cast<ssize_t>(r.length),
                 "direct pwrite");
        });
    }
    void write_map() {
        if (model_.empty()) return;
        auto const range = any_range(model_.size());
        auto* const map = static_cast<unsigned char*>(
            mmap(nullptr, model_.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0));
        must(map != MAP_FAILED, "mmap");
        fill(range, [&](Range r) { memcpy(map + r.offset, step_.data(), r.length); });
        if (below(4) == 0) must(msync(map, model_.size(), MS_SYNC) == 0, "msync");
        must(munmap(map, model_.size()) == 0, "munmap");
    }
    void read() {
        auto const range = any_range(kMaxSize);
        read_through(fd_, range, step_.data());
    }
    void read_direct() {
        Range const range{below(kMaxSize / kBlock) * kBlock, (1 + below(4)) * kBlock};
        read_through(direct_fd_, range, aligned_);
    }
    void read_map() {
        if (model_.empty()) return;
        auto* const map =
            static_cast<unsigned char*>(mmap(nullptr, model_.size(), PROT_READ, MAP_SHARED, fd_, 0));
        must(map != MAP_FAILED, "mmap");
        compare(map, any_range(model_.size()), "mapped bytes");
        munmap(map, model_.size());
    }
    void truncate() {
        size_t const size = below(kMaxSize);
        must((below(2) == 0 ? ftruncate(fd_, static_cast<off_t>(size))
                            : ::truncate(name_.c_str(), static_cast<off_t>(size))) == 0,
             "truncate");
        model_.resize(size);
    }
    void punch() { clear(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, false); }
    void zero() { clear(FALLOC_FL_ZERO_RANGE, true); }
    void allocate() {
        auto const range = any_range(kMaxSize);
        if (!supported(fallocate(fd_, 0, static_cast<off_t>(range.offset), static_cast<off_t>(range.length))))
            return;
        model_.resize(std::max(model_.size(), range.offset + range.length));
    }
    void sync() { must((below(2) == 0 ? fsync(fd_) : fdatasync(fd_)) == 0, "fsync"); }
    void reopen() {
        close_all();
        open_all(0);
    }
    void rename() {
        auto const moved = name_.ends_with("~") ? name_.substr(0, name_.size() - 1) : name_ + "~";
        must(::rename(name_.c_str(), moved.c_str()) == 0, "rename");
        name_ = moved;
    }
    // The old file stays open for a moment without its name.
    void replace() {
        int const old = dup(fd_);
        must(unlink(name_.c_str()) == 0, "unlink");
        auto const bytes = model_;
        close_all();
        make();
        std::vector<unsigned char> back(bytes.size());
        must(pread(old, back.data(), back.size(), 0) == static_cast<ssize_t>(back.size()),
             "pread of what has no name");
        close(old);
        if (back != bytes) die("a file without a name lost its bytes");
    }
    void copy_from(File const& other) {
        if (other.model_.empty()) return;
        auto const range = any_range(other.model_.size());
        size_t const to = below(kMaxSize - range.length);
        if (&other == this && to < range.offset + range.length && range.offset < to + range.length) return;
        auto in = static_cast<off64_t>(range.offset), out = static_cast<off64_t>(to);
        for (size_t left = range.length; left > 0;) {
            ssize_t const n = copy_file_range(other.fd_, &in, fd_, &out, left, 0);
            must(n > 0, "copy_file_range");
            left -= static_cast<size_t>(n);
        }
        model_.resize(std::max(model_.size(), to + range.length));
        std::copy_n(other.model_.begin() + static_cast<ptrdiff_t>(range.offset), range.length,
                    model_.begin() + static_cast<ptrdiff_t>(to));
    }
    void verify() const {
        std::vector<unsigned char> all(kMaxSize + 1);
        ssize_t const n = pread(fd_, all.data(), all.size(), 0);
        must(n >= 0, "pread");
        all.resize(static_cast<size_t>(n));
        if (all.size() != model_.size())
            die("size " + std::to_string(all.size()) + " and not " + std::to_string(model_.size()));
        compare(all.data(), {0, all.size()}, "all bytes");
    }

private:
    void make() {
        model_.clear();
        open_all(O_CREAT | O_EXCL);
    }
    void open_all(int flags) {
        fd_ = open(name_.c_str(), O_RDWR | flags, 0644);
        must(fd_ >= 0, "open");
        append_fd_ = open(name_.c_str(), O_WRONLY | O_APPEND);
        must(append_fd_ >= 0, "open to append");
        direct_fd_ = open(name_.c_str(), O_RDWR | O_DIRECT);
        if (direct_fd_ < 0) direct_fd_ = open(name_.c_str(), O_RDWR);  // tmpfs of old kernels
        must(direct_fd_ >= 0, "open direct");
    }
    void close_all() {
        for (int const fd : {fd_, append_fd_, direct_fd_}) must(close(fd) == 0, "close");
    }
    template <class Put>
    void fill(Range range, Put put) {
        for (size_t i = 0; i < range.length; ++i) step_[i] = static_cast<unsigned char>(random_bits());
        put(range);
        model_.resize(std::max(model_.size(), range.offset + range.length));
        std::copy_n(step_.begin(), range.length, model_.begin() + static_cast<ptrdiff_t>(range.offset));
    }
    void read_through(int fd, Range range, unsigned char* into) const {
        ssize_t const n = pread(fd, into, range.length, static_cast<off_t>(range.offset));
        must(n >= 0, "pread");
        size_t const wanted =
            range.offset >= model_.size() ? 0 : std::min(range.length, model_.size() - range.offset);
        if (static_cast<size_t>(n) != wanted)
            die("read " + std::to_string(n) + " bytes and not " + std::to_string(wanted));
        for (size_t i = 0; i < wanted; ++i)
            if (into[i] != model_[range.offset + i])
                die(name_ + " differs at " + std::to_string(range.offset + i));
    }
    void compare(unsigned char const* bytes, Range range, char const* what) const {
        for (size_t i = range.offset; i < range.offset + range.length; ++i)
            if (bytes[i] != model_[i]) die(name_ + ", " + what + ", differs at " + std::to_string(i));
    }
    static bool supported(int result) {
        must(result == 0 || errno == EOPNOTSUPP, "fallocate");
        return result == 0;
    }
    void clear(int mode, bool grows) {
        auto const range = any_range(kMaxSize);
        if (!supported(
                fallocate(fd_, mode, static_cast<off_t>(range.offset), static_cast<off_t>(range.length))))
            return;
        size_t const end = range.offset + range.length;
        if (grows) model_.resize(std::max(model_.size(), end));
        if (range.offset < model_.size())
            std::fill(model_.begin() + static_cast<ptrdiff_t>(range.offset),
                      model_.begin() + static_cast<ptrdiff_t>(std::min(end, model_.size())), 0);
    }

    std::string name_;
    std::vector<unsigned char> model_;
    int fd_ = -1;
    int append_fd_ = -1;
    int direct_fd_ = -1;
    std::array<unsigned char, kMaxStep> step_;
    unsigned char* const aligned_ = static_cast<unsigned char*>(aligned_alloc(kBlock, 4 * kBlock));
};

// Another process, which opens a file when it is asked to and says what it holds.
class Reader {
public:
    Reader() {
        int ask[2], tell[2];
        must(pipe(ask) == 0 && pipe(tell) == 0, "pipe");
        pid_t const child = fork();
        must(child >= 0, "fork");
        if (child == 0) {
            close(ask[1]);
            serve(ask[0], tell[1]);
        }
        close(ask[0]);
        ask_ = ask[1];
        tell_ = tell[0];
    }
    void check(File const& file) const {
        std::array<char, 64> name{};
        file.name().copy(name.data(), name.size() - 1);
        must(::write(ask_, name.data(), name.size()) == static_cast<ssize_t>(name.size()), "ask");
        uint32_t answer = 0;
        must(::read(tell_, &answer, sizeof answer) == sizeof answer, "answer");
        if (answer != checksum(file.model())) die("another process reads something else");
    }

private:
    [[noreturn]] static void serve(int ask, int tell) {
        std::array<char, 64> name{};
        std::vector<unsigned char> bytes(kMaxSize + 1);
        while (::read(ask, name.data(), name.size()) == static_cast<ssize_t>(name.size())) {
            int const fd = open(name.data(), O_RDONLY);
            ssize_t const n = ::read(fd, bytes.data(), bytes.size());
            uint32_t const sum = n < 0 ? 0 : checksum(std::span(bytes).first(static_cast<size_t>(n)));
            close(fd);
            if (::write(tell, &sum, sizeof sum) < 0) break;
        }
        _exit(0);
    }
    int ask_;
    int tell_;
};

struct Step {
    char const* name;
    unsigned weight;
    void (*run)(File& file, File& other, Reader const& reader);
};
constexpr Step kSteps[] = {
    {"write", 20, [](File& f, File&, Reader const&) { f.write(); }},
    {"append", 10, [](File& f, File&, Reader const&) { f.append(); }},
    {"direct write", 5, [](File& f, File&, Reader const&) { f.write_direct(); }},
    {"mapped write", 10, [](File& f, File&, Reader const&) { f.write_map(); }},
    {"read", 20, [](File& f, File&, Reader const&) { f.read(); }},
    {"direct read", 5, [](File& f, File&, Reader const&) { f.read_direct(); }},
    {"mapped read", 10, [](File& f, File&, Reader const&) { f.read_map(); }},
    {"truncate", 8, [](File& f, File&, Reader const&) { f.truncate(); }},
    {"punch", 4, [](File& f, File&, Reader const&) { f.punch(); }},
    {"zero", 3, [](File& f, File&, Reader const&) { f.zero(); }},
    {"allocate", 3, [](File& f, File&, Reader const&) { f.allocate(); }},
    {"copy within", 3, [](File& f, File&, Reader const&) { f.copy_from(f); }},
    {"copy", 3, [](File& f, File& other, Reader const&) { f.copy_from(other); }},
    {"sync", 2, [](File& f, File&, Reader const&) { f.sync(); }},
    {"reopen", 3, [](File& f, File&, Reader const&) { f.reopen(); }},
    {"rename", 2, [](File& f, File&, Reader const&) { f.rename(); }},
    {"replace", 1, [](File& f, File&, Reader const&) { f.replace(); }},
    {"verify", 2, [](File& f, File&, Reader const&) { f.verify(); }},
    {"another's read", 3, [](File& f, File&, Reader const& reader) { reader.check(f); }},
};

Step const& any_step() {
    unsigned sum = 0;
    for (auto const& step : kSteps) sum += step.weight;
    size_t at = below(sum);
    for (auto const& step : kSteps) {
        if (at < step.weight) return step;
        at -= step.weight;
    }
    return kSteps[0];
}

void ask_host(File& file) {
    file.sync();
    printf("check %s %zu %08x\n", file.name().c_str(), file.model().size(), checksum(file.model()));
    fflush(stdout);
    char answer[16];
    if (fgets(answer, sizeof answer, stdin) == nullptr || strcmp(answer, "ok\n") != 0)
        die("the host reads something else");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        fputs("usage: file_exerciser SEED OPERATIONS [CHECKS]\n", stderr);
        return 2;
    }
    random_bits.seed(strtoull(argv[1], nullptr, 10));
    long const operations = atol(argv[2]);
    long const checks = argc > 3 ? atol(argv[3]) : 0;
    Reader const reader;
    File files[] = {File("one"), File("two")};
    for (operation = 1; operation <= operations; ++operation) {
        size_t const which = below(2);
        auto const& step = any_step();
        operation_name = step.name;
        step.run(files[which], files[1 - which], reader);
        if (checks > 0 && operation % std::max(operations / checks, 1L) == 0) ask_host(files[which]);
    }
    for (auto& file : files) {
        file.verify();
        must(unlink(file.name().c_str()) == 0, "unlink");
    }
    printf("done %08x\n", checksum(files[0].model()));
    return 0;
}
