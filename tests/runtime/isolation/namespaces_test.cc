// SPDX-License-Identifier: Apache-2.0
#include "runtime/isolation/namespaces.h"

#include <gtest/gtest.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace krun::runtime {
namespace {

constexpr int kNoPrivilege = 77;

utsname names() {
    utsname out{};
    ::uname(&out);
    return out;
}

// What a process that enters the namespaces of `spec` is called.
void expect_names(oci::Spec const& spec, std::string const& host, std::string const& domain) {
    pid_t const pid = ::fork();
    if (pid == 0) {
        auto const plan = plan_namespaces(spec);
        if (!plan.ok()) ::_exit(1);
        auto const entered = enter_namespaces(plan.value());
        if (!entered.ok()) ::_exit(entered.error().sys_errno() == EPERM ? kNoPrivilege : 1);
        auto const now = names();
        ::_exit(now.nodename == host && now.domainname == domain ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNoPrivilege) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
    EXPECT_EQ(status, 0);
}

TEST(Namespaces, NewUtsNamespaceHasTheSpecsNames) {
    oci::Spec spec;
    spec.linux.namespaces = {{.type = "uts", .path = ""}};
    spec.hostname = "box";
    spec.domainname = "example.org";
    auto const before = names();
    expect_names(spec, "box", "example.org");
    EXPECT_STREQ(names().nodename, before.nodename);
    spec.domainname = "";
    expect_names(spec, "box", before.domainname);
}

TEST(Namespaces, NamesOfAnotherUtsNamespaceStay) {
    auto const before = names();
    oci::Spec spec;
    spec.hostname = "box";
    expect_names(spec, before.nodename, before.domainname);
    spec.linux.namespaces = {{.type = "uts", .path = "/proc/self/ns/uts"}};
    expect_names(spec, before.nodename, before.domainname);
}

}  // namespace
}  // namespace krun::runtime
