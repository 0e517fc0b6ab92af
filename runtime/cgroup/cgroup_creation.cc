// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup/cgroup_creation.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/scope_exit.h"
#include "base/strings.h"
#include "runtime/cgroup/cgroup_hierarchies.h"

namespace krun::runtime {
namespace {

Result<void> write_control(BorrowedFd directory, std::string const& file, std::string_view value) {
    auto const fd = TRY(open_at(directory, file, O_WRONLY | O_NOFOLLOW));
    return write_full(fd.borrow(), value);
}

Result<std::string> read_control(BorrowedFd directory, std::string const& file) {
    auto const fd = TRY(open_at(directory, file, O_RDONLY | O_NOFOLLOW));
    return read_file(fd.borrow(), 1 << 20);
}

// Controllers a container may want; whichever the parent has is handed down. A missing one is an error only
// when a limit needs its file.
Result<void> hand_down_controllers(BorrowedFd parent, BorrowedFd /*child*/) {
    for (char const* controller : {"+cpu", "+memory", "+cpuset", "+io", "+pids", "+hugetlb"})
        ignore(write_control(parent, "cgroup.subtree_control", controller),
               "the limit's own write reports it");
    return {};
}

// Nobody can be in a cgroup without a processor or memory, as it is made (cgroup-v1/cpusets.rst).
Result<void> hand_down_cpuset(BorrowedFd parent, BorrowedFd child) {
    for (char const* file : {"cpuset.cpus", "cpuset.mems"}) {
        auto const has = TRY(read_control(child, file));
        if (has != "\n") continue;
        auto const parents = TRY(read_control(parent, file));
        TRY_WITH(write_control(child, file, parents), file);
    }
    return {};
}

Result<void> hand_down_nothing(BorrowedFd /*parent*/, BorrowedFd /*child*/) {
    return {};
}

struct Inheritance {
    std::string_view controller;
    Result<void> (*hand_down)(BorrowedFd parent, BorrowedFd child);
};
constexpr Inheritance kInheritances[] = {{"", hand_down_controllers}, {"cpuset", hand_down_cpuset}};

Inheritance inheritance_of(std::string_view controller) {
    for (auto const& one : kInheritances)
        if (one.controller == controller) return one;
    return {controller, hand_down_nothing};
}

// One of a container's directories.
struct Place {
    UniqueFd directory;
    bool is_new = false;
};

Result<Place> make_place(std::string const& controller, std::string const& path) {
    auto const inheritance = inheritance_of(controller);
    auto root = TRY(open_path(kCgroupRoot, O_RDONLY | O_DIRECTORY));
    Place place{std::move(root)};
    auto const below_root = std::string_view(path).substr(std::string_view(kCgroupRoot).size() + 1);
    bool is_cgroup = inheritance.controller.empty();  // not yet, in v1: there are directories of mount points
    for (auto const part : split(below_root, '/')) {
        std::string const name(part);
        place.is_new = ::mkdirat(place.directory.borrow().raw(), name.c_str(), 0755) == 0;
        if (!place.is_new && errno != EEXIST) return fail(Error::sys("create cgroup " + name));
        auto child = TRY(open_at(place.directory.borrow(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        if (is_cgroup)
            TRY_WITH(inheritance.hand_down(place.directory.borrow(), child.borrow()),
                     "create cgroup " + name);
        is_cgroup = true;
        place.directory = std::move(child);
    }
    return place;
}

// Directories that go again unless all is well.
class NewPlaces {
public:
    ~NewPlaces() {
        for (auto const& path : paths_) ::rmdir(path.c_str());
    }
    void add(std::string path) { paths_.push_back(std::move(path)); }
    void keep() { paths_.clear(); }

private:
    std::vector<std::string> paths_;
};

Result<void> add_entry(std::string const& controller, UniqueFd directory, CgroupEntry& entry) {
    if (controller.empty()) {
        entry.birthplace = std::move(directory);
        return {};
    }
    entry.lists.push_back(TRY(open_at(directory.borrow(), "cgroup.procs", O_WRONLY | O_NOFOLLOW)));
    return {};
}

Result<void> expect_empty(std::string const& path, BorrowedFd directory) {
    auto const members = TRY(read_control(directory, "cgroup.procs"));
    if (members.empty()) return {};
    return fail(Error(Errc::kBadState, "cgroup " + path + " is in use"));
}

Result<void> write_limits(Cgroup const& cgroup, oci::Spec const& spec) {
    if (!spec.linux.resources) return {};
    for (auto const& [file, value] : cgroup.version().settings(*spec.linux.resources))
        TRY_WITH(cgroup.write(file, value), "linux.resources");
    return {};
}

// Of one that exists, what somebody else has made is left as it is.
Result<Place> adopt_place(std::string const& controller, std::string const& path) {
    auto directory = open_path(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (directory.ok()) return Place{std::move(directory).value()};
    return make_place(controller, path);
}

Result<Place> create_place(std::string const& controller, std::string const& path) {
    auto place = TRY(make_place(controller, path));
    TRY(expect_empty(path, place.directory.borrow()));
    return place;
}

Result<CgroupEntry> make(Cgroup const& cgroup, oci::Spec const& spec, decltype(create_place) make_one) {
    CgroupEntry entry;
    NewPlaces made;
    for (auto const& [controller, path] : cgroup.directories()) {
        auto place = TRY(make_one(controller, path));
        if (place.is_new) made.add(path);
        TRY(add_entry(controller, std::move(place.directory), entry));
    }
    TRY(write_limits(cgroup, spec));
    made.keep();
    return entry;
}

}  // namespace

Result<CgroupEntry> create_cgroup(Cgroup const& cgroup, oci::Spec const& spec) {
    return make(cgroup, spec, create_place);
}

Result<CgroupEntry> adopt_cgroup(Cgroup const& cgroup, oci::Spec const& spec) {
    return make(cgroup, spec, adopt_place);
}

Result<CgroupEntry> open_cgroup(Cgroup const& cgroup) {
    CgroupEntry entry;
    for (auto const& [controller, path] : cgroup.directories()) {
        auto directory = TRY(open_path(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        TRY(add_entry(controller, std::move(directory), entry));
    }
    return entry;
}

}  // namespace krun::runtime
