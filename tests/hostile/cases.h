/* SPDX-License-Identifier: Apache-2.0 */
/* What the hostile guest does, for the guest that does it and the test that judges it. */
#pragma once

/* How a device that was abused has to answer: by going on as if nothing was, or by asking for a reset (or
 * refusing the step that was wrong). EITHER: the abuse is legal for some devices. */
enum { PASS = 1, REJECT = 2, EITHER = PASS | REJECT };
/* What no case may end in: the device answers no more, not even after a reset; or something else broke. */
enum { WEDGED = 4, FAIL = 8 };

#define HOSTILE_DEVICES \
    { "rng", "console", "blk", "balloon", "net", "vsock", "fs" }

/* X(area, function, how it has to end): for each device of HOSTILE_DEVICES, in this order. */
#define HOSTILE_CASES(X)                                   \
    X(mmio, magic_is_written, PASS)                        \
    X(mmio, every_register_is_written_as_bytes, PASS)      \
    X(mmio, every_register_is_written_as_words, PASS)      \
    X(mmio, every_register_is_written_as_quads, PASS)      \
    X(mmio, every_register_is_written_misaligned, PASS)    \
    X(mmio, every_register_is_read_in_every_width, PASS)   \
    X(mmio, last_bytes_of_the_page, PASS)                  \
    X(mmio, undefined_registers_are_written, PASS)         \
    X(mmio, configuration_is_overwritten, PASS)            \
    X(mmio, configuration_is_read_past_its_end, PASS)      \
    X(mmio, interrupt_is_acknowledged_for_nothing, PASS)   \
    X(mmio, selectors_out_of_range, PASS)                  \
    X(mmio, shared_memory_that_is_not_there, PASS)         \
    X(state, driver_ok_without_features_ok, REJECT)        \
    X(state, features_ok_without_driver, REJECT)           \
    X(state, driver_without_acknowledge, REJECT)           \
    X(state, a_bit_is_taken_back, PASS)                    \
    X(state, driver_has_failed, REJECT)                    \
    X(state, all_bits_at_once, REJECT)                     \
    X(state, needs_reset_is_written, PASS)                 \
    X(state, legacy_driver, REJECT)                        \
    X(state, features_that_were_not_offered, REJECT)       \
    X(state, features_beyond_64, REJECT)                   \
    X(state, features_after_features_ok, PASS)             \
    X(state, driver_ok_twice, PASS)                        \
    X(state, reset_storm, PASS)                            \
    X(state, reset_with_a_request_in_the_queue, PASS)      \
    X(state, notify_before_driver_ok, PASS)                \
    X(state, notify_after_reset, PASS)                     \
    X(state, no_queue_at_all, PASS)                        \
    X(setup, size_is_0, REJECT)                            \
    X(setup, size_is_3, REJECT)                            \
    X(setup, size_beyond_the_limit, REJECT)                \
    X(setup, size_is_65536, REJECT)                        \
    X(setup, size_is_huge, REJECT)                         \
    X(setup, descriptors_misaligned, REJECT)               \
    X(setup, available_misaligned, REJECT)                 \
    X(setup, used_misaligned, REJECT)                      \
    X(setup, descriptors_outside_ram, REJECT)              \
    X(setup, available_outside_ram, REJECT)                \
    X(setup, used_outside_ram, REJECT)                     \
    X(setup, used_across_the_end_of_ram, REJECT)           \
    X(setup, descriptors_at_the_top_of_everything, REJECT) \
    X(setup, rings_in_the_device_window, REJECT)           \
    X(setup, available_in_descriptors, REJECT)             \
    X(setup, all_rings_in_one_place, REJECT)               \
    X(setup, moved_while_ready, PASS)                      \
    X(setup, moved_while_running, PASS)                    \
    X(setup, taken_back_while_running, PASS)               \
    X(queue, address_outside_ram, REJECT)                  \
    X(queue, address_in_the_device_window, REJECT)         \
    X(queue, address_wraps, REJECT)                        \
    X(queue, part_across_the_end_of_ram, REJECT)           \
    X(queue, part_as_long_as_everything, REJECT)           \
    X(queue, part_is_empty, EITHER)                        \
    X(queue, next_past_the_table, REJECT)                  \
    X(queue, chain_bites_itself, REJECT)                   \
    X(queue, chain_of_two_in_a_loop, REJECT)               \
    X(queue, head_past_the_table, REJECT)                  \
    X(queue, index_jumps_past_the_queue, REJECT)           \
    X(queue, index_jumps_half_way_round, REJECT)           \
    X(queue, index_goes_back, REJECT)                      \
    X(queue, indirect_table_is_empty, REJECT)              \
    X(queue, indirect_table_of_15_bytes, REJECT)           \
    X(queue, indirect_table_in_another, REJECT)            \
    X(queue, indirect_table_and_next, REJECT)              \
    X(queue, indirect_table_outside_ram, REJECT)           \
    X(queue, indirect_table_longer_than_the_queue, REJECT) \
    X(queue, indirect_table_is_itself, REJECT)             \
    X(queue, readable_after_writable, REJECT)              \
    X(queue, nothing_is_writable, EITHER)                  \
    X(queue, everything_is_writable, EITHER)               \
    X(queue, unknown_flags, PASS)                          \
    X(queue, as_many_parts_as_descriptors, EITHER)         \
    X(queue, buffer_is_the_used_ring, EITHER)              \
    X(queue, buffer_is_the_descriptor_table, EITHER)       \
    X(queue, used_ring_is_overwritten, PASS)               \
    X(queue, notify_with_nothing_to_do, PASS)              \
    X(queue, notify_of_queues_that_are_not_there, PASS)    \
    X(queue, notify_storm, PASS)

