// SPDX-License-Identifier: Apache-2.0
#include "vmm/thread.h"

#include <csignal>

namespace krun::vmm {
namespace {

struct Start {
    std::string name;
    std::function<void()> body;
};

void* run_body(void* argument) {
    std::unique_ptr<Start> const start(static_cast<Start*>(argument));
    // From inside, where it is a prctl; from outside it would need a /proc.
    ::pthread_setname_np(::pthread_self(), start->name.substr(0, 15).c_str());
    start->body();
    return nullptr;
}

}  // namespace

Result<Thread> Thread::start(std::string const& name, std::function<void()> body) {
    auto owned = std::make_unique<Start>(Start{name, std::move(body)});
    // A new thread inherits the mask. The main loop's signals must not land here.
    sigset_t all, old;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_t handle = 0;
    int const error = ::pthread_create(&handle, nullptr, run_body, owned.get());
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    if (error != 0) return fail(Error(Errc::kSystem, "start thread " + name, error));
    (void)owned.release();  // run_body has it
    return Thread(handle);
}

void Thread::join() {
    if (handle_ != 0) ::pthread_join(std::exchange(handle_, 0), nullptr);
}

}  // namespace krun::vmm
