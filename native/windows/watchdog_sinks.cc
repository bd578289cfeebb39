// Windows has neither systemd nor a watchdog device.
#include "port/watchdog_sinks.h"

#include <cerrno>

namespace tripline {

int OpenNoticeSocket(int*) { return ENOSYS; }

int SendNotice(int, const char*, size_t, const char*, size_t) { return ENOSYS; }

uint32_t DeviceTimeout(int) { return 0; }

int WriteToDevice(int, char) { return ENOSYS; }

void CloseSink(int) {}

}  // namespace tripline
