// SPDX-License-Identifier: Apache-2.0
#pragma once
int all_file_operations(char const* directory);
// Tries to lock /mnt/lock in both ways, says what came of it, and keeps what it got until it is killed.
int lock_file(void);
// The same, waiting as long as it takes.
int wait_for_locks(void);
