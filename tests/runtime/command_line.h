// SPDX-License-Identifier: Apache-2.0
// Command lines against a state directory of the test's own, with bundles whose payload is fake_vm.cc's.
#pragma once
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/cli/dispatch.h"
#include "tests/support/spec_text.h"
#include "tests/support/temp_dir.h"

namespace krun::test {

class CommandLine : public ::testing::Test {
protected:
    // Runs `krun-oci --root … --cgroup-manager disabled WORDS`.
    runtime::Ended krun(std::vector<std::string> words) const {
        words.insert(words.begin(), {"--root", root(), "--cgroup-manager", "disabled"});
        std::vector<char const*> arguments;
        for (auto const& word : words) arguments.push_back(word.c_str());
        return runtime::dispatch(arguments, nullptr);
    }
    // Creates container `id`; `args` is the JSON text of process.args.
    runtime::Ended create(std::string const& id, std::string const& args = R"(["wait"])",
                          std::string const& more = {}) const {
        SpecText spec;
        spec.process = R"("cwd":"/","args":)" + args;
        spec.more = more;
        return krun({"create", "--bundle", bundle(spec.text()), id});
    }
    // A bundle directory with this config.json.
    std::string bundle(std::string const& config) const {
        dir_.make_dir("bundle/rootfs");
        dir_.write("bundle/config.json", config);
        return dir_ / "bundle";
    }
    std::string root() const { return dir_ / "state"; }
    // The status that `state` prints, or its complaint.
    std::string status_of(std::string const& id) const {
        auto const ended = krun({"state", id});
        if (ended.status != 0) return ended.complaint;
        auto const at = ended.output.find("\"status\": \"") + 11;
        return ended.output.substr(at, ended.output.find('"', at) - at);
    }
    std::vector<std::string> left_in_root() const {
        std::vector<std::string> names;
        if (std::filesystem::exists(root()))
            for (auto const& entry : std::filesystem::directory_iterator(root()))
                names.push_back(entry.path().filename());
        return names;
    }
    // Whether a child of ours, dead or alive, is left; ends those that are.
    static bool child_left() {
        bool left = false;
        for (pid_t pid = 0; (pid = ::waitpid(-1, nullptr, WNOHANG)) >= 0; left = true)
            if (pid == 0) ::usleep(1000);
        return left;
    }

    TempDir dir_;
};

}  // namespace krun::test
