// Reading kernel files: descriptors that stay open, one buffer, errors as values.
#pragma once

#include <sys/types.h>
#include <cstddef>
#include <cstdint>

#include "port/probe.h"
#include "util/text.h"

namespace tripline {

constexpr size_t kMaxPath = 4096;  // PATH_MAX

// The system calls that File and its relatives use. Tests replace them to make files fail, shrink and vanish.
struct FileCalls {
  int (*open)(const char* path);  // read-only, close-on-exec
  ssize_t (*pread)(int fd, void* data, size_t size, off_t offset);
  ssize_t (*read)(int fd, void* data, size_t size);
  int (*close)(int fd);
};
extern FileCalls file_calls;

// The buffer that files are read into. It grows when a file does not fit, and never shrinks.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  bool Reserve(size_t capacity);
  bool Grow() { return Reserve(capacity_ * 2); }
  char* data() const { return data_; }
  size_t capacity() const { return capacity_; }

  size_t size = 0;  // of the last read

 private:
  char* data_ = nullptr;
  size_t capacity_ = 0;
};

// The buffer that all non-blocking probes share. REQUIRES: the sampler's lock is held.
Buffer* SharedBuffer();

// The root directories of all paths: /proc and /sys, or HOST_PROC and HOST_SYS if those are set. Read when a probe is
// made. With HOST_PROC set, metrics of the machine, of cgroups and of other pids come from that tree. This process's
// own figures, its clocks and its view of mounted disks stay its own.
struct Roots {
  Roots();
  Text proc;
  Text sys;
  bool other_proc = false;  // HOST_PROC is set
};

// Whether an error says that this process lacks descriptors or memory, and nothing about the file.
bool IsResourceShortage(int error);

// Whether an error says that there is no such file.
bool IsMissing(int error);

// One kernel file, which is read repeatedly from its start through a descriptor that stays open. Not for directories.
// Used by one thread at a time.
class File {
 public:
  enum Result : uint8_t { kFailed, kFresh, kKept };

  File();
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Closes the open file. `pinned`: it is never opened a second time, because the name may then refer to another
  // process.
  void SetPath(const char* path) { SetPath(path, ""); }
  void SetPath(const char* folder, const char* name);
  void SetPinned() { pinned_ = true; }
  const char* path() const { return path_.get(); }
  void Close();

  // Reads the whole content with one pread, which is correct for files that the kernel formats in one go (nearly all).
  // A file that cannot be read (migration, hot-plug, a dead FUSE server) is opened again at once, then with back-off,
  // at least once per second.
  [[gnu::always_inline]] bool Read(uint64_t now, Buffer* buffer) { return ReadAll(now, buffer, 0) != kFailed; }

  // The same for files that come in pieces of whole records, at most a page each: mountinfo, net/dev, arcstats. If no
  // record is longer than `record`, a piece with room for another record is the last one, which saves a read.
  bool ReadPieces(uint64_t now, Buffer* buffer, size_t record = kMaxPath) {
    return ReadAll(now, buffer, record) != kFailed;
  }

  // Returns kKept, and reads nothing, if the last successful read is younger than `period`.
  Result ReadIfOlder(uint64_t now, uint64_t period, Buffer* buffer);

  // The errno of the last failure, and the call that failed.
  int error() const { return error_; }
  const char* call() const { return call_; }
  // Sets the reason: that failure, or that the content is not understood if the file could be read.
  void Explain(const char* hint, Failure* out) const;
  // Marks `metrics` as unavailable because of that failure.
  void SetUnavailable(MetricMask metrics, const char* hint, Readings* out) const;
  // A hint at why files of the machine, such as /proc/stat, cannot be read.
  const char* HintOfMachine() const;
  // When the last successful read was; 0 for never.
  uint64_t read_at() const { return read_at_; }

 private:
  Result ReadAll(uint64_t now, Buffer* buffer, size_t record);
  bool Open(uint64_t now);
  int Fill(Buffer* buffer, size_t record);
  void BackOff(uint64_t now);

  Text path_;
  int fd_ = -1;
  int error_ = 0;
  const char* call_ = "open";
  bool pinned_ = false;
  bool was_open_ = false;
  bool stream_ = false;  // pread has failed with ESPIPE: the file is opened, read and closed each time
  uint64_t read_at_ = 0;
  uint64_t retry_at_ = 0;
  uint64_t back_off_ = 0;
};

// The names in a directory such as /proc, without allocation.
class DirectoryReader {
 public:
  explicit DirectoryReader(const char* directory);
  ~DirectoryReader();
  DirectoryReader(const DirectoryReader&) = delete;
  DirectoryReader& operator=(const DirectoryReader&) = delete;

  bool opened() const { return fd_ >= 0; }
  // Why it could not be read to the end; 0 if nothing has failed.
  int error() const { return error_; }
  // Any name but "." and "..", valid until the next call; nullptr at the end.
  const char* Next();
  // The next name that is a number.
  bool NextNumber(int64_t* number);
  // Whether the entry that Next() returned last is a directory, as far as the file system reports types.
  bool is_directory() const { return is_directory_; }

 private:
  int fd_;
  int error_;
  bool is_directory_ = false;
  int at_ = 0;
  int end_ = 0;
  alignas(8) char data_[2048];
};

// The number of open descriptors, from /proc/<pid>/fd. 0 and errno if it is not known.
// `has_size`: Linux 6.2 and later give the number as the directory's size, which saves listing it.
uint64_t CountDescriptors(const char* directory, bool has_size);

// Reads a small file once, without keeping it open.
bool ReadOnce(const char* path, Buffer* buffer);

}  // namespace tripline
