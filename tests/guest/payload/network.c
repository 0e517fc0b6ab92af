// SPDX-License-Identifier: Apache-2.0
// Servers that say back what they are told, on all addresses, IPv4's included.
#include "network.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[65536];

static int bound(int type, char const* port) {
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
    int const on = 1;
    int const fd = socket(AF_INET6, type, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr*)&any, sizeof any) < 0) _exit(100);
    return fd;
}

// Whoever reads this may connect: not before listen(), until which the kernel refuses.
static void say_ready(void) {
    puts("ready");
    fflush(stdout);
}

// One connection after the other, each to its end.
int echo_tcp(char const* port) {
    int const listener = bound(SOCK_STREAM, port);
    if (listen(listener, 16) < 0) return 101;
    say_ready();
    for (;;) {
        int const fd = accept(listener, NULL, NULL);
        ssize_t n;
        while ((n = read(fd, buffer, sizeof buffer)) > 0)
            for (ssize_t done = 0, w; done < n; done += w)
                if ((w = write(fd, buffer + done, (size_t)(n - done))) < 0) break;
        close(fd);
    }
}

int echo_udp(char const* port) {
    int const fd = bound(SOCK_DGRAM, port);
    say_ready();
    for (;;) {
        struct sockaddr_in6 peer;
        socklen_t length = sizeof peer;
        ssize_t const n = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr*)&peer, &length);
        if (n >= 0) sendto(fd, buffer, (size_t)n, 0, (struct sockaddr*)&peer, length);
    }
}
