// SPDX-License-Identifier: Apache-2.0
// Runs init's agent with a real payload on this machine: in namespaces of its own, with socket pairs where a
// guest has vsock ports. The test is the host.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "config-gen/control_protocol.h"
#include "config-gen/krun_config.h"

namespace krun::init {

struct HostFrame {
    control::FrameType type{};
    std::vector<std::byte> body;
};

class ContainerRun {
public:
    // A root file system with /bin/probe in it; nothing is started.
    ContainerRun();
    ~ContainerRun();

    // Empty if namespaces can be made here; otherwise why not.
    static std::string why_impossible();

    // The boot tree's directory; the payload's root is `rootfs` in it.
    std::filesystem::path const& tree() const { return tree_; }
    std::filesystem::path rootfs() const { return tree_ / "rootfs"; }
    // Runs /bin/probe with `commands`, as root with all capabilities, with /proc, /dev and its own /tmp
    // mounted.
    KrunConfig& config() { return config_; }
    void probe(std::vector<std::string> commands);

    void launch();
    // Waits for the next frame; its type 0 means that init has gone.
    HostFrame next_frame();
    // launch(), hello, ready, start, started.
    void run_to_start();
    void send(control::FrameType type, std::vector<std::byte> body = {});
    void signal(uint32_t signo);
    // Reads the payload's output to its end, then the exit frame. Returns 128 + signal or the code; -1 if the
    // end was not reported.
    int finish();
    // run_to_start() and finish() with nothing on standard input; returns the exit code.
    int run();
    // Closes the control connection and waits for init: its exit code, -1 if it hangs.
    static constexpr int kHostLost = 42;
    int lose_host();
    std::string failure_text() const { return failure_text_; }

    std::string const& output() const { return output_; }
    std::string const& error_output() const { return error_output_; }
    // The host's end of a port; closing it is the host's close.
    UniqueFd& port(uint32_t number) { return ports_[number]; }
    // Reads from a port until `text` has been seen or it ends.
    std::string read_until(uint32_t port, std::string const& text);

private:
    int serve_guest(std::map<uint32_t, UniqueFd> guest_ports, UniqueFd control);

    std::filesystem::path tree_;
    KrunConfig config_;
    std::map<uint32_t, UniqueFd> ports_;
    UniqueFd control_;
    pid_t init_ = -1;
    std::string output_;
    std::string error_output_;
    std::string failure_text_;
};

}  // namespace krun::init
