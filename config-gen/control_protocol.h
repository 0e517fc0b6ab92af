// SPDX-License-Identifier: Apache-2.0
// The control connection between the VM process and init, and the streams of the processes that init runs:
// vsock ports, frames and messages. Init opens the control connection before any payload code runs, and that
// port accepts one connection in the life of a VM; streams are opened by the host. So nothing that a payload
// can open speaks for init or for another process. Prose: docs/control-protocol.md.
#pragma once
#include <cstdint>

namespace krun::control {

inline constexpr uint32_t kVersion = 4;

// On the host (VMADDR_CID_HOST): init connects, once.
inline constexpr uint32_t kControlPort = 27506;
// In the guest: init listens before it says hello, and the host connects once for each stream. Init refuses
// every other peer than VMADDR_CID_HOST.
inline constexpr uint32_t kStreamPort = 27507;

// Which stream a connection is, its port on the host says. 0 standard input, 1 and 2 standard output and
// error; with a terminal 0 alone, both ways; from 3 on the descriptors that were passed on.
inline constexpr uint32_t kMaxStreams = 32;
inline constexpr uint32_t kFirstStreamPort = 0x1000'0000;
// Numbers of processes are never used again: as many can be executed in the life of a VM.
inline constexpr uint32_t kMaxProcesses = 1U << 24;

constexpr uint32_t stream_port(uint32_t process, uint32_t stream) {
    return kFirstStreamPort + process * kMaxStreams + stream;
}

// Connections that the host has accepted for a listening socket that was passed on: both ways, a port each,
// numbered as they come. The number begins anew after kMaxProcesses, when the first have long ended.
inline constexpr uint32_t kFirstAcceptedPort = 0x4000'0000;

constexpr uint32_t accepted_port(uint32_t connection, uint32_t listener) {
    return kFirstAcceptedPort + connection % kMaxProcesses * kMaxStreams + listener;
}

// Connections of the payload's to unix sockets of the host's, both ways, by the number that kConnect gave.
inline constexpr uint32_t kFirstBoundPort = 0x6000'0000;

constexpr uint32_t bound_port(uint32_t connection) {
    return kFirstBoundPort + connection % kMaxProcesses * kMaxStreams;
}

// Precedes each message, little-endian. `process` 0 is the payload; others are what kExec has named.
struct FrameHeader {
    uint32_t body_bytes;
    uint16_t type;
    uint16_t reserved;  // 0
    uint32_t process;
};
static_assert(sizeof(FrameHeader) == 12);

// A longer body is a protocol error. What the guest says is short; what the host says may hold a process's
// environment.
inline constexpr uint32_t kMaxGuestBodyBytes = 64 * 1024;
inline constexpr uint32_t kMaxHostBodyBytes = 8 * 1024 * 1024;
inline constexpr uint32_t kMaxNotifyBytes = 4096;
// A kNotify of this text comes for a message with a descriptor, which init closes at kNotified; until then
// it sends no other kNotify.
inline constexpr char kBarrier[] = "BARRIER=1";

enum class FrameType : uint16_t {
    // guest to host
    kHello = 1,    // HelloBody; the first frame
    kReady = 2,    // empty; payload only: mounts are done, args[0] is resolved, it waits for kStart
    kFailed = 3,   // FailedBody, then text to the end of the body: the process will never run
    kStarted = 4,  // empty: execve succeeded
    kExited =
        5,  // ExitedBody: reaped, output handed over, for the payload files synced; the last of a process
    kNotify = 6,  // text, at most kMaxNotifyBytes: what the payload wrote to its NOTIFY_SOCKET (sd_notify(3))
    kCgroupAnswer = 7,  // CgroupAnswerBody, then text: to each kCgroup one, in their order; `process` 0
    kConnect = 8,       // ConnectBody: a process connects to a unix socket of the host's. `process` 0
    // host to guest
    kStart = 16,      // empty; payload only
    kSignal = 17,     // SignalBody
    kResize = 18,     // ResizeBody
    kExec = 19,       // ExecConfig as JSON (exec_config.h): one more process in the payload's namespaces
    kSignalAll = 20,  // SignalBody: to every process in the payload's cgroup, `process` 0
    // text: the name of a file of the payload's cgroup, which is read; or name, newline and what to write
    // into it. `process` 0
    kCgroup = 21,
    kNotified = 22,  // empty: the listener has processed every kNotify up to the one that is kBarrier
    kNetwork = 23,   // NetworkRecords: carried out in their order before the next frame; `process` 0
    kPlugged = 24,   // PluggedBody: another device than a network interface; `process` 0
    kRefused = 29,   // ConnectBody, as it was: there will be no such connection. `process` 0
    kClock = 30,  // ClockBody: what the host's clock says; before kStart, and from time to time. `process` 0
};

struct HelloBody {
    uint32_t version;
};
// exit_code: 125 set-up, 126 not executable, 127 not found (cli-contract as runc's users know it).
struct FailedBody {
    uint32_t exit_code;
};
// Exactly one of code and signal is meaningful: signal != 0 means death by that signal.
struct ExitedBody {
    uint32_t exit_code;
    uint32_t signal;
    // Bit N: stream N has not ended, because another process holds it open. Those of the payload never are.
    uint32_t open_streams;
};
struct SignalBody {
    uint32_t signal;  // 1..64
};
struct CgroupAnswerBody {
    uint32_t error;  // errno, or 0: the file's content follows, or nothing if it was written
};
struct ConnectBody {
    uint32_t connection;  // init's number for it, below kMaxProcesses
    uint32_t socket;      // N of the bind source /binds/N
};
struct PluggedBody {
    uint32_t device;  // virtio-mmio.N is a device now
};
struct ClockBody {
    int64_t ns;  // since the epoch
};
struct ResizeBody {
    uint16_t rows;
    uint16_t columns;
};

// One step of setting up the network; `fixups` NetworkFixup and `content_bytes` of content follow it.
struct NetworkRecord {
    uint16_t kind;
    uint16_t fixups;
    uint32_t content_bytes;
};
enum class NetworkRecordKind : uint16_t {
    // u32: the device virtio-mmio.N has become a network interface. Those of a frame are numbered from 0, as
    // they come, whatever the guest's kernel calls them.
    kPlugged = 1,
    kRequest = 2,    // one message of rtnetlink(7), with NLM_F_ACK; only its sequence number does not matter
    kSysctl = 3,     // text: a path below /proc/sys, '=', what to write there
    kTrySysctl = 4,  // the same, for a guest's kernel that may not know it
    kDhcp = 5,       // u32: the frame's interface of that number, which is up, asks for its address
};
// The kernel's number of the frame's interface `interface` belongs at byte `offset` of the content, as an
// i32.
struct NetworkFixup {
    uint16_t interface;
    uint16_t offset;
};

}  // namespace krun::control
