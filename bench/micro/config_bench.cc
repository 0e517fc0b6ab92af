// SPDX-License-Identifier: Apache-2.0
// The way of podman's config.json, its seccomp profile above all, to what the guest gets.
#include <benchmark/benchmark.h>

#include "base/fd.h"
#include "config-gen/from_oci.h"
#include "config-gen/write.h"
#include "oci/load.h"

namespace krun {
namespace {

std::string podmans_config() {
    return read_file(KRUN_SOURCE_DIR "/tests/golden/config-gen/podman.config.json", oci::kMaxConfigBytes)
        .value();
}

void parse_config(benchmark::State& state) {
    auto const text = podmans_config();
    for (auto _ : state) {
        auto const spec = oci::parse_config(text);
        benchmark::DoNotOptimize(&spec);
    }
    state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}
BENCHMARK(parse_config)->Unit(benchmark::kMicrosecond);

void translate_and_compile_seccomp(benchmark::State& state) {
    auto const spec = oci::parse_config(podmans_config()).value();
    for (auto _ : state) {
        auto const plan = from_oci(spec);
        benchmark::DoNotOptimize(&plan);
    }
}
BENCHMARK(translate_and_compile_seccomp)->Unit(benchmark::kMicrosecond);

void write_config(benchmark::State& state) {
    auto const plan = from_oci(oci::parse_config(podmans_config()).value()).value();
    for (auto _ : state) benchmark::DoNotOptimize(write_krun_config(plan.config).size());
}
BENCHMARK(write_config)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace krun
