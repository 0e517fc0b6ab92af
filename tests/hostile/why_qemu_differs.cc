// SPDX-License-Identifier: Apache-2.0
#include "tests/hostile/why_qemu_differs.h"

namespace krun::vmm {
namespace {

// A case belongs to the first row in whose names, separated by spaces, it is.
struct Reason {
    std::string_view cases;
    char const* text;
};
constexpr Reason kReasons[] = {
    {"every_register_is_written_as_quads", "an access of 8 bytes is two of 4, and those count"},
    {"selectors_out_of_range", "a selector that is out of range leaves the last one selected"},
    {"driver_ok_without_features_ok features_ok_without_driver driver_without_acknowledge "
     "a_bit_is_taken_back "
     "driver_has_failed all_bits_at_once needs_reset_is_written",
     "the status is what the driver writes, in any order"},
    {"legacy_driver features_that_were_not_offered features_beyond_64",
     "features that were not offered are dropped, and FEATURES_OK stays"},
    {"size_is_0 size_is_3 size_is_65536 size_is_huge",
     "a size that cannot be is not taken; the one before holds"},
    {"size_beyond_the_limit descriptors_misaligned available_misaligned used_misaligned "
     "descriptors_outside_ram "
     "available_outside_ram used_outside_ram used_across_the_end_of_ram descriptors_at_the_top_of_everything "
     "rings_in_the_device_window available_in_descriptors",
     "where rings lie is not looked at; the device finds nothing there and waits"},
    {"moved_while_running", "the rings move with the registers, and the device finds nothing there"},
    {"address_outside_ram address_in_the_device_window address_wraps part_across_the_end_of_ram",
     "what is outside RAM is read as zeros and written nowhere"},
    {"part_is_empty", "an empty part is a broken rule; entropy without room waits for ever"},
    {"index_jumps_past_the_queue index_jumps_half_way_round index_goes_back",
     "entries are taken as often as the index says, however often they have been before"},
    {"buffer_is_the_descriptor_table", "the sector overwrites the available ring's index, too: as for that"},
    {"indirect_table_in_another indirect_table_is_itself",
     "what is in a table is data, whatever its flags say; entropy without room waits for ever"},
    {"indirect_table_longer_than_the_queue", "a table may have 1,024 entries whatever the queue's size is"},
    {"nothing_is_writable",
     "a disk's request without a status is a broken rule; entropy without room waits for ever"},
    {"everything_is_writable as_many_parts_as_descriptors header_is_cut_short no_room_for_a_status "
     "discard_of_nothing frame_of_nothing "
     "command_is_cut_short command_without_room_for_an_answer",
     "a request without its header or its answer is a broken rule of the queue, not of the request"},
    {"header_of_a_frame_is_cut_short", "it is a reason for QEMU to end"},
    {"receive_buffer_that_can_only_be_read receive_buffer_without_room_for_a_header "
     "receive_buffer_outside_ram",
     "nobody sends it a frame, so it does not look"},
};

bool has_word(std::string_view words, std::string_view word) {
    for (auto at = words.find(word); at != words.npos; at = words.find(word, at + 1)) {
        auto const end = at + word.size();
        if ((at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' ')) return true;
    }
    return false;
}

}  // namespace

std::string why_qemu_differs(std::string_view name) {
    for (auto const& reason : kReasons)
        if (has_word(reason.cases, name)) return reason.text;
    return "unexplained";
}

}  // namespace krun::vmm
