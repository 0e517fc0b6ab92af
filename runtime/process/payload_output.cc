// SPDX-License-Identifier: Apache-2.0
#include "runtime/process/payload_output.h"

namespace krun::runtime {

void PayloadOutput::keep(std::vector<OpenStream> streams) {
    for (auto& stream : streams)
        if (stream.output) streams_.push_back(std::move(stream));
}

Result<void> PayloadOutput::watch() {
    for (auto const& stream : streams_)
        TRY(loop_.add(stream.over.borrow(), EPOLLIN,
                      [this, number = stream.number](uint32_t) { over(number); }));
    return {};
}

void PayloadOutput::over(uint32_t number) {
    std::erase_if(streams_, [&](OpenStream const& stream) {
        if (stream.number == number) loop_.remove(stream.over.borrow());
        return stream.number == number;
    });
    delivered_();
}

}  // namespace krun::runtime
