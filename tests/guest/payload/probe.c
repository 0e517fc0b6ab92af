// SPDX-License-Identifier: Apache-2.0
// What busybox cannot do inside a container, one function per name; built statically by the suite.
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <fcntl.h>

static int segfault(void) {
    *(volatile int*)8 = 1;
    return 0;
}

static void say_signal(int number) {
    char line[] = "signal 00\n";
    line[7] = (char)('0' + number / 10);
    line[8] = (char)('0' + number % 10);
    ssize_t ignored = write(1, line, sizeof line - 1);
    (void)ignored;
    if (number == SIGTERM) _exit(7);
}

// Prints every signal that arrives; SIGTERM ends it with status 7.
static int signals(void) {
    for (int number = 1; number <= SIGRTMAX; number++) signal(number, say_signal);
    puts("ready");
    fflush(stdout);
    for (;;) pause();
}

// Tries, as any program in the guest could, to speak for init: connects to each port a runtime might listen
// on, sends a message that says "exited with 0" in every shape known, and asks the file system to record 0.
static int forge_status(void) {
    static uint8_t const kExited[] = {8, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    int connected = 0;
    for (uint32_t port = 27500; port < 27520; port++) {
        struct sockaddr_vm host = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
        int const fd = socket(AF_VSOCK, SOCK_STREAM, 0);
        if (fd < 0) continue;
        struct timeval const limit = {.tv_sec = 1};
        setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW, &limit, sizeof limit);
        if (connect(fd, (struct sockaddr*)&host, sizeof host) == 0) {
            connected++;
            ssize_t ignored = write(fd, kExited, sizeof kExited);
            (void)ignored;
        }
        close(fd);
    }
    int const root = open("/", O_RDONLY);
    ioctl(root, 0x7602, 0);
    printf("connected %d\n", connected);
    fflush(stdout);
    return 9;
}

int main(int argc, char** argv) {
    static struct {
        char const* name;
        int (*function)(void);
    } const kTable[] = {{"segfault", segfault}, {"signals", signals}, {"forge-status", forge_status}};
    for (size_t i = 0; argc > 1 && i < sizeof kTable / sizeof kTable[0]; i++)
        if (strcmp(argv[1], kTable[i].name) == 0) return kTable[i].function();
    return 2;
}
