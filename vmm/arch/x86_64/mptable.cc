// SPDX-License-Identifier: Apache-2.0
// The MultiProcessor Specification 1.4 table: how a kernel without ACPI learns of CPUs and the IOAPIC.
#include <array>
#include <cstring>
#include <numeric>

#include "base/bytes.h"
#include "vmm/arch/x86_64/setup.h"
#include "vmm/memory/layout.h"

namespace krun::vmm::x86_64 {
namespace {

// MP 1.4 §4.1
struct FloatingPointer {
    std::array<char, 4> signature;
    uint32_t table;
    uint8_t length;  // in 16 bytes
    uint8_t revision;
    uint8_t checksum;
    std::array<uint8_t, 5> features;  // all 0: a configuration table follows
};
static_assert(sizeof(FloatingPointer) == 16);

// MP 1.4 §4.2
struct Header {
    std::array<char, 4> signature;
    uint16_t base_length;
    uint8_t revision;
    uint8_t checksum;
    std::array<char, 8> oem;
    std::array<char, 12> product;
    uint32_t oem_table;
    uint16_t oem_length;
    uint16_t entries;
    uint32_t local_apic;
    uint32_t extended;
};
static_assert(sizeof(Header) == 44);

// MP 1.4 §4.3.1 to §4.3.5
struct Processor {
    uint8_t type, apic_id, apic_version, flags;
    uint32_t signature, features;
    std::array<uint32_t, 2> reserved;
};
static_assert(sizeof(Processor) == 20);
struct BusEntry {
    uint8_t type, id;
    std::array<char, 6> name;
};
static_assert(sizeof(BusEntry) == 8);
struct IoApicEntry {
    uint8_t type, id, version, flags;
    uint32_t address;
};
static_assert(sizeof(IoApicEntry) == 8);
struct InterruptEntry {
    uint8_t type, kind;
    uint16_t flags;
    uint8_t source_bus, source_irq, target_apic, target_pin;
};
static_assert(sizeof(InterruptEntry) == 8);

constexpr uint8_t kProcessorType = 0, kBusType = 1, kIoApicType = 2, kIoInterruptType = 3,
                  kLocalInterruptType = 4;
constexpr uint8_t kVectored = 0, kNmi = 1, kExtInt = 3;
constexpr uint8_t kEnabled = 1, kBootProcessor = 2;
constexpr uint16_t kActiveHighEdge = 0x1 | 0x1 << 2;
constexpr uint8_t kApicVersion = 0x14, kIoApicVersion = 0x11;
constexpr uint8_t kAllLocalApics = 0xff;
constexpr uint32_t kFpuAndApic = 1u << 0 | 1u << 9;  // feature flags as in CPUID 1 EDX

// What makes all bytes of a table add up to 0.
uint8_t checksum(std::span<std::byte const> bytes) {
    uint8_t sum = 0;
    for (auto const b : bytes) sum = static_cast<uint8_t>(sum + static_cast<uint8_t>(b));
    return static_cast<uint8_t>(-sum);
}

class Table {
public:
    template <class Entry>
    void add(Entry const& entry) {
        out_.put(entry);
        ++count_;
    }
    std::vector<std::byte> take() && {
        auto const entries = std::move(out_).take();
        Header h{};
        h.signature = {'P', 'C', 'M', 'P'};
        h.base_length = static_cast<uint16_t>(sizeof h + entries.size());
        h.revision = 4;
        h.oem = {'K', 'R', 'U', 'N', '-', 'O', 'C', 'I'};
        h.product = {'m', 'i', 'c', 'r', 'o', 'V', 'M', ' ', ' ', ' ', ' ', ' '};
        h.entries = count_;
        h.local_apic = static_cast<uint32_t>(layout::kLocalApic);
        auto all = ByteWriter().put(h).put_bytes(entries);
        auto bytes = std::move(all).take();
        bytes[offsetof(Header, checksum)] = std::byte{checksum(bytes)};
        return bytes;
    }

private:
    ByteWriter out_;
    uint16_t count_ = 0;
};

std::vector<std::byte> configuration(uint32_t vcpus, uint32_t devices) {
    Table table;
    for (uint32_t id = 0; id < vcpus; ++id) {
        uint8_t const flags = id == 0 ? kEnabled | kBootProcessor : kEnabled;
        table.add(
            Processor{kProcessorType, static_cast<uint8_t>(id), kApicVersion, flags, 0x600, kFpuAndApic, {}});
    }
    auto const io_apic = static_cast<uint8_t>(vcpus);  // ids of local and I/O APICs share one space
    table.add(BusEntry{kBusType, 0, {'I', 'S', 'A', ' ', ' ', ' '}});
    table.add(
        IoApicEntry{kIoApicType, io_apic, kIoApicVersion, kEnabled, static_cast<uint32_t>(layout::kIoApic)});
    auto const add_pin = [&](uint32_t number) {
        auto const pin = static_cast<uint8_t>(number);
        table.add(InterruptEntry{kIoInterruptType, kVectored, kActiveHighEdge, 0, pin, io_apic, pin});
    };
    add_pin(layout::kTimerPin);
    for (uint32_t i = 0; i < devices; ++i) add_pin(layout::kFirstDevicePin + i);
    table.add(InterruptEntry{kLocalInterruptType, kExtInt, 0, 0, 0, kAllLocalApics, 0});
    table.add(InterruptEntry{kLocalInterruptType, kNmi, 0, 0, 0, kAllLocalApics, 1});
    return std::move(table).take();
}

}  // namespace

Result<void> write_mp_table(GuestMemory const& ram, uint32_t vcpus, uint32_t devices) {
    FloatingPointer pointer{};
    pointer.signature = {'_', 'M', 'P', '_'};
    pointer.table = static_cast<uint32_t>(raw(layout::kMpTable) + sizeof pointer);
    pointer.length = 1;
    pointer.revision = 4;
    pointer.checksum = checksum(std::as_bytes(std::span(&pointer, 1)));
    auto all = ByteWriter().put(pointer).put_bytes(configuration(vcpus, devices));
    auto const bytes = std::move(all).take();
    auto const slice = ram.slice(layout::kMpTable, bytes.size());
    if (!slice.ok() || !slice.value().write_bytes(0, bytes).ok())
        return fail(Error(Errc::kInternal, "no RAM for the MP table"));
    return {};
}

}  // namespace krun::vmm::x86_64
