// SPDX-License-Identifier: Apache-2.0
#include "vmm/thread.h"

#include <csignal>

#include "base/check.h"
#include "base/signal_mask.h"

namespace krun::vmm {
namespace {

struct Start {
    std::string name;
    std::function<void()> body;
    SharedFilter filter;
};

void* run_body(void* argument) {
    std::unique_ptr<Start> const start(static_cast<Start*>(argument));
    // From inside, where it is a prctl; from outside it would need a /proc.
    block_all_signals();  // pthread_create leaves one of glibc's own open
    ::pthread_setname_np(::pthread_self(), start->name.substr(0, 15).c_str());
    // make() has tried that there are filters; what is left to fail is a bug or a host out of memory.
    if (start->filter) KRUN_CHECK(start->filter->install().ok(), "a thread cannot be confined");
    start->body();
    return nullptr;
}

}  // namespace

Result<Thread> Thread::start(std::string const& name, std::function<void()> body, SharedFilter filter) {
    auto owned = std::make_unique<Start>(Start{name, std::move(body), std::move(filter)});
    // A new thread inherits the mask. The main loop's signals must not land here.
    SignalsBlocked const blocked;
    pthread_t handle = 0;
    int const error = ::pthread_create(&handle, nullptr, run_body, owned.get());
    if (error != 0) return fail(Error(Errc::kSystem, "start thread " + name, error));
    (void)owned.release();  // run_body has it
    return Thread(handle);
}

void Thread::join() {
    if (handle_ != 0) ::pthread_join(std::exchange(handle_, 0), nullptr);
}

}  // namespace krun::vmm
