// SPDX-License-Identifier: Apache-2.0
#pragma once
int echo_tcp(char const* port);
int echo_udp(char const* port);
