// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/creation_report.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

namespace krun::runtime {
namespace {

class CreationReportTest : public ::testing::Test {
protected:
    std::pair<UniqueFd, UniqueFd> sockets_ = make_socketpair(SOCK_SEQPACKET).value();
    UniqueFd& creator_ = sockets_.first;
    UniqueFd& process_ = sockets_.second;
};

TEST_F(CreationReportTest, ReadyCarriesDuplicatesOfTheVmsDescriptors) {
    auto [read_end, write_end] = make_pipe().value();
    send_creation_report(process_.borrow(), {},
                         std::array{read_end.borrow().raw(), write_end.borrow().raw()});
    write_end.reset();
    auto const vm = receive_creation_report(creator_.borrow());
    ASSERT_TRUE(vm.ok());
    ASSERT_EQ(vm.value().size(), 2u);
    EXPECT_EQ(::write(vm.value()[1].borrow().raw(), "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(read_end.borrow().raw(), &byte, 1), 1);
    EXPECT_EQ(::fcntl(vm.value()[0].borrow().raw(), F_GETFD), FD_CLOEXEC);
}

TEST_F(CreationReportTest, AsManyDescriptorsAsTheLargestMachineHasComeThrough) {
    std::vector<int> const many(65, process_.borrow().raw());
    send_creation_report(process_.borrow(), {}, many);
    auto const vm = receive_creation_report(creator_.borrow());
    ASSERT_TRUE(vm.ok());
    EXPECT_EQ(vm.value().size(), many.size());
}

TEST_F(CreationReportTest, FailureCarriesItsText) {
    send_creation_report(process_.borrow(), fail(Error(Errc::kInvalidConfig, "no such program")), {});
    auto const vm = receive_creation_report(creator_.borrow());
    ASSERT_FALSE(vm.ok());
    EXPECT_EQ(vm.error().code(), Errc::kInvalidConfig);
    EXPECT_NE(vm.error().message().find("no such program"), std::string::npos);
}

TEST_F(CreationReportTest, ProcessThatEndsInSilenceIsAnError) {
    process_.reset();
    auto const vm = receive_creation_report(creator_.borrow());
    ASSERT_FALSE(vm.ok());
    EXPECT_EQ(vm.error().code(), Errc::kInternal);
}

TEST_F(CreationReportTest, CreatorThatHasGoneIsNobodyToTell) {
    creator_.reset();
    send_creation_report(process_.borrow(), {}, {});
}

}  // namespace
}  // namespace krun::runtime
