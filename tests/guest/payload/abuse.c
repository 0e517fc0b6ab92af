// SPDX-License-Identifier: Apache-2.0
// Payloads that do their worst to the machine they are in. Each returns its exit status, if it returns.
#define _GNU_SOURCE
#include "abuse.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Forks until it cannot, and says how often it could.
int fork_bomb(void) {
    int children = 0;
    for (;;) {
        pid_t const pid = fork();
        if (pid == 0) {
            pause();
            _exit(0);
        }
        if (pid < 0) break;
        children++;
    }
    printf("children %d, then %s\n", children, strerrorname_np(errno));
    fflush(stdout);
    return 3;
}

int fill_memory(void) {
    puts("filling");
    fflush(stdout);
    for (size_t const size = 1 << 20;;) {
        char* const block = malloc(size);
        if (block == NULL) return 4;
        memset(block, 1, size);
    }
}

int close_all(void) {
    for (int fd = 0; fd < 1024; fd++) close(fd);
    return 11;
}

int ignore_all(void) {
    for (int number = 1; number <= SIGRTMAX; number++) signal(number, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    puts("ready");
    fflush(stdout);
    for (;;) pause();
}

int environment(void) {
    size_t count = 0, bytes = 0;
    for (char** one = environ; *one != NULL; one++) {
        count++;
        bytes += strlen(*one);
    }
    printf("%zu variables, %zu bytes\n", count, bytes);
    return 0;
}
