// SPDX-License-Identifier: Apache-2.0
#pragma once
int all_file_operations(char const* directory);
