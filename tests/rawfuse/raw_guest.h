// SPDX-License-Identifier: Apache-2.0
// A guest without a kernel: raw bytes in raw virtqueues of the real device, with the real server and the
// trees a container has. Outside the trees lie the canaries, which each test's end looks at.
//
//   /            virtual            /virtual (a file), /secret (gone after one open)
//   /rw          export/rw, writable, with what make_exports() puts there; /rw/added is virtual
//   /ro          export/ro, read-only at the server
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "fs/overlay/overlay_fs.h"
#include "fs/passthrough/passthrough.h"
#include "tests/rawfuse/canaries.h"
#include "tests/support/fuse_client.h"
#include "tests/support/temp_dir.h"
#include "tests/vmm/device/device_rig.h"
#include "vmm/device/fs.h"

namespace krun::test {

using abi::Opcode;

class RawGuest : public ::testing::Test {
protected:
    RawGuest();
    // Counts must not shrink unseen: each test says how many cases it has at least.
    void TearDown() override;

    std::string at(std::string const& path) const { return outside_ / ("export/" + path); }

    // ---- requests ----
    static Bytes request(Opcode opcode, uint64_t node, Bytes const& in, uint32_t uid = 0, uint32_t gid = 0);
    // Exactly these bytes in one chain, with `room` bytes for the reply.
    RawReply send_raw(Bytes const& bytes, uint32_t room = 4096, uint16_t queue = 1);
    RawReply send(Opcode opcode, uint64_t node, Bytes const& in, uint32_t room = 4096) {
        return send_raw(request(opcode, node, in, uid, gid), room);
    }
    void init();

    // One hostile case: the reply's errno must be among `allowed` (0: success; -1: no reply).
    void expect(std::string const& what, RawReply const& reply, std::set<int> const& allowed);
    void expect(std::string const& what, Opcode opcode, uint64_t node, Bytes const& in,
                std::set<int> const& allowed) {
        expect(what, send(opcode, node, in), allowed);
    }

    // ---- what an honest guest does ----
    uint64_t lookup(uint64_t parent, std::string_view name) {
        return send(Opcode::kLookup, parent, args(name)).as<abi::EntryOut>().nodeid;
    }
    uint64_t walk(std::string_view path);
    uint64_t open(uint64_t node, int flags) {
        return send(Opcode::kOpen, node, args(abi::OpenIn{static_cast<uint32_t>(flags), 0}))
            .as<abi::OpenOut>()
            .fh;
    }
    RawReply write(uint64_t node, uint64_t fh, uint64_t offset, std::string_view text,
                   uint32_t write_flags = 0);
    RawReply read(uint64_t node, uint64_t fh, uint64_t offset = 0, uint32_t size = 1024);
    // The device reset and mounted again.
    void restart();

    uint32_t uid = 0;
    uint32_t gid = 0;
    int cases = 0;
    fs::PassthroughOptions options;
    TempDir outside_{std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp"};
    std::unique_ptr<Canaries> canaries_;
    fs::Passthrough* rw_ = nullptr;  // owned by the server
    std::unique_ptr<vmm::Fs> device_;
    std::unique_ptr<vmm::DeviceRig> rig_;

    // With other options for /rw; everything starts anew.
    void serve();

private:
    void make_exports();
    std::unique_ptr<fs::FileSystem> boot_tree();
};

}  // namespace krun::test
