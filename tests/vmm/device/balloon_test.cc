// SPDX-License-Identifier: Apache-2.0
// What the guest reports as free is the host's again, and nothing else is.
#include "vmm/device/balloon.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "tests/vmm/device/device_rig.h"

namespace krun::vmm {
namespace {

constexpr uint16_t kInflate = 0;
constexpr uint16_t kReports = 2;
constexpr uint64_t kPage = 4096;

class BalloonTest : public ::testing::Test {
protected:
    // Eight pages behind all queues, filled.
    BalloonTest() : pages_{(device_.queue_sizes().size() + 1) * DeviceRig::kRoomBytes - 8 * kPage} {
        must(must(rig_.ram().slice(pages_, 8 * kPage)).write_bytes(0, std::as_bytes(std::span(filled_))));
    }
    GuestAddr page(uint64_t number) const { return GuestAddr{raw(pages_) + number * kPage}; }
    bool is_resident(uint64_t number) const {
        unsigned char present = 0;
        ::mincore(must(rig_.ram().slice(page(number), kPage)).for_kernel().iov_base, kPage, &present);
        return (present & 1) != 0;
    }
    std::string content() const {
        std::string out;
        for (uint64_t i = 0; i < 8 * kPage; i += 512)
            out += must(rig_.ram().read<char>(GuestAddr{raw(pages_) + i})) == 'x' ? 'x' : '.';
        return out;
    }

    Balloon device_;
    DeviceRig rig_{device_};
    GuestAddr pages_;
    std::string filled_ = std::string(8 * kPage, 'x');
};

TEST_F(BalloonTest, PlaceHasNoDeviceUntilItIsPluggedIn) {
    EXPECT_EQ(device_.id(), DeviceId::kNone);
    device_.plug();
    EXPECT_EQ(device_.id(), DeviceId::kBalloon);
}

TEST_F(BalloonTest, NoPagesAreWanted) {
    uint32_t num_pages = 1;
    device_.read_config(0, std::as_writable_bytes(std::span(&num_pages, 1)));
    EXPECT_EQ(num_pages, 0u);
    EXPECT_EQ(device_.features(), uint64_t{1} << 5);
}

TEST_F(BalloonTest, ReportedPagesAreTheHostsUntilTheyAreTouched) {
    ASSERT_TRUE(is_resident(2));
    rig_.driver(kReports).chain().part(page(1), 2 * kPage, kWrite).part(page(5), kPage, kWrite).publish();
    rig_.kick(kReports);
    auto const used = rig_.driver(kReports).take_used();
    ASSERT_TRUE(used);
    EXPECT_EQ(used->len_bytes, 0u);
    std::string const present;
    for (uint64_t i = 0; i < 8; ++i) EXPECT_EQ(is_resident(i), i != 1 && i != 2 && i != 5) << i;
    EXPECT_EQ(content(), "xxxxxxxx................xxxxxxxxxxxxxxxx........xxxxxxxxxxxxxxxx");
}

TEST_F(BalloonTest, PartsOfPagesStayAndEachReportComesBack) {
    rig_.driver(kReports).chain().part(GuestAddr{raw(page(1)) + 1}, 2 * kPage, kWrite).publish();
    rig_.driver(kReports).chain().part(GuestAddr{raw(page(5)) + 512}, 512, kWrite).publish();
    rig_.driver(kReports).chain().part(page(7), kPage, 0).publish();  // nothing that could be written
    rig_.kick(kReports);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(rig_.driver(kReports).take_used()) << i;
    EXPECT_EQ(content(), "xxxxxxxxxxxxxxxx........xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

TEST_F(BalloonTest, InflatingTakesNothingAway) {
    uint32_t const number = static_cast<uint32_t>(raw(page(1)) / kPage);
    rig_.driver(kInflate).chain().readable_pod(number).publish();
    rig_.kick(kInflate);
    EXPECT_TRUE(rig_.driver(kInflate).take_used());
    EXPECT_EQ(content(), std::string(64, 'x'));
}

}  // namespace
}  // namespace krun::vmm
