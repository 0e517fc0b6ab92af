// SPDX-License-Identifier: Apache-2.0
// Bytes: sizes, holes, appending, direct and mapped access.
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <climits>

#include "categories.h"
#include "scene.h"

namespace posix {
namespace {

constexpr off_t kBlock = 4096;

int new_file(std::string const& text = "", int flags = 0) {
    auto const path = fresh_name();
    write_file(path, text);
    return open(path.c_str(), O_RDWR | flags);
}

void truncation() {
    for (off_t const size :
         {off_t{0}, off_t{1}, off_t{7}, off_t{4095}, off_t{4096}, off_t{4097}, off_t{1} << 20})
        for (off_t const next : {off_t{0}, off_t{3}, off_t{4096}, off_t{5000}}) {
            int const fd = new_file("abcdefg");
            observe("truncate to " + std::to_string(size) + " and " + std::to_string(next),
                    {outcome(ftruncate(fd, size)), outcome(ftruncate(fd, next)), content(fd)});
            close(fd);
        }
    int const fd = new_file("abc");
    observe("truncate to less than nothing", outcome(ftruncate(fd, -1)));
    observe("truncate to what no file can have", outcome(ftruncate(fd, LLONG_MAX)));
    observe("size after that", seen(fd));
    close(fd);
    // What lay behind the end of a file never comes back.
    int const cut = new_file("secretsecret");
    ftruncate(cut, 3) < 0 || ftruncate(cut, 12) < 0 ? observe("cut", outcome(-1)) : void();
    observe("after cut and growth", content(cut));
    close(cut);
}

void edges() {
    int const fd = new_file("0123456789");
    char bytes[32] = {};
    for (off_t const at : {off_t{0}, off_t{5}, off_t{9}, off_t{10}, off_t{11}, off_t{1} << 40})
        observe("read 20 at " + std::to_string(at), count(pread(fd, bytes, 20, at)));
    observe("read at -1", count(pread(fd, bytes, 1, -1)));
    observe("write at -1", count(pwrite(fd, bytes, 1, -1)));
    observe("write at the last offset", count(pwrite(fd, bytes, 1, LLONG_MAX)));
    observe("write of nothing far away", count(pwrite(fd, bytes, 0, 1000)));
    observe("size after it", seen(fd));
    observe("write behind the end", {count(pwrite(fd, "x", 1, 20)), content(fd)});
    for (int const whence : {SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE, 99})
        for (off_t const at : {off_t{-1}, off_t{0}, off_t{5}, off_t{21}, off_t{22}})
            observe("seek " + std::to_string(at) + " from " + std::to_string(whence),
                    count(lseek(fd, at, whence)));
    iovec parts[3] = {{bytes, 3}, {bytes + 3, 0}, {bytes + 3, 30}};
    lseek(fd, 0, SEEK_SET);
    observe("read into parts", {count(readv(fd, parts, 2)), count(lseek(fd, 0, SEEK_CUR))});
    observe("write of parts", {count(pwritev(fd, parts, 2, 100)), seen(fd)});
    observe("no parts", count(preadv(fd, parts, 0, 0)));
    close(fd);
}

std::string map_of(int fd) {
    std::string text;
    off_t const end = lseek(fd, 0, SEEK_END);
    for (off_t at = 0; at < end;) {
        off_t const data = lseek(fd, at, SEEK_DATA);
        if (data < 0) return text + " " + outcome(data);
        off_t const hole = lseek(fd, data, SEEK_HOLE);
        text += " " + std::to_string(data / kBlock) + "-" + std::to_string((hole + kBlock - 1) / kBlock);
        at = hole;
    }
    return text.empty() ? " none" : text;
}

struct Fallocate {
    char const* name;
    int mode;
};
constexpr Fallocate kModes[] = {
    {"allocate", 0},
    {"keep size", FALLOC_FL_KEEP_SIZE},
    {"punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE},
    {"punch without keep", FALLOC_FL_PUNCH_HOLE},
    {"zero", FALLOC_FL_ZERO_RANGE},
    {"zero keep", FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE},
    {"collapse", FALLOC_FL_COLLAPSE_RANGE},
    {"insert", FALLOC_FL_INSERT_RANGE},
    {"unshare", FALLOC_FL_UNSHARE_RANGE},
    {"nonsense", 0x8000},
};

void allocation() {
    for (auto const& mode : kModes)
        for (auto const& [offset, length] : {std::pair<off_t, off_t>{0, kBlock},
                                             {kBlock, kBlock},
                                             {100, 200},
                                             {3 * kBlock, 2 * kBlock},
                                             {0, 0},
                                             {-1, 5},
                                             {5, -1},
                                             {LLONG_MAX - 1, 5}}) {
            if (!chosen()) continue;
            int const fd = new_file(std::string(2 * kBlock, 'a') + std::string(2 * kBlock, 'b'));
            observe(std::string(mode.name) + " " + std::to_string(offset) + "+" + std::to_string(length),
                    {outcome(fallocate(fd, mode.mode, offset, length)), content(fd)});
            close(fd);
        }
    int const read_only = open(fresh(Type::kFile).c_str(), O_RDONLY);
    observe("allocate through a descriptor to read", outcome(fallocate(read_only, 0, 0, 1)));
    close(read_only);
}

void sparse() {
    int const fd = new_file();
    for (off_t const block : {2, 3, 8, 20}) {
        std::string const data(kBlock, 'd');
        if (pwrite(fd, data.data(), data.size(), block * kBlock) < 0) observe("write", outcome(-1));
    }
    fsync(fd);
    observe("data of a sparse file", map_of(fd));
    observe(
        "punch in the middle",
        {outcome(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * kBlock, kBlock)), map_of(fd)});
    observe("grow", {outcome(ftruncate(fd, 40 * kBlock)), map_of(fd)});
    observe("cut", {outcome(ftruncate(fd, 5 * kBlock)), map_of(fd)});
    observe("bytes", content(fd));
    close(fd);
}

void copies() {
    std::string const text = std::string(kBlock, 'a') + std::string(kBlock, 'b') + "end";
    struct Row {
        loff_t from;
        loff_t to;
        size_t length;
    };
    static constexpr Row kRows[] = {{0, 0, 10},    {0, 0, 1 << 20}, {4096, 100, 8192}, {9000, 0, 5},
                                    {5, 20000, 5}, {0, 0, 0},       {-1, 0, 1},        {0, -1, 1}};
    for (auto const& [from, to, length] : kRows) {
        int const in = new_file(text), out = new_file("target");
        loff_t a = from, b = to;
        observe(
            "copy " + std::to_string(length) + " from " + std::to_string(from) + " to " + std::to_string(to),
            {count(copy_file_range(in, &a, out, &b, length, 0)), content(out)});
        a = from;
        b = to;
        observe("copy within " + std::to_string(length) + " from " + std::to_string(from) + " to " +
                    std::to_string(to),
                count(copy_file_range(in, &a, in, &b, length, 0)));
        close(in);
        close(out);
    }
    int const in = new_file(text), out = new_file();
    observe("copy with flags", count(copy_file_range(in, nullptr, out, nullptr, 5, 1)));
    observe("copy at the positions", {count(copy_file_range(in, nullptr, out, nullptr, 5, 0)),
                                      count(lseek(in, 0, SEEK_CUR)), count(lseek(out, 0, SEEK_CUR))});
    int const read_only = open(fresh(Type::kFile).c_str(), O_RDONLY);
    observe("copy into what is open to read", count(copy_file_range(in, nullptr, read_only, nullptr, 5, 0)));
    close(read_only);
    close(in);
    close(out);
}

}  // namespace

void size_category() {
    truncation();
    edges();
}

void hole_category() {
    allocation();
    sparse();
    copies();
}

void append_category() {
    auto const path = fresh(Type::kFile);
    int const a = open(path.c_str(), O_RDWR | O_APPEND), b = open(path.c_str(), O_WRONLY | O_APPEND);
    int const plain = open(path.c_str(), O_RDWR);
    observe("append", {count(write(a, "A", 1)), content(a)});
    observe("append through another", {count(write(b, "B", 1)), content(a)});
    observe("append again", {count(write(a, "C", 1)), content(a)});
    observe("position", count(lseek(a, 0, SEEK_CUR)));
    observe("pwrite appends", {count(pwrite(a, "P", 1, 0)), content(a)});
    observe("seek does not matter", {count(lseek(a, 0, SEEK_SET)), count(write(a, "S", 1)), content(a)});
    observe("grown by another", {count(pwrite(plain, "G", 1, 20)), count(write(a, "D", 1)), content(a)});
    observe("cut by another", {outcome(ftruncate(plain, 2)), count(write(a, "E", 1)), content(a)});
    observe("flag set later",
            {outcome(fcntl(plain, F_SETFL, O_APPEND)), count(pwrite(plain, "F", 1, 0)), content(a)});
    observe("flag taken away",
            {outcome(fcntl(plain, F_SETFL, 0)), count(pwrite(plain, "G", 1, 0)), content(a)});
    std::string const large(300'000, 'L');
    observe("large append", {count(write(a, large.data(), large.size())), content(b < 0 ? b : a)});
    for (int const fd : {a, b, plain}) close(fd);
}

void direct_category() {
    auto const path = fresh(Type::kFile);
    int const fd = open(path.c_str(), O_RDWR | O_DIRECT);
    observe("open", outcome(fd));
    if (fd < 0) return;
    auto* const memory = static_cast<char*>(aligned_alloc(kBlock, 64 * kBlock));
    memset(memory, 'd', 64 * kBlock);
    int const cached = open(path.c_str(), O_RDWR);
    for (size_t const blocks : {1u, 2u, 64u})
        observe("write " + std::to_string(blocks),
                {count(pwrite(fd, memory, blocks * kBlock, 0)), content(cached)});
    observe("write behind the end", {count(pwrite(fd, memory, kBlock, 100 * kBlock)), content(cached)});
    observe("cached write", count(pwrite(cached, "cached", 6, 0)));
    observe("read sees it", {count(pread(fd, memory, kBlock, 0)), std::string(memory, 6)});
    observe("read at the end", count(pread(fd, memory, 4 * kBlock, 99 * kBlock)));
    observe("read behind the end", count(pread(fd, memory, kBlock, 200 * kBlock)));
    observe("append and direct",
            {outcome(fcntl(fd, F_SETFL, O_DIRECT | O_APPEND)), count(write(fd, memory, kBlock)), seen(fd)});
    free(memory);
    close(fd);
    close(cached);
}

void map_category() {
    int const fd = new_file(std::string(2 * kBlock, 'm'));
    auto* const map =
        static_cast<char*>(mmap(nullptr, 4 * kBlock, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    observe("map", map == MAP_FAILED ? outcome(-1) : "ok");
    if (map == MAP_FAILED) return;
    map[0] = 'W';
    observe("write through the map", content(fd));
    observe("write through the file", {count(pwrite(fd, "F", 1, 1)), std::string(map, 3)});
    observe("msync", outcome(msync(map, kBlock, MS_SYNC)));
    observe("grow", outcome(ftruncate(fd, 3 * kBlock)));
    map[2 * kBlock] = 'G';
    observe("write to what grew", content(fd));
    observe("punch", {outcome(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kBlock)),
                      std::to_string(map[0])});
    observe("cut within a page",
            {outcome(ftruncate(fd, kBlock + 10)), outcome(ftruncate(fd, 2 * kBlock)), content(fd)});
    auto* const own = static_cast<char*>(mmap(nullptr, kBlock, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    own[0] = 'P';
    observe("write to a private map", content(fd));
    munmap(own, kBlock);
    munmap(map, 4 * kBlock);
    close(fd);
    int const read_only = open(fresh(Type::kFile).c_str(), O_RDONLY);
    observe("shared map to write of what is open to read",
            mmap(nullptr, 1, PROT_WRITE, MAP_SHARED, read_only, 0) == MAP_FAILED ? outcome(-1) : "ok");
    observe("private one", mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE, read_only, 0) == MAP_FAILED
                               ? outcome(-1)
                               : "ok");
    observe("map to execute", mmap(nullptr, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, read_only, 0) == MAP_FAILED
                                  ? outcome(-1)
                                  : "ok");
    close(read_only);
}

}  // namespace posix
