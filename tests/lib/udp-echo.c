/* SPDX-License-Identifier: Apache-2.0 */
/* Sends each datagram that comes to port argv[1] back to where it came from. Built static, for images without libraries. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((unsigned short)atoi(argv[argc - 1]))};
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) < 0)
        return 1;
    for (;;) {
        char data[2048];
        socklen_t n = sizeof(a);
        ssize_t got = recvfrom(s, data, sizeof(data), 0, (struct sockaddr *)&a, &n);
        if (got < 0 || sendto(s, data, (size_t)got, 0, (struct sockaddr *)&a, n) < 0)
            return 1;
    }
}
