// SPDX-License-Identifier: Apache-2.0
// The numbers of the FUSE wire format: versions, opcodes and flags, named as in fuse_kernel.h. fs/abi.h has
// the structs.
#pragma once
#include <cstdint>

namespace krun::fs::abi {

inline constexpr uint32_t kMajor = 7;
inline constexpr uint32_t kMinor = 41;
// The oldest minor whose structs all have the sizes below (7.31, Linux 5.4, the first with virtio-fs).
inline constexpr uint32_t kOldestMinor = 31;
inline constexpr uint64_t kRootId = 1;  // FUSE_ROOT_ID

enum class Opcode : uint32_t {
    kLookup = 1,
    kForget = 2,
    kGetattr = 3,
    kSetattr = 4,
    kReadlink = 5,
    kSymlink = 6,
    kMknod = 8,
    kMkdir = 9,
    kUnlink = 10,
    kRmdir = 11,
    kRename = 12,
    kLink = 13,
    kOpen = 14,
    kRead = 15,
    kWrite = 16,
    kStatfs = 17,
    kRelease = 18,
    kFsync = 20,
    kSetxattr = 21,
    kGetxattr = 22,
    kListxattr = 23,
    kRemovexattr = 24,
    kFlush = 25,
    kInit = 26,
    kOpendir = 27,
    kReaddir = 28,
    kReleasedir = 29,
    kFsyncdir = 30,
    kGetlk = 31,
    kSetlk = 32,
    kSetlkw = 33,
    kAccess = 34,
    kCreate = 35,
    kInterrupt = 36,
    kBmap = 37,
    kDestroy = 38,
    kIoctl = 39,
    kPoll = 40,
    kNotifyReply = 41,
    kBatchForget = 42,
    kFallocate = 43,
    kReaddirplus = 44,
    kRename2 = 45,
    kLseek = 46,
    kCopyFileRange = 47,
    kSetupmapping = 48,
    kRemovemapping = 49,
    kSyncfs = 50,
    kTmpfile = 51,
    kStatx = 52,
};
// Every opcode above, for the table that must have a row for each.
inline constexpr Opcode kOpcodes[] = {
    Opcode::kLookup,        Opcode::kForget,       Opcode::kGetattr,       Opcode::kSetattr,
    Opcode::kReadlink,      Opcode::kSymlink,      Opcode::kMknod,         Opcode::kMkdir,
    Opcode::kUnlink,        Opcode::kRmdir,        Opcode::kRename,        Opcode::kLink,
    Opcode::kOpen,          Opcode::kRead,         Opcode::kWrite,         Opcode::kStatfs,
    Opcode::kRelease,       Opcode::kFsync,        Opcode::kSetxattr,      Opcode::kGetxattr,
    Opcode::kListxattr,     Opcode::kRemovexattr,  Opcode::kFlush,         Opcode::kInit,
    Opcode::kOpendir,       Opcode::kReaddir,      Opcode::kReleasedir,    Opcode::kFsyncdir,
    Opcode::kGetlk,         Opcode::kSetlk,        Opcode::kSetlkw,        Opcode::kAccess,
    Opcode::kCreate,        Opcode::kInterrupt,    Opcode::kBmap,          Opcode::kDestroy,
    Opcode::kIoctl,         Opcode::kPoll,         Opcode::kNotifyReply,   Opcode::kBatchForget,
    Opcode::kFallocate,     Opcode::kReaddirplus,  Opcode::kRename2,       Opcode::kLseek,
    Opcode::kCopyFileRange, Opcode::kSetupmapping, Opcode::kRemovemapping, Opcode::kSyncfs,
    Opcode::kTmpfile,       Opcode::kStatx,
};
inline constexpr uint32_t kOpcodeLimit = 53;  // one past the largest

// INIT flags, as one 64-bit word: flags | flags2 << 32.
inline constexpr uint64_t kAsyncRead = 1u << 0;
inline constexpr uint64_t kPosixLocks = 1u << 1;
inline constexpr uint64_t kAtomicOTrunc = 1u << 3;
inline constexpr uint64_t kBigWrites = 1u << 5;
inline constexpr uint64_t kDontMask = 1u << 6;
inline constexpr uint64_t kFlockLocks = 1u << 10;
inline constexpr uint64_t kAutoInvalData = 1u << 12;
inline constexpr uint64_t kDoReaddirplus = 1u << 13;
inline constexpr uint64_t kReaddirplusAuto = 1u << 14;
inline constexpr uint64_t kAsyncDio = 1u << 15;
inline constexpr uint64_t kParallelDirops = 1u << 18;
inline constexpr uint64_t kPosixAcl = 1u << 20;
inline constexpr uint64_t kMaxPages = 1u << 22;
inline constexpr uint64_t kCacheSymlinks = 1u << 23;
inline constexpr uint64_t kSubmounts = 1u << 27;
inline constexpr uint64_t kHandleKillprivV2 = 1u << 28;
inline constexpr uint64_t kSetxattrExt = 1u << 29;
inline constexpr uint64_t kInitExt = 1u << 30;
inline constexpr uint64_t kCreateSuppGroup = uint64_t{1} << 34;
inline constexpr uint64_t kAllowIdmap = uint64_t{1} << 40;

// FATTR_*: which SetattrIn fields count.
inline constexpr uint32_t kSetMode = 1u << 0;
inline constexpr uint32_t kSetUid = 1u << 1;
inline constexpr uint32_t kSetGid = 1u << 2;
inline constexpr uint32_t kSetSize = 1u << 3;
inline constexpr uint32_t kSetAtime = 1u << 4;
inline constexpr uint32_t kSetMtime = 1u << 5;
inline constexpr uint32_t kSetHandle = 1u << 6;
inline constexpr uint32_t kSetAtimeNow = 1u << 7;
inline constexpr uint32_t kSetMtimeNow = 1u << 8;
inline constexpr uint32_t kSetLockOwner = 1u << 9;
inline constexpr uint32_t kSetCtime = 1u << 10;
inline constexpr uint32_t kSetKillSuidgid = 1u << 11;

inline constexpr uint32_t kGetattrHandle = 1u << 0;        // FUSE_GETATTR_FH
inline constexpr uint32_t kOpenKillSuidgid = 1u << 0;      // FUSE_OPEN_KILL_SUIDGID
inline constexpr uint32_t kWriteCache = 1u << 0;           // FUSE_WRITE_CACHE: writeback of a mapped page
inline constexpr uint32_t kWriteKillSuidgid = 1u << 2;     // FUSE_WRITE_KILL_SUIDGID
inline constexpr uint32_t kFsyncData = 1u << 0;            // FUSE_FSYNC_FDATASYNC
inline constexpr uint32_t kSetxattrAclKillSgid = 1u << 0;  // FUSE_SETXATTR_ACL_KILL_SGID
inline constexpr uint32_t kExtGroups = 32;                 // FUSE_EXT_GROUPS
inline constexpr uint32_t kAttrSubmount = 1u << 0;         // FUSE_ATTR_SUBMOUNT

// FOPEN_*: what an OPEN or OPENDIR reply tells the guest.
inline constexpr uint32_t kFopenDirectIo = 1u << 0;
inline constexpr uint32_t kFopenKeepCache = 1u << 1;
inline constexpr uint32_t kFopenCacheDir = 1u << 3;
inline constexpr uint32_t kFopenNoflush = 1u << 5;

}  // namespace krun::fs::abi
