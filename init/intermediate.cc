// SPDX-License-Identifier: Apache-2.0
#include "init/intermediate.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <new>
#include <utility>

#include "init/raw_clone.h"

namespace krun::init {
namespace {

class SharedRecord {
public:
    static Result<SharedRecord> make() {
        void* const page =
            ::mmap(nullptr, sizeof(BirthRecord), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) return fail(Error::sys("map memory to share"));
        return SharedRecord(new (page) BirthRecord());
    }
    SharedRecord(SharedRecord&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
    SharedRecord& operator=(SharedRecord&&) = delete;
    ~SharedRecord() {
        if (record_ != nullptr) ::munmap(record_, sizeof *record_);
    }
    BirthRecord& operator*() const { return *record_; }

private:
    explicit SharedRecord(BirthRecord* record) : record_(record) {}
    BirthRecord* record_;
};

}  // namespace

Result<pid_t> clone_by_intermediate(std::function<void(BirthRecord& record)> const& main) {
    auto const record = TRY(SharedRecord::make());
    auto const clone = TRY(raw_clone(SIGCHLD, 0, {}));
    if (clone.pid == 0) {
        main(*record);
        ::_exit(1);
    }
    while (::waitpid(clone.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    if ((*record).child > 0) return (*record).child;
    return fail(Error(Errc::kSystem, "create a process in the container", (*record).error));
}

Result<void> continue_as_child(BirthRecord& record, UniqueFd const& cgroup) {
    // What the child could write, init would believe.
    if (::madvise(&record, sizeof record, MADV_DONTFORK) < 0) return fail(Error::sys("keep memory back"));
    // With CLONE_PARENT the signal at its end is the one at this process's (clone(2)).
    auto const clone = raw_clone(0, CLONE_PARENT, cgroup);
    if (!clone.ok()) {
        record.error = clone.error().sys_errno();
        return fail(Error(Errc::kSystem, "create a process in the container", record.error));
    }
    if (clone.value().pid == 0) return {};
    record.child = clone.value().pid;
    ::_exit(0);
}

}  // namespace krun::init
