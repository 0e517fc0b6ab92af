// SPDX-License-Identifier: Apache-2.0
// The op table is complete: an opcode without a row, or with two, would be answered by accident.
#include "fs/op_table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/support/golden.h"

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

// docs/virtio-fs.md has the rows between two marks; UPDATE_GOLDEN=1 writes them.
TEST(OpTable, IsInTheDocumentation) {
    std::string const page = test::read_source_file("docs/virtio-fs.md");
    std::string const begin = "<!-- operations -->\n", end = "<!-- end -->\n";
    auto const from = page.find(begin), to = page.find(end);
    ASSERT_TRUE(from != page.npos && to != page.npos);
    test::expect_golden("docs/virtio-fs.md", page.substr(0, from) + begin + op_page() + page.substr(to));
}

}  // namespace krun::fs
