// SPDX-License-Identifier: Apache-2.0
// Runs init's agent with a real payload on this machine: in namespaces of its own, with local sockets where a
// guest has vsock ones. The test is the host.
#pragma once
#include <sys/types.h>

#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "config-gen/control_protocol.h"
#include "config-gen/exec_config.h"
#include "config-gen/krun_config.h"

namespace krun::init {

inline constexpr uint32_t kStdin = 0;
inline constexpr uint32_t kStdout = 1;
inline constexpr uint32_t kStderr = 2;
inline constexpr uint32_t kTerminal = 0;

struct HostFrame {
    control::FrameType type{};
    std::vector<std::byte> body;
    uint32_t process = 0;

    std::string text() const;  // of a kFailed or kNotify
    // Of a kExited: 128 + signal or the code; -1 if it is something else.
    int status() const;
    uint32_t open_streams() const;
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
    void launch_unconnected();  // without the payload's streams
    // Waits for the next frame; its type 0 means that init has gone.
    HostFrame next_frame();
    // launch(), hello, ready, start, started.
    void run_to_start();
    // Waits for a frame about `process`; those about others are kept for later calls.
    HostFrame next_frame_of(uint32_t process);
    void send(control::FrameType type, std::vector<std::byte> body = {}, uint32_t process = 0);
    void signal(uint32_t signo, uint32_t process = 0);
    void signal_all(uint32_t signo);
    // Reads the payload's output to its end, then the exit frame. Returns 128 + signal or the code; -1 if the
    // end was not reported.
    int finish();
    // run_to_start() and finish() with nothing on standard input; returns the exit code.
    int run();
    // Closes the control connection and waits for init: its exit code, -1 if it hangs.
    static constexpr int kHostLost = 42;
    int lose_host();
    // Init does nothing meanwhile.
    void hold_for_ms(unsigned ms) const;
    std::string failure_text() const { return failure_text_; }

    std::string const& output() const { return output_; }
    std::string const& error_output() const { return error_output_; }
    // The host's end of a stream; closing it is the host's close.
    UniqueFd& port(uint32_t stream, uint32_t process = 0);
    // Reads from a stream until `text` has been seen or it ends.
    std::string read_until(uint32_t stream, std::string const& text, uint32_t process = 0);

    // One more process of the container: /bin/probe with `commands`, as the payload is.
    ExecConfig probe_to_execute(std::vector<std::string> commands) const;
    void execute(uint32_t process, ExecConfig const& config);
    void send_exec(uint32_t process, ExecConfig const& config);
    static std::vector<std::byte> exec_body(ExecConfig const& config);
    void connect_streams(uint32_t process, guest::Process const& wanted);
    void connect_stream(uint32_t process, uint32_t stream);
    // A second connection for a stream whose first one is still there; and one that has no port of the
    // host's.
    void connect_again(uint32_t process, uint32_t stream);
    UniqueFd connect_as_stranger();

private:
    std::string name_of(std::string const& port) const;
    UniqueFd connect_as(UniqueFd socket);
    HostFrame read_frame();
    int serve_guest(UniqueFd listener, UniqueFd control);

    int instance_;
    std::filesystem::path tree_;
    KrunConfig config_;
    std::map<uint32_t, UniqueFd> ports_;
    UniqueFd control_;
    UniqueFd listener_;
    std::deque<HostFrame> kept_;
    pid_t init_ = -1;
    std::string output_;
    std::string error_output_;
    std::string failure_text_;
};

}  // namespace krun::init
