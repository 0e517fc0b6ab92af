// SPDX-License-Identifier: Apache-2.0
// The FUSE wire format, version 7.41 as Linux 6.12 speaks it: the structs this server uses.
// Names follow fuse_kernel.h (struct fuse_in_header is InHeader here); all integers are little-endian.
// Sizes are asserted: a slip here would misread every request.
#pragma once
#include <cstddef>
#include <cstdint>

#include "fs/abi_numbers.h"

namespace krun::fs::abi {

struct InHeader {
    uint32_t len;
    Opcode opcode;
    uint64_t unique;
    uint64_t nodeid;
    uint32_t uid;
    uint32_t gid;
    uint32_t pid;
    uint16_t total_extlen;
    uint16_t padding;
};
static_assert(sizeof(InHeader) == 40);

struct OutHeader {
    uint32_t len;
    int32_t error;
    uint64_t unique;
};
static_assert(sizeof(OutHeader) == 16);

// A device number, as the kernel's new_encode_dev() writes it.
constexpr uint32_t encode_device(uint32_t major, uint32_t minor) {
    return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

constexpr uint32_t device_major(uint32_t encoded) {
    return (encoded >> 8) & 0xfff;
}
constexpr uint32_t device_minor(uint32_t encoded) {
    return (encoded & 0xff) | ((encoded >> 12) & 0xfff00);
}

struct Attr {
    uint64_t ino;
    uint64_t size;
    uint64_t blocks;
    uint64_t atime;
    uint64_t mtime;
    uint64_t ctime;
    uint32_t atimensec;
    uint32_t mtimensec;
    uint32_t ctimensec;
    uint32_t mode;
    uint32_t nlink;
    uint32_t uid;
    uint32_t gid;
    uint32_t rdev;
    uint32_t blksize;
    uint32_t flags;
};
static_assert(sizeof(Attr) == 88);

struct EntryOut {
    uint64_t nodeid;
    uint64_t generation;
    uint64_t entry_valid;
    uint64_t attr_valid;
    uint32_t entry_valid_nsec;
    uint32_t attr_valid_nsec;
    Attr attr;
};
static_assert(sizeof(EntryOut) == 128);

struct AttrOut {
    uint64_t attr_valid;
    uint32_t attr_valid_nsec;
    uint32_t dummy;
    Attr attr;
};
static_assert(sizeof(AttrOut) == 104);

struct StatxIn {
    uint32_t getattr_flags;
    uint32_t reserved;
    uint64_t fh;
    uint32_t sx_flags;
    uint32_t sx_mask;
};
static_assert(sizeof(StatxIn) == 24);
struct SxTime {
    int64_t sec;
    uint32_t nsec;
    int32_t reserved;
};
static_assert(sizeof(SxTime) == 16);
struct Statx {
    uint32_t mask;
    uint32_t blksize;
    uint64_t attributes;
    uint32_t nlink;
    uint32_t uid;
    uint32_t gid;
    uint16_t mode;
    uint16_t spare0;
    uint64_t ino;
    uint64_t size;
    uint64_t blocks;
    uint64_t attributes_mask;
    SxTime atime;
    SxTime btime;
    SxTime ctime;
    SxTime mtime;
    uint32_t rdev_major;
    uint32_t rdev_minor;
    uint32_t dev_major;
    uint32_t dev_minor;
    uint64_t spare2[14];
};
static_assert(sizeof(Statx) == 256);
struct StatxOut {
    uint64_t attr_valid;
    uint32_t attr_valid_nsec;
    uint32_t flags;
    uint64_t spare[2];
    Statx stat;
};
static_assert(sizeof(StatxOut) == 288);

struct Kstatfs {
    uint64_t blocks;
    uint64_t bfree;
    uint64_t bavail;
    uint64_t files;
    uint64_t ffree;
    uint32_t bsize;
    uint32_t namelen;
    uint32_t frsize;
    uint32_t padding;
    uint32_t spare[6];
};
static_assert(sizeof(Kstatfs) == 80);

struct InitIn {  // INIT_EXT form; without it the struct ends after `flags`
    uint32_t major;
    uint32_t minor;
    uint32_t max_readahead;
    uint32_t flags;
    uint32_t flags2;
    uint32_t unused[11];
};
static_assert(sizeof(InitIn) == 64);
inline constexpr size_t kShortInitInBytes = 16;

struct InitOut {
    uint32_t major;
    uint32_t minor;
    uint32_t max_readahead;
    uint32_t flags;
    uint16_t max_background;
    uint16_t congestion_threshold;
    uint32_t max_write;
    uint32_t time_gran;
    uint16_t max_pages;
    uint16_t map_alignment;
    uint32_t flags2;
    uint32_t max_stack_depth;
    uint32_t unused[6];
};
static_assert(sizeof(InitOut) == 64);

struct ForgetIn {
    uint64_t nlookup;
};
static_assert(sizeof(ForgetIn) == 8);
struct ForgetOne {
    uint64_t nodeid;
    uint64_t nlookup;
};
static_assert(sizeof(ForgetOne) == 16);
struct BatchForgetIn {
    uint32_t count;
    uint32_t dummy;
};
static_assert(sizeof(BatchForgetIn) == 8);

struct GetattrIn {
    uint32_t getattr_flags;
    uint32_t dummy;
    uint64_t fh;
};
static_assert(sizeof(GetattrIn) == 16);

struct SetattrIn {
    uint32_t valid;
    uint32_t padding;
    uint64_t fh;
    uint64_t size;
    uint64_t lock_owner;
    uint64_t atime;
    uint64_t mtime;
    uint64_t ctime;
    uint32_t atimensec;
    uint32_t mtimensec;
    uint32_t ctimensec;
    uint32_t mode;
    uint32_t unused4;
    uint32_t uid;
    uint32_t gid;
    uint32_t unused5;
};
static_assert(sizeof(SetattrIn) == 88);

struct MknodIn {
    uint32_t mode;
    uint32_t rdev;
    uint32_t umask;
    uint32_t padding;
};
static_assert(sizeof(MknodIn) == 16);
struct MkdirIn {
    uint32_t mode;
    uint32_t umask;
};
static_assert(sizeof(MkdirIn) == 8);
struct RenameIn {
    uint64_t newdir;
};
static_assert(sizeof(RenameIn) == 8);
struct Rename2In {
    uint64_t newdir;
    uint32_t flags;
    uint32_t padding;
};
static_assert(sizeof(Rename2In) == 16);
struct LinkIn {
    uint64_t oldnodeid;
};
static_assert(sizeof(LinkIn) == 8);

struct OpenIn {
    uint32_t flags;
    uint32_t open_flags;
};
static_assert(sizeof(OpenIn) == 8);
struct CreateIn {
    uint32_t flags;
    uint32_t mode;
    uint32_t umask;
    uint32_t open_flags;
};
static_assert(sizeof(CreateIn) == 16);
struct OpenOut {
    uint64_t fh;
    uint32_t open_flags;
    int32_t backing_id;
};
static_assert(sizeof(OpenOut) == 16);
struct ReleaseIn {
    uint64_t fh;
    uint32_t flags;
    uint32_t release_flags;
    uint64_t lock_owner;
};
static_assert(sizeof(ReleaseIn) == 24);
struct FlushIn {
    uint64_t fh;
    uint32_t unused;
    uint32_t padding;
    uint64_t lock_owner;
};
static_assert(sizeof(FlushIn) == 24);

struct FileLock {
    uint64_t start;
    uint64_t end;   // the last byte; INT64_MAX: all there will ever be
    uint32_t type;  // F_RDLCK, F_WRLCK, F_UNLCK
    uint32_t pid;
};
static_assert(sizeof(FileLock) == 24);
struct LkIn {
    uint64_t fh;
    uint64_t owner;
    FileLock lk;
    uint32_t lk_flags;
    uint32_t padding;
};
static_assert(sizeof(LkIn) == 48);
struct LkOut {
    FileLock lk;
};
static_assert(sizeof(LkOut) == 24);
inline constexpr uint32_t kLkFlock = 1u << 0;  // FUSE_LK_FLOCK
struct InterruptIn {
    uint64_t unique;
};
static_assert(sizeof(InterruptIn) == 8);

struct ReadIn {
    uint64_t fh;
    uint64_t offset;
    uint32_t size;
    uint32_t read_flags;
    uint64_t lock_owner;
    uint32_t flags;
    uint32_t padding;
};
static_assert(sizeof(ReadIn) == 40);
struct WriteIn {
    uint64_t fh;
    uint64_t offset;
    uint32_t size;
    uint32_t write_flags;
    uint64_t lock_owner;
    uint32_t flags;
    uint32_t padding;
};
static_assert(sizeof(WriteIn) == 40);
struct WriteOut {
    uint32_t size;
    uint32_t padding;
};
static_assert(sizeof(WriteOut) == 8);

struct FsyncIn {
    uint64_t fh;
    uint32_t fsync_flags;
    uint32_t padding;
};
static_assert(sizeof(FsyncIn) == 16);
struct FallocateIn {
    uint64_t fh;
    uint64_t offset;
    uint64_t length;
    uint32_t mode;
    uint32_t padding;
};
static_assert(sizeof(FallocateIn) == 32);
struct LseekIn {
    uint64_t fh;
    uint64_t offset;
    uint32_t whence;
    uint32_t padding;
};
static_assert(sizeof(LseekIn) == 24);
struct LseekOut {
    uint64_t offset;
};
static_assert(sizeof(LseekOut) == 8);
struct CopyFileRangeIn {
    uint64_t fh_in;
    uint64_t off_in;
    uint64_t nodeid_out;
    uint64_t fh_out;
    uint64_t off_out;
    uint64_t len;
    uint64_t flags;
};
static_assert(sizeof(CopyFileRangeIn) == 56);

struct SetxattrIn {  // without FUSE_SETXATTR_EXT it ends after `flags`
    uint32_t size;
    uint32_t flags;
    uint32_t setxattr_flags;
    uint32_t padding;
};
static_assert(sizeof(SetxattrIn) == 16);
inline constexpr size_t kShortSetxattrInBytes = 8;
struct GetxattrIn {
    uint32_t size;
    uint32_t padding;
};
static_assert(sizeof(GetxattrIn) == 8);
struct GetxattrOut {
    uint32_t size;
    uint32_t padding;
};
static_assert(sizeof(GetxattrOut) == 8);

struct IoctlIn {  // followed by in_size bytes
    uint64_t fh;
    uint32_t flags;
    uint32_t cmd;
    uint64_t arg;
    uint32_t in_size;
    uint32_t out_size;
};
static_assert(sizeof(IoctlIn) == 32);
struct IoctlOut {  // followed by what the call answers
    int32_t result;
    uint32_t flags;
    uint32_t in_iovs;
    uint32_t out_iovs;
};
static_assert(sizeof(IoctlOut) == 16);

// An extension, at the end of a request; InHeader::total_extlen counts all of them in units of 8 bytes.
struct ExtHeader {
    uint32_t size;  // with this header
    uint32_t type;
};
static_assert(sizeof(ExtHeader) == 8);
struct SuppGroups {  // kExtGroups; followed by the group ids
    uint32_t count;
};
static_assert(sizeof(SuppGroups) == 4);

struct Dirent {  // followed by the name, padded to 8 bytes
    uint64_t ino;
    uint64_t off;
    uint32_t namelen;
    uint32_t type;
};
static_assert(sizeof(Dirent) == 24);

}  // namespace krun::fs::abi
