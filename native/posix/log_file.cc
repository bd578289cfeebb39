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
  if (flock(file, LOCK_EX | LOCK_NB) == 0) return Write(0, bytes, size, why);
  why->SetErrno("flock", path, errno, "");
  return false;
}

bool LogFile::Write(uint64_t offset, const void* bytes, size_t size, Failure* why) const {
  const ssize_t written = pwrite(static_cast<int>(handle_), bytes, size, static_cast<off_t>(offset));
  if (written == static_cast<ssize_t>(size)) return true;
  // A file takes less than all of it only if there is no room for the rest.
  if (why != nullptr) why->SetErrno("write", "", written < 0 ? errno : ENOSPC, "");
  return false;
}

void LogFile::Unlock() { flock(static_cast<int>(handle_), LOCK_UN); }

void LogFile::Flush() { fsync(static_cast<int>(handle_)); }

}  // namespace tripline
