// SPDX-License-Identifier: Apache-2.0
#include "runtime/network/network_plan.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

namespace krun::runtime {
namespace {

// In the file: PlanHeader, the first records, a PlanInterface with its records for each, the last records.
struct PlanHeader {
    uint32_t interfaces;
    uint32_t first_bytes;
};
struct PlanInterface {
    std::array<uint8_t, 6> mac;
    uint16_t mtu;
    NetworkBackend backend;
    uint32_t descriptors;
    uint32_t record_bytes;
};

// With room for the records of the interfaces' plugging.
constexpr size_t kMaxPlanBytes = control::kMaxHostBodyBytes - 4096;

std::vector<std::byte> to_vector(std::span<std::byte const> bytes) {
    return {bytes.begin(), bytes.end()};
}

Error broken_plan() {
    return Error(Errc::kInternal, "network: a broken plan");
}

Result<std::vector<std::byte>> read_all(BorrowedFd file) {
    struct stat status {};
    if (::fstat(file.raw(), &status) < 0) return fail(Error::sys("network: read the plan"));
    if (status.st_size < 0 || static_cast<size_t>(status.st_size) > kMaxPlanBytes) return fail(broken_plan());
    std::vector<std::byte> bytes(static_cast<size_t>(status.st_size));
    if (TRY(read_full(file, bytes)) != bytes.size()) return fail(broken_plan());
    return bytes;
}

}  // namespace

void NetworkRecords::record(control::NetworkRecordKind kind, std::span<control::NetworkFixup const> fixups,
                            std::span<std::byte const> content) {
    out_.put(control::NetworkRecord{static_cast<uint16_t>(kind), static_cast<uint16_t>(fixups.size()),
                                    static_cast<uint32_t>(content.size())});
    out_.put_bytes(std::as_bytes(fixups)).put_bytes(content);
}

NetworkRecords& NetworkRecords::plugged(uint32_t device) {
    record(control::NetworkRecordKind::kPlugged, {}, std::as_bytes(std::span(&device, 1)));
    return *this;
}

NetworkRecords& NetworkRecords::request(NetlinkRequest const& request,
                                        std::span<control::NetworkFixup const> fixups) {
    record(control::NetworkRecordKind::kRequest, fixups, request.bytes());
    return *this;
}

NetworkRecords& NetworkRecords::sysctl(std::string_view path, std::string_view value, bool required) {
    std::string const text = std::string(path) + "=" + std::string(value);
    record(required ? control::NetworkRecordKind::kSysctl : control::NetworkRecordKind::kTrySysctl, {},
           std::as_bytes(std::span(text)));
    return *this;
}

NetworkRecords& NetworkRecords::ask_for_address(uint32_t interface) {
    record(control::NetworkRecordKind::kDhcp, {}, std::as_bytes(std::span(&interface, 1)));
    return *this;
}

NetworkRecords& NetworkRecords::records(std::span<std::byte const> more) {
    out_.put_bytes(more);
    return *this;
}

Result<UniqueFd> write_plan(NetworkPlan const& plan) {
    ByteWriter out;
    out.put(
        PlanHeader{static_cast<uint32_t>(plan.interfaces.size()), static_cast<uint32_t>(plan.first.size())});
    out.put_bytes(plan.first);
    for (auto const& one : plan.interfaces) {
        out.put(PlanInterface{one.mac, one.mtu, one.backend, one.descriptors,
                              static_cast<uint32_t>(one.records.size())});
        out.put_bytes(one.records);
    }
    auto const bytes = std::move(out.put_bytes(plan.last)).take();
    if (bytes.size() > kMaxPlanBytes)
        return fail(Error(Errc::kUnsupported, "network: more addresses and routes than a guest can be told"));
    auto file = TRY(make_memfd("krun-network", 0));
    TRY(write_full(file.borrow(), bytes));
    if (::lseek(file.borrow().raw(), 0, SEEK_SET) < 0) return fail(Error::sys("network: rewind the plan"));
    return file;
}

Result<NetworkPlan> read_plan(BorrowedFd file) {
    auto const bytes = TRY(read_all(file));
    ByteReader reader(bytes);
    auto const header = reader.take<PlanHeader>();
    auto const first = header ? reader.take_bytes(header->first_bytes) : std::nullopt;
    if (!first || header->interfaces > kMaxNetworkInterfaces) return fail(broken_plan());
    NetworkPlan plan;
    plan.first = to_vector(*first);
    for (uint32_t i = 0; i < header->interfaces; ++i) {
        auto const one = reader.take<PlanInterface>();
        auto const records = one ? reader.take_bytes(one->record_bytes) : std::nullopt;
        if (!records || one->backend > NetworkBackend::kPacket || one->descriptors == 0)
            return fail(broken_plan());
        plan.interfaces.push_back({one->mac, one->mtu, one->backend, to_vector(*records), one->descriptors});
    }
    plan.last = to_vector(reader.rest());
    return plan;
}

}  // namespace krun::runtime
