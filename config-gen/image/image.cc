// SPDX-License-Identifier: Apache-2.0
#include "config-gen/image/image.h"

#include "base/strings.h"

namespace krun::image {

namespace {

Result<void> finish(Verifier& verifier, Promise const& promise) {
    if (verifier.bytes() == promise.size_bytes) return verifier.finish();
    return fail(Error(Errc::kInvalidConfig, promise.digest.text() + ": content is not of " +
                                                std::to_string(promise.size_bytes) + " bytes"));
}

}  // namespace

Result<void> verify(ByteSource& source, Promise const& promise) {
    Verifier verifier(promise.digest);
    while (verifier.bytes() <= promise.size_bytes) {  // what is longer is not read to its end
        auto const bytes = TRY(source.next());
        if (bytes.empty()) break;
        verifier.add(bytes);
    }
    return finish(verifier, promise);
}

Result<void> verify(std::string_view text, Promise const& promise) {
    Verifier verifier(promise.digest);
    verifier.add(std::as_bytes(std::span(text)));
    return finish(verifier, promise);
}

}  // namespace krun::image
