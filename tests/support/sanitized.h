// SPDX-License-Identifier: Apache-2.0
// Whether this build has a sanitizer, whose own system calls no seccomp filter of ours knows.
#pragma once

namespace krun::test {

#if defined(__SANITIZE_THREAD__)
#define KRUN_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KRUN_THREAD_SANITIZER 1
#endif
#endif

#ifdef KRUN_THREAD_SANITIZER
// It has a thread of its own in each process, in which every signal is open.
inline constexpr bool kThreadSanitized = true;
#else
inline constexpr bool kThreadSanitized = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = kThreadSanitized;
#endif
#else
inline constexpr bool kSanitized = kThreadSanitized;
#endif

}  // namespace krun::test
