// systemd's notification socket and /dev/watchdog. Raw system calls, because an import of a release binary takes more
// room than its calls.
#include "port/watchdog_sinks.h"

#include <linux/watchdog.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace tripline {

static_assert(sizeof(sockaddr_un::sun_path) == kLongestAddress, "addresses must fit");

int OpenNoticeSocket(int* socket) {
  *socket = static_cast<int>(syscall(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return *socket < 0 ? errno : 0;
}

int SendNotice(int socket, const char* address, size_t address_size, const char* text, size_t size) {
  sockaddr_un to;
  to.sun_family = AF_UNIX;
  memcpy(to.sun_path, address, address_size);
  const size_t length = offsetof(sockaddr_un, sun_path) + address_size;
  return syscall(SYS_sendto, socket, text, size, MSG_DONTWAIT | MSG_NOSIGNAL, &to, length) < 0 ? errno : 0;
}

uint32_t DeviceTimeout(int device) {
  uint32_t seconds = 0;
  syscall(SYS_ioctl, device, WDIOC_GETTIMEOUT, &seconds);
  return seconds;
}

int WriteToDevice(int device, char byte) { return write(device, &byte, 1) == 1 ? 0 : errno; }

void CloseSink(int descriptor) { close(descriptor); }

}  // namespace tripline
