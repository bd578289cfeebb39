#include "port/log_file.h"

#include "windows/win.h"

namespace tripline {
namespace {

// Milliseconds from 1601, where FILETIME begins, to 1970.
constexpr double kEpoch = 11644473600000.0;

HANDLE HandleOf(intptr_t value) { return reinterpret_cast<HANDLE>(value); }

}  // namespace

double WallNow() {
  FILETIME now;
  GetSystemTimePreciseAsFileTime(&now);
  return static_cast<double>(Ticks(now)) / 1e4 - kEpoch;
}

LogFile::~LogFile() {
  if (handle_ != -1) CloseHandle(HandleOf(handle_));
}

bool LogFile::Create(const char* path, const void* bytes, size_t size, Failure* why) {
  Wide wide(path);
  // Others may read, rename and delete it, but not open it for writing, which is the lock.
  const HANDLE file = CreateFileW(wide.get(), GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_DELETE,
                                  nullptr, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) {
    SetWinError("CreateFileW", path, GetLastError(), "", why);
    return false;
  }
  handle_ = reinterpret_cast<intptr_t>(file);
  return Write(0, bytes, size, why);
}

bool LogFile::Write(uint64_t offset, const void* bytes, size_t size, Failure* why) const {
  OVERLAPPED place = {};
  place.Offset = static_cast<DWORD>(offset);
  place.OffsetHigh = static_cast<DWORD>(offset >> 32);
  DWORD written = 0;
  // A synchronous handle writes all or fails.
  if (WriteFile(HandleOf(handle_), bytes, static_cast<DWORD>(size), &written, &place) != 0) return true;
  SetWinError("WriteFile", "", GetLastError(), "", why);
  return false;
}

// The lock is the handle's share mode.
void LogFile::Unlock() {}

void LogFile::Flush() { FlushFileBuffers(HandleOf(handle_)); }

}  // namespace tripline
