// SPDX-License-Identifier: Apache-2.0
// The op table is complete: an opcode without a row, or with two, would be answered by accident.
#include "fs/op_table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace krun::fs {

TEST(OpTable, EachOpcodeHasExactlyOneRow) {
    std::multiset<uint32_t> rows;
    for (auto const& op : ops()) rows.insert(static_cast<uint32_t>(op.opcode));
    for (auto const opcode : abi::kOpcodes)
        EXPECT_EQ(rows.count(static_cast<uint32_t>(opcode)), 1u) << static_cast<uint32_t>(opcode);
    EXPECT_EQ(rows.size(), std::size(abi::kOpcodes));
}

TEST(OpTable, RowsAreFoundByOpcode) {
    for (auto const& op : ops()) EXPECT_EQ(find_op(op.opcode), &op) << op.name;
}

TEST(OpTable, UnknownOpcodesAreNotFound) {
    for (uint32_t const opcode : {0u, 7u, 19u, 53u, 4096u, 0xffffffffu})
        EXPECT_EQ(find_op(static_cast<abi::Opcode>(opcode)), nullptr) << opcode;
}

// What a mount flag in the guest must not be trusted with: the list is written out here a second time, so
// that a row changed to kNo by mistake is noticed.
TEST(OpTable, EveryOpThatCanWriteSaysSo) {
    std::set<std::string> const expected = {
        "SETATTR", "SYMLINK",   "MKNOD",           "MKDIR",        "UNLINK",   "RMDIR",       "RENAME",
        "LINK",    "OPEN",      "WRITE",           "CREATE",       "SETXATTR", "REMOVEXATTR", "TMPFILE",
        "RENAME2", "FALLOCATE", "COPY_FILE_RANGE", "SETUPMAPPING", "IOCTL"};
    std::set<std::string> writing;
    for (auto const& op : ops())
        if (op.writes != Writes::kNo) writing.insert(op.name);
    EXPECT_EQ(writing, expected);
}

}  // namespace krun::fs
