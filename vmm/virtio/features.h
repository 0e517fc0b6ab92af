// SPDX-License-Identifier: Apache-2.0
// Feature bits and device status bits by their names in the specification.
#pragma once
#include <cstdint>

namespace krun::vmm {

// virtio-v1.2 §6
inline constexpr uint64_t kFeatureIndirectDesc = uint64_t{1} << 28;
inline constexpr uint64_t kFeatureEventIdx = uint64_t{1} << 29;
inline constexpr uint64_t kFeatureVersion1 = uint64_t{1} << 32;
// What every device of ours offers, whatever else it can do.
inline constexpr uint64_t kTransportFeatures = kFeatureIndirectDesc | kFeatureEventIdx | kFeatureVersion1;

// virtio-v1.2 §2.1
inline constexpr uint32_t kStatusAcknowledge = 1;
inline constexpr uint32_t kStatusDriver = 2;
inline constexpr uint32_t kStatusDriverOk = 4;
inline constexpr uint32_t kStatusFeaturesOk = 8;
inline constexpr uint32_t kStatusNeedsReset = 64;
inline constexpr uint32_t kStatusFailed = 128;

}  // namespace krun::vmm
