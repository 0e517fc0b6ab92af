// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/staging.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/fd.h"
#include "base/strings.h"
#include "config-gen/image/beneath.h"

namespace krun::image {
namespace {

// {directory, last component} of a path; the directory of "name" is ".".
std::pair<std::string, std::string> split_target(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    auto const slash = path.rfind('/');
    if (slash == path.npos) return {".", path};
    return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

Error exists(Where where = Where::current()) {
    return Error(Errc::kBadState, "exists and is not an empty directory", 0, where);
}

Result<void> expect_free(BorrowedFd parent, std::string const& name) {
    auto const found = open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!found.ok()) return found.error().sys_errno() == ENOENT ? Result<void>() : fail(exists());
    return TRY(list_directory(found.value().borrow()))
    .empty() ? Result<void>() : fail(exists());
}

}  // namespace

Result<Staging> Staging::make(std::string const& target) {
    auto const [parent_path, name] = split_target(target);
    if (name.empty() || name == "." || name == "..")
        return fail(Error(Errc::kInvalidConfig, "must name a directory to be made"));
    UniqueFd parent = TRY(open_path(parent_path, O_RDONLY | O_DIRECTORY));
    TRY(expect_free(parent.borrow(), name));
    std::string made = parent_path + "/.krun-unpack-XXXXXX";
    if (::mkdtemp(made.data()) == nullptr)
        return fail(Error::sys("make a directory in " + quoted(parent_path)));
    Staging out(std::move(parent), made.substr(made.rfind('/') + 1));
    out.target_ = name;
    out.directory_ = TRY(open_at(out.parent_.borrow(), out.name_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    return out;
}

Staging::~Staging() {
    if (parent_.valid()) ignore(remove_tree(parent_.borrow(), name_), "on an error's way out");
}

Result<void> Staging::publish() {
    int const parent = parent_.borrow().raw();
    if (::renameat(parent, name_.c_str(), parent, target_.c_str()) == 0) {
        parent_.reset();
        return {};
    }
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) return fail(exists());
    return fail(Error::sys("rename"));
}

}  // namespace krun::image
