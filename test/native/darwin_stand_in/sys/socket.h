// Linux's <sys/socket.h>, with an option that only macOS has.
#pragma once
#include_next <sys/socket.h>

// Linux rejects this option; the tests ignore SIGPIPE instead.
#define SO_NOSIGPIPE 0x1022
