// SPDX-License-Identifier: Apache-2.0
#include "runtime/state/removal.h"

#include <signal.h>
#include <unistd.h>

#include <optional>

#include "runtime/cgroup/cgroup_removal.h"
#include "runtime/cgroup/freezer.h"
#include "runtime/control/control_peer.h"
#include "runtime/network/setup.h"
#include "runtime/state/container.h"
#include "runtime/state/hooks.h"
#include "runtime/state/state_json.h"

namespace krun::runtime {
namespace {

// A killed process with gigabytes of guest memory needs some time to give it back.
constexpr int kEndTimeoutMs = 10'000;

// It is in `cgroup`, if in any of ours.
Result<void> end_process(BorrowedFd process, Cgroup const& cgroup) {
    TRY(send_signal(process, SIGKILL));
    if (is_frozen(cgroup)) TRY(thaw(cgroup));  // in cgroup v1 the frozen cannot die
    if (!TRY(wait_for_end(process, kEndTimeoutMs)))
        return fail(Error(Errc::kBadState, "the container process does not end"));
    return {};
}

// Ends the processes of a container whose record names them. First a create command that is still at it, so
// that it starts nothing more; unless it is us, undoing.
Result<void> end_recorded(StateDir const& dir, Record const& record) {
    if (record.creator.pid != ::getpid())
        if (auto const creator = open_process(record.creator)) TRY(end_process(creator->borrow(), Cgroup()));
    if (auto const container = open_process(record.container))
        TRY(end_process(container->borrow(), Cgroup(record.cgroups)));
    if (auto const peer = open_control_peer(dir.fd()))
        TRY(end_process(peer->pidfd.borrow(), Cgroup(record.cgroups)));
    return {};
}

// What a living process is in, where that is the container's by its name: engines give theirs the id. Any
// other may be that of a session with many processes (--cgroup-manager disabled).
Cgroup own_cgroup_of(pid_t pid, std::string const& id) {
    auto out = cgroup_of(pid).directories();
    std::erase_if(out, [&](auto const& place) {
        return place.second.find(id, place.second.rfind('/')) == std::string::npos;
    });
    return Cgroup(std::move(out));
}

// Ends the process that listens on the control socket, the only trace of a container without a record.
// Returns the cgroup it was in; of one that has ended already, the one place left to look: where containers
// go whose config.json names no cgroup.
Result<Cgroup> end_unrecorded(StateDir const& dir) {
    auto const peer = open_control_peer(dir.fd());
    if (!peer) return cgroup_for(oci::Spec{}, dir.id());
    auto cgroup = own_cgroup_of(peer->pid, dir.id());
    TRY(end_process(peer->pidfd.borrow(), cgroup));
    return cgroup;
}

Result<void> remove_locked(Store const& store, StateDir const& dir, StateLock const& lock,
                           Record const* record) {
    if (record != nullptr) {
        TRY(end_recorded(dir, *record));
        give_back_network(record->network_namespace);
        Cgroup const cgroup(record->cgroups);
        TRY(record->systemd_unit.empty() ? remove_cgroup(cgroup) : end_scope_cgroup(cgroup));
    } else {
        auto const cgroup = TRY(end_unrecorded(dir));
        TRY(remove_cgroup(cgroup));
    }
    TRY(store.remove(dir, lock));
    if (record != nullptr)
        ignore(run_hooks("poststop", record->hooks.poststop, state_json(*record, State::kStopped),
                         record->bundle),
               "runtime-spec runtime.md#lifecycle: a poststop hook's failure changes nothing");
    return {};
}

// The record, or nothing where force makes do without one.
Result<std::optional<Record>> record_for_removal(StateDir const& dir, Force force) {
    auto record = dir.load();
    if (record.ok()) return std::optional(std::move(record).value());
    if (force == Force::kNo) return fail(std::move(record).error());
    return std::optional<Record>();
}

}  // namespace

Result<void> delete_container(Store const& store, std::string const& id, Force force) {
    auto const gone = [&](auto const& result) {
        return !result.ok() && result.error().code() == Errc::kNotFound && force == Force::kYes;
    };
    auto found = store.find(id);
    if (gone(found)) return {};
    StateDir const dir = TRY(std::move(found));
    auto locked = dir.lock();
    if (gone(locked)) return {};
    StateLock const lock = TRY(std::move(locked));
    auto const record = TRY(record_for_removal(dir, force));
    if (force == Force::kNo) TRY(apply(Op::kDelete, observe(*record), id));
    return remove_locked(store, dir, lock, record ? &*record : nullptr);
}

Result<void> remove_container(Store const& store, StateDir const& dir, Record const& record) {
    auto const lock = TRY(dir.lock());
    return remove_locked(store, dir, lock, &record);
}

}  // namespace krun::runtime
