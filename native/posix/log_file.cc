#include "port/log_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <cerrno>

namespace tripline {

double WallNow() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

LogFile::~LogFile() {
  if (handle_ >= 0) close(static_cast<int>(handle_));
}

bool LogFile::Create(const char* path, const void* bytes, size_t size, Failure* why) {
  // A write beyond this limit would not only fail, but also send a signal that ends the process.
  rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size) {
    why->SetErrno("write", path, EFBIG, "beyond RLIMIT_FSIZE");
    return false;
  }
  const int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) {
    why->SetErrno("open", path, errno, "");
    return false;
  }
  handle_ = file;
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    why->SetErrno("flock", path, errno, "");
  } else if (Write(0, bytes, size, why)) {
    return true;
  }
  unlink(path);
  return false;
}

bool LogFile::Write(uint64_t offset, const void* bytes, size_t size, Failure* why) {
  const auto* at = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = pwrite(static_cast<int>(handle_), at, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      why->SetErrno("write", "", written < 0 ? errno : ENOSPC, "");
      return false;
    }
    at += written;
    offset += static_cast<uint64_t>(written);
    size -= static_cast<size_t>(written);
  }
  return true;
}

void LogFile::Unlock() { flock(static_cast<int>(handle_), LOCK_UN); }

void LogFile::Flush() { fsync(static_cast<int>(handle_)); }

}  // namespace tripline
