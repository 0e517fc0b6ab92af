// SPDX-License-Identifier: Apache-2.0
// What the host's kernel takes for each kind of operation, without a server (bench/driver/alone.h), on the
// tree that make_tree() has made. An operation is what Workload's is.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

namespace krun::bench {

using Alone = std::function<void(uint64_t count)>;

Alone stats_by_name(std::string const& tree);
Alone stats_of_names_that_are_not_there(std::string const& tree);
Alone stats_of_open_files(std::string const& tree);
Alone opens_and_closes(std::string const& tree);
// With what the kernel says about the new file, as a reply needs that.
Alone creates_and_unlinks(std::string const& tree);
// In pieces of a page, as a guest asks for them.
Alone lists(std::string const& tree);
Alone lists_with_stats(std::string const& tree);
template <uint32_t kBytes>
Alone reads_data(std::string const& tree);
template <uint32_t kBytes>
Alone writes_data(std::string const& tree);

}  // namespace krun::bench
