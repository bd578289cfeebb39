// What a watchdog feeds: the service manager's socket, and a watchdog device. Implemented by each OS folder. Functions
// that may fail return an errno, or 0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tripline {

// The longest address of a service manager's socket, in bytes: a path with its NUL, or NUL and an abstract name.
constexpr size_t kLongestAddress = 108;

// Opens a socket for SendNotice(); ENOSYS where the system has no service manager that is notified by one.
int OpenNoticeSocket(int* socket);

// Sends one datagram without waiting. The address is looked up each time, because its owner may have been replaced.
int SendNotice(int socket, const char* address, size_t address_size, const char* text, size_t size);

// The time in seconds after which an open watchdog device resets the machine; 0 if it has no such timeout.
uint32_t DeviceTimeout(int device);

// Writes one byte: 'V' is the magic close, which lets the device be stopped by closing it; any other feeds it.
int WriteToDevice(int device, char byte);

void CloseSink(int descriptor);

}  // namespace tripline
