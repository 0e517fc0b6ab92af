// SPDX-License-Identifier: Apache-2.0
// The categories: each runs in an empty directory of its own, which is removed afterwards.
#pragma once

namespace posix {

enum class Passes {
    kRoot,
    kBoth
};  // by root alone, which acts as others by itself; or by root and by a user

struct Category {
    char const* name;
    void (*run)();
    Passes passes;
};

void path_category();        // each call on an object of each type
void rename_category();      // each type over each type, with each flag
void open_category();        // flags of open(2)
void name_category();        // lengths, odd bytes, deep paths
void permission_category();  // who may do what, by mode bits
void sticky_category();      // directories in which only owners may remove
void setgid_category();      // directories that give their group
void privilege_category();   // setuid, setgid and file capabilities, and what ends them
void owner_category();       // chown(2) and chmod(2) by whom
void time_category();        // which calls change which times
void size_category();        // truncation, reading and writing at the edges
void hole_category();        // fallocate(2), SEEK_DATA, copy_file_range(2)
void append_category();
void direct_category();
void map_category();
void xattr_category();
void acl_category();
void lock_category();
void orphan_category();   // files that lose their names while they are open
void tmpfile_category();  // files that never had one
void list_category();     // directories: large ones, and such that change meanwhile
void special_category();  // fifos, sockets and devices

}  // namespace posix
