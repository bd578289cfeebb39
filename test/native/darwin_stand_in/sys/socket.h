#pragma once
#include_next <sys/socket.h>

// Is refused here: the tests ignore SIGPIPE instead.
#define SO_NOSIGPIPE 0x1022
