// SPDX-License-Identifier: Apache-2.0
#include "vmm/thread.h"

#include <csignal>

namespace krun::vmm {
namespace {

void* run_body(void* argument) {
    std::unique_ptr<std::function<void()>> const body(static_cast<std::function<void()>*>(argument));
    (*body)();
    return nullptr;
}

}  // namespace

Result<Thread> Thread::start(std::string const& name, std::function<void()> body) {
    auto owned = std::make_unique<std::function<void()>>(std::move(body));
    // A new thread inherits the mask. The main loop's signals must not land here.
    sigset_t all, old;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_t handle = 0;
    int const error = ::pthread_create(&handle, nullptr, run_body, owned.get());
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    if (error != 0) return fail(Error(Errc::kSystem, "start thread " + name, error));
    (void)owned.release();  // run_body has it
    ::pthread_setname_np(handle, name.substr(0, 15).c_str());
    return Thread(handle);
}

void Thread::join() {
    if (handle_ != 0) ::pthread_join(std::exchange(handle_, 0), nullptr);
}

}  // namespace krun::vmm
