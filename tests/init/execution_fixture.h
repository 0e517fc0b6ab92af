// SPDX-License-Identifier: Apache-2.0
// The start of the tests of executed processes: a container whose payload waits for SIGTERM.
#pragma once
#include <gtest/gtest.h>
#include <signal.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "container_run.h"

namespace krun::init {

class ExecutionTest : public ::testing::Test {
protected:
    void SetUp() override {
        if (auto const why = ContainerRun::why_impossible(); !why.empty()) GTEST_SKIP() << "skipped: " << why;
        run_.probe({"wait-term"});
    }
    void start_payload() {
        run_.run_to_start();
        run_.read_until(kStdout, "waiting");
    }
    // Executes `config` as `process` with nothing on standard input; its status as a shell would say it.
    int execute(uint32_t process, ExecConfig const& config) {
        run_.execute(process, config);
        EXPECT_EQ(run_.next_frame_of(process).type, control::FrameType::kStarted) << run_.failure_text();
        if (!config.process.terminal) run_.port(kStdin, process).reset();
        output_ = run_.read_until(config.process.terminal ? kTerminal : kStdout, "", process);
        end_ = run_.next_frame_of(process);
        return end_.status();
    }
    int probe(uint32_t process, std::vector<std::string> commands) {
        return execute(process, run_.probe_to_execute(std::move(commands)));
    }
    struct Refusal {
        uint32_t exit_code = 0;
        std::string text;
    };
    Refusal refusal(uint32_t process, ExecConfig const& config) {
        run_.execute(process, config);
        return next_refusal(process);
    }
    Refusal next_refusal(uint32_t process) {
        auto const frame = run_.next_frame_of(process);
        EXPECT_EQ(frame.type, control::FrameType::kFailed);
        Refusal out{0, frame.text()};
        if (frame.body.size() >= sizeof out.exit_code) std::memcpy(&out.exit_code, frame.body.data(), 4);
        return out;
    }
    void write_file(std::string const& path, std::string const& text) {
        auto const file = run_.rootfs() / path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }
    int end_payload() {
        run_.signal(SIGTERM);
        return run_.finish();
    }

    ContainerRun run_;
    std::string output_;
    HostFrame end_;
};

}  // namespace krun::init