/* Requests of one device: the last argument is its name. */
#define HOSTILE_OWN_CASES(X)                                         \
    X(blk, sector_past_the_end, PASS)                                \
    X(blk, sector_is_the_largest, PASS)                              \
    X(blk, sector_that_wraps_in_bytes, PASS)                         \
    X(blk, read_across_the_end, PASS)                                \
    X(blk, write_across_the_end, PASS)                               \
    X(blk, part_of_a_sector, PASS)                                   \
    X(blk, unknown_request, PASS)                                    \
    X(blk, header_is_cut_short, PASS)                                \
    X(blk, no_room_for_a_status, PASS)                               \
    X(blk, serial_without_room, PASS)                                \
    X(blk, discard_of_nothing, PASS)                                 \
    X(blk, discard_past_the_end, PASS)                               \
    X(blk, discard_with_flags, PASS)                                 \
    X(blk, zeroes_that_wrap, PASS)                                   \
    X(blk, too_many_ranges, PASS)                                    \
    X(balloon, report_of_half_a_page, PASS)                          \
    X(balloon, report_of_the_rings_themselves, EITHER)               \
    X(balloon, report_that_can_only_be_read, PASS)                   \
    X(balloon, inflation_with_any_number, PASS)                      \
    X(rng, more_than_anybody_needs, PASS)                            \
    X(rng, the_same_page_many_times, PASS)                           \
    X(console, output_without_end, PASS)                             \
    X(console, input_buffer_that_can_only_be_read, EITHER)           \
    X(net, header_of_a_frame_is_cut_short, PASS)                     \
    X(net, frame_of_nothing, PASS)                                   \
    X(net, frame_that_is_too_short, PASS)                            \
    X(net, frame_longer_than_any, PASS)                              \
    X(net, frame_of_32_mib, PASS)                                    \
    X(net, frame_in_many_parts, PASS)                                \
    X(net, checksum_that_was_not_agreed, PASS)                       \
    X(net, segments_that_were_not_agreed, PASS)                      \
    X(net, every_flag_of_a_frame, PASS)                              \
    X(net, segments_of_no_kind, PASS)                                \
    X(net, segments_of_nothing, PASS)                                \
    X(net, checksum_past_the_end, PASS)                              \
    X(net, receive_buffer_that_can_only_be_read, REJECT)             \
    X(net, receive_buffer_without_room_for_a_header, REJECT)         \
    X(net, receive_buffers_for_a_header_alone, PASS)                 \
    X(net, receive_buffer_outside_ram, REJECT)                       \
    X(net, receive_buffer_of_32_mib, PASS)                           \
    X(net, frames_that_nobody_receives, PASS)                        \
    X(net, unknown_command, PASS)                                    \
    X(net, command_is_cut_short, PASS)                               \
    X(net, command_without_room_for_an_answer, PASS)                 \
    X(net, pairs_of_queues_that_are_not_there, PASS)                 \
    X(net, more_pairs_of_queues_than_there_are, PASS)                \
    X(net, number_of_pairs_is_cut_short, PASS)                       \
    X(net, pairs_of_queues_come_and_go, PASS)                        \
    X(net, frame_on_a_pair_that_nobody_asked_for, PASS)              \
    X(net, reset_with_all_pairs_in_use, PASS)                        \
    X(vsock, packet_is_cut_short, PASS)                              \
    X(vsock, packet_in_many_parts, PASS)                             \
    X(vsock, sender_is_forged, PASS)                                 \
    X(vsock, addressee_is_anybody, PASS)                             \
    X(vsock, type_of_no_kind, PASS)                                  \
    X(vsock, port_where_nobody_listens, PASS)                        \
    X(vsock, data_of_no_connection, PASS)                            \
    X(vsock, reset_of_no_connection, PASS)                           \
    X(vsock, unknown_operations, PASS)                               \
    X(vsock, unknown_operation_on_a_connection, PASS)                \
    X(vsock, second_request_of_a_connection, PASS)                   \
    X(vsock, response_to_no_request, PASS)                           \
    X(vsock, length_beyond_the_chain, PASS)                          \
    X(vsock, length_of_everything, PASS)                             \
    X(vsock, data_beyond_the_window, PASS)                           \
    X(vsock, data_without_credit, PASS)                              \
    X(vsock, more_taken_than_was_sent, PASS)                         \
    X(vsock, credit_is_asked_for_without_end, PASS)                  \
    X(vsock, data_after_shutdown, PASS)                              \
    X(vsock, shutdown_with_every_flag, PASS)                         \
    X(vsock, data_after_reset, PASS)                                 \
    X(vsock, connections_without_end, PASS)                          \
    X(vsock, refusals_that_nobody_receives, PASS)                    \
    X(vsock, refusals_that_are_received_late, PASS)                  \
    X(vsock, receive_buffer_for_a_packet_header_alone, PASS)         \
    X(vsock, receive_buffer_of_a_packet_that_can_only_be_read, PASS) \
    X(fs, request_is_cut_short, PASS)                                \
    X(fs, request_longer_than_its_chain, PASS)                       \
    X(fs, request_as_long_as_everything, PASS)                       \
    X(fs, request_of_no_length, PASS)                                \
    X(fs, unknown_operation, PASS)                                   \
    X(fs, every_operation_before_the_first, PASS)                    \
    X(fs, every_operation_without_arguments, PASS)                   \
    X(fs, every_operation_with_zeros, PASS)                          \
    X(fs, every_operation_with_ones, PASS)                           \
    X(fs, no_room_for_an_answer, PASS)                               \
    X(fs, room_for_half_an_answer, PASS)                             \
    X(fs, name_without_an_end, PASS)                                 \
    X(fs, name_that_climbs, PASS)                                    \
    X(fs, name_longer_than_any, PASS)                                \
    X(fs, file_that_was_never_opened, PASS)                          \
    X(fs, listing_of_everything, PASS)                               \
    X(fs, data_that_is_not_there, PASS)                              \
    X(fs, everything_is_forgotten, PASS)                             \
    X(fs, interrupt_of_nothing, PASS)                                \
    X(fs, greeting_of_another_version, PASS)                         \
    X(fs, greeting_twice, PASS)                                      \
    X(fs, farewell_and_requests, PASS)                               \
    X(fs, mapping_that_is_not_offered, PASS)                         \
    X(fs, requests_on_the_urgent_queue, PASS)
