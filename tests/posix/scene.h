// SPDX-License-Identifier: Apache-2.0
// What a category of the suite works with: objects of each type under names of their own in an empty
// directory, somebody to act as, and a way to say what was observed. Nothing here judges: the same program
// runs on several file systems, and compare.py looks for differences. So an observation holds no inode
// number, no time and no place.
#pragma once
#include <sys/types.h>

#include <initializer_list>
#include <span>
#include <string>
#include <vector>

namespace posix {

inline constexpr uid_t kUser = 1234;
inline constexpr gid_t kUserGroup = 5678;
inline constexpr uid_t kOther = 1235;
inline constexpr gid_t kOtherGroup = 5679;

// One line: who/category/name, and what was seen.
void observe(std::string const& name, std::string const& value);
// The same of several things, with blanks between; they are done in this order, which operands of + are not.
void observe(std::string const& name, std::initializer_list<std::string> values);
// What stands before each name from now on.
void observe_as(std::string const& prefix);

// "ok" for a result of zero or more, else the name of errno.
std::string outcome(long result);
// The same, with the number itself.
std::string count(long result);
// outcome() of open(2), whose descriptor is closed.
std::string opened(int fd);
// What lstat(2) says of `path`: type, mode, links, owner, size, as far as every file system must agree.
std::string seen(std::string const& path);
// The same of fstat(2).
std::string seen(int fd);
// A file's bytes with runs shortened: "aaab" is "3a1b", and a NUL is shown as '0'.
std::string content(std::string const& path);
std::string content(int fd);
std::string octal(unsigned mode);

enum class Type { kNone, kFile, kDir, kFullDir, kLink, kDirLink, kDangling, kLoop, kFifo, kSocket };
struct Kind {
    Type type;
    char const* name;
};
// Each type, with its name.
std::span<Kind const> kinds();
// A name nobody had before; there is nothing under it.
std::string fresh_name();
// A new object of that type, with mode 0644 or 0755, that belongs to who acts.
std::string fresh(Type type);
void write_file(std::string const& path, std::string const& text, mode_t mode = 0644);

// Who acts: within this scope somebody else, by the effective ids (and so the file system's).
class As {
public:
    As(uid_t uid, gid_t gid, std::vector<gid_t> groups = {});
    As(As const&) = delete;
    As& operator=(As const&) = delete;
    ~As();

private:
    uid_t const uid_;
    gid_t const gid_;
    std::vector<gid_t> groups_;
};

// Whether to do this one of a table's many cases: each, unless choose_one_in() said less.
bool chosen();
void choose_one_in(unsigned count);

// Whether this is the pass of the user without privileges.
bool unprivileged();

}  // namespace posix
