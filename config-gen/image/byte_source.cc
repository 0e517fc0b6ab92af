// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/byte_source.h"

namespace krun::image {

Result<void> drain(ByteSource& source) {
    while (!TRY(source.next()).empty()) {
    }
    return {};
}

Result<std::string> read_all(ByteSource& source, size_t max_bytes) {
    std::string out;
    while (true) {
        auto const bytes = TRY(source.next());
        if (bytes.empty()) return out;
        if (bytes.size() > max_bytes - out.size())
            return fail(Error(Errc::kInvalidConfig, "larger than " + std::to_string(max_bytes) + " bytes"));
        out.append(reinterpret_cast<char const*>(bytes.data()), bytes.size());  // char may alias anything
    }
}

}  // namespace krun::image
