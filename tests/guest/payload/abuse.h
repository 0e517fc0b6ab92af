// SPDX-License-Identifier: Apache-2.0
#pragma once

int fork_bomb(void);
int fill_memory(void);
int close_all(void);
int ignore_all(void);
int environment(void);
