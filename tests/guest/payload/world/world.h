// SPDX-License-Identifier: Apache-2.0
// What the sections of this program share.
#pragma once

// "done", or the name of errno for a negative result.
char const* word(long result);

// A section: prints its lines.
void terminal(void);
