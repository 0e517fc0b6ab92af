// SPDX-License-Identifier: Apache-2.0
#include "base/event_loop.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include "base/fd.h"

namespace krun {
namespace {

UniqueFd ready_event() {
    UniqueFd fd = make_eventfd().value();
    ::eventfd_write(fd.borrow().raw(), 1);
    return fd;
}

TEST(EventLoop, ReadyDescriptorRunsItsHandlerWithTheEvents) {
    auto loop = EventLoop::make().value();
    UniqueFd const event = ready_event();
    uint32_t seen = 0;
    ASSERT_TRUE(loop.add(event.borrow(), EPOLLIN, [&](uint32_t what) { seen = what; }).ok());
    ASSERT_TRUE(loop.run_once(1000).ok());
    EXPECT_EQ(seen, uint32_t{EPOLLIN});
}

TEST(EventLoop, HandlerThatRemovesAnotherKeepsItFromRunning) {
    auto loop = EventLoop::make().value();
    UniqueFd const a = ready_event();
    UniqueFd const b = ready_event();
    int runs = 0;
    auto const only_one = [&](uint32_t) {
        ++runs;
        loop.remove(a.borrow());
        loop.remove(b.borrow());
    };
    ASSERT_TRUE(loop.add(a.borrow(), EPOLLIN, only_one).ok());
    ASSERT_TRUE(loop.add(b.borrow(), EPOLLIN, only_one).ok());
    ASSERT_TRUE(loop.run_once(1000).ok());
    EXPECT_EQ(runs, 1);
}

TEST(EventLoop, NewDescriptorUnderAnOldNumberDoesNotGetTheOldEvent) {
    auto loop = EventLoop::make().value();
    UniqueFd const trigger = ready_event();
    UniqueFd victim = ready_event();
    bool wrong = false;
    auto const replace = [&](uint32_t) {
        if (!victim.valid()) return;
        int const number = victim.borrow().raw();
        loop.remove(victim.borrow());
        victim.reset();
        UniqueFd fresh = make_eventfd().value();
        ASSERT_EQ(fresh.borrow().raw(), number) << "the kernel gives the lowest free number";
        ASSERT_TRUE(loop.add(fresh.borrow(), EPOLLIN, [&](uint32_t) { wrong = true; }).ok());
        ignore(fresh.release(), "open until the test ends");
    };
    ASSERT_TRUE(loop.add(trigger.borrow(), EPOLLIN, replace).ok());
    ASSERT_TRUE(loop.add(victim.borrow(), EPOLLIN, [](uint32_t) {}).ok());
    ASSERT_TRUE(loop.run_once(1000).ok());
    EXPECT_FALSE(wrong);
}

TEST(EventLoop, StopEndsRunAfterTheHandler) {
    auto loop = EventLoop::make().value();
    UniqueFd const event = ready_event();
    ASSERT_TRUE(loop.add(event.borrow(), EPOLLIN, [&](uint32_t) { loop.stop(); }).ok());
    EXPECT_TRUE(loop.run().ok());
}

TEST(EventLoop, RegularFileIsRefused) {
    auto loop = EventLoop::make().value();
    auto const file = make_memfd("f", 1).value();
    auto const added = loop.add(file.borrow(), EPOLLIN, [](uint32_t) {});
    ASSERT_FALSE(added.ok());
    EXPECT_EQ(added.error().sys_errno(), EPERM);
}

}  // namespace
}  // namespace krun
