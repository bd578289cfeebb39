#include "linux/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "port/platform.h"

namespace tripline {

namespace {

constexpr size_t kFirstCapacity = 4096;
constexpr size_t kPiece = 4096;  // the smallest page
constexpr size_t kLargest = size_t{16} << 20;
constexpr uint64_t kFirstBackOff = 100 * kMillisecond;
constexpr uint64_t kLongestBackOff = kSecond;  // a source that has come back is noticed within a second
constexpr int kInterruptions = 16;

int OpenReadOnly(const char* path) { return open(path, O_RDONLY | O_CLOEXEC); }

// Whether opening the file again could help. It nearly always can: a control group, a device or the server of a FUSE
// file system (ENOTCONN) may have come back under the same name.
bool IsCurable(int error) { return error != EINTR && error != EAGAIN && !IsResourceShortage(error); }

}  // namespace

FileCalls file_calls = {OpenReadOnly, pread, read, close};

bool IsResourceShortage(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }

bool IsMissing(int error) { return error == ENOENT || error == ENOTDIR || error == ENODEV; }

Buffer::~Buffer() { free(data_); }

bool Buffer::Reserve(size_t capacity) {
  if (capacity == 0) capacity = kFirstCapacity;
  if (capacity <= capacity_) return true;
  if (capacity > kLargest) return false;
  char* data = static_cast<char*>(realloc(data_, capacity));
  if (data == nullptr) return false;
  data_ = data;
  capacity_ = capacity;
  return true;
}

Buffer* SharedBuffer() {
  // Never destroyed: process.exit() runs static destructors while the sampling thread lives.
  static Buffer* buffer = new Buffer();
  return buffer;
}

Roots::Roots() {
  struct Root {
    const char* variable;
    const char* usual;
    Text* out;
  };
  const Root roots[] = {{"HOST_PROC", "/proc", &proc}, {"HOST_SYS", "/sys", &sys}};
  for (const Root& root : roots) {
    const char* given = getenv(root.variable);
    const bool set = given != nullptr && given[0] != '\0';
    root.out->Set(set ? given : root.usual);
    while (root.out->size() > 1 && root.out->get()[root.out->size() - 1] == '/') root.out->Cut(root.out->size() - 1);
  }
  other_proc = strcmp(proc.get(), "/proc") != 0;
}

void File::SetPath(const char* folder, const char* name) {
  Close();
  path_.Set(folder, name);
  was_open_ = false;
  stream_ = false;
  read_at_ = 0;
  retry_at_ = 0;
  back_off_ = 0;
}

// Not inlined, because most probes have several files.
[[gnu::noinline]] File::File() = default;

File::~File() { Close(); }

void File::Close() {
  if (fd_ >= 0) file_calls.close(fd_);
  fd_ = -1;
}

bool File::Open(uint64_t now) {
  if (now < retry_at_) return false;
  if (pinned_ && was_open_) return false;
  const bool was_missing = !was_open_ && IsMissing(error_);
  call_ = "open";
  int tries = 0;
  do {
    fd_ = file_calls.open(path_.get());
  } while (fd_ < 0 && errno == EINTR && ++tries < kInterruptions);
  if (fd_ < 0) {
    // In a memory cgroup without room every open fails, even for a file that does not exist. A shortage says nothing
    // about the file, so a missing file still counts as missing.
    if (!was_missing || !IsResourceShortage(errno)) error_ = errno;
    BackOff(now);
    return false;
  }
  was_open_ = true;
  return true;
}

void File::BackOff(uint64_t now) {
  back_off_ = back_off_ == 0 ? kFirstBackOff : back_off_ * 2;
  if (back_off_ > kLongestBackOff) back_off_ = kLongestBackOff;
  retry_at_ = now + back_off_;
}

// 0, or the errno of the read. `record` 0: the file is read in one piece. Inline, so that few returns follow a system
// call: the kernel has used up the CPU's return predictions.
[[gnu::always_inline]] inline int File::Fill(Buffer* buffer, size_t record) {
  const bool pieces = record > 0;
  if (!buffer->Reserve(kFirstCapacity)) return ENOMEM;
  size_t filled = 0;
  int interruptions = 0;
  for (;;) {
    const size_t room = buffer->capacity() - filled;
    const ssize_t got = stream_ ? file_calls.read(fd_, buffer->data() + filled, room)
                                : file_calls.pread(fd_, buffer->data() + filled, room, static_cast<off_t>(filled));
    if (got < 0) {
      if (errno == EINTR && ++interruptions < kInterruptions) continue;
      return errno;
    }
    filled += static_cast<size_t>(got);
    if (static_cast<size_t>(got) == room) {
      // A partial file is never returned as the whole file.
      if (!buffer->Grow()) return ENOMEM;
      // A file that is formatted in one go would be torn between two reads, so it is read again from the start.
      if (!pieces && !stream_) filled = 0;
      continue;
    }
    if (got == 0 || !(pieces || stream_)) break;
    if (!stream_ && static_cast<size_t>(got) + record < kPiece) break;
  }
  buffer->size = filled;
  return 0;
}

File::Result File::ReadAll(uint64_t now, Buffer* buffer, size_t record) {
  for (int attempt = 0; attempt < 2; attempt++) {
    if (fd_ < 0 && !Open(now)) return kFailed;
    error_ = Fill(buffer, record);
    if (error_ == 0) {
      read_at_ = now;
      back_off_ = 0;
      if (stream_) Close();
      return kFresh;
    }
    call_ = "read";
    // Other code in this process has closed our descriptor, and its number may already refer to another file, so we
    // must not close it.
    if (error_ == EBADF) fd_ = -1;
    if (pinned_ || (!stream_ && !IsCurable(error_))) return kFailed;
    Close();
    if (error_ == ESPIPE) stream_ = true;
  }
  BackOff(now);
  return kFailed;
}

File::Result File::ReadIfOlder(uint64_t now, uint64_t period, Buffer* buffer) {
  // A wake-up that is shared with other sources may be early by a tenth of a period.
  if (read_at_ != 0 && now - read_at_ < period - period / 8) return kKept;
  return ReadAll(now, buffer, 0);
}

void File::Explain(const char* hint, Failure* out) const {
  out->SetErrno(error_ == 0 ? "read" : call_, path(), error_, hint);
}

void File::SetUnavailable(MetricMask metrics, const char* hint, Readings* out) const {
  Failure why;
  Explain(hint, &why);
  tripline::SetUnavailable(metrics, why, out);
}

const char* File::HintOfMachine() const { return error_ == EACCES ? "hidden from this user" : ""; }

DirectoryReader::DirectoryReader(const char* directory)
    : fd_(open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)), error_(fd_ < 0 ? errno : 0) {}

DirectoryReader::~DirectoryReader() {
  if (fd_ >= 0) close(fd_);
}

const char* DirectoryReader::Next() {
  // struct linux_dirent64: u64 inode, s64 offset, u16 length, u8 type, name.
  constexpr int kLengthAt = 16;
  constexpr int kTypeAt = 18;
  constexpr int kNameAt = 19;
  for (;;) {
    if (at_ >= end_) {
      end_ = fd_ < 0 ? 0 : static_cast<int>(syscall(SYS_getdents64, fd_, data_, sizeof(data_)));
      at_ = 0;
      if (end_ <= 0) {
        if (end_ < 0) error_ = errno;
        end_ = 0;
        return nullptr;
      }
    }
    uint16_t length = 0;
    memcpy(&length, data_ + at_ + kLengthAt, sizeof(length));
    const char* name = data_ + at_ + kNameAt;
    const char type = data_[at_ + kTypeAt];
    is_directory_ = type == DT_DIR || type == DT_UNKNOWN;
    at_ += length;
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) return name;
  }
}

bool DirectoryReader::NextNumber(int64_t* number) {
  while (const char* name = Next()) {
    int64_t value = 0;
    const char* digit = name;
    for (; *digit >= '0' && *digit <= '9' && digit - name < 12; digit++) value = value * 10 + (*digit - '0');
    if (digit == name || *digit != '\0') continue;
    *number = value;
    return true;
  }
  return false;
}

uint64_t CountDescriptors(const char* directory, bool has_size) {
#ifdef SYS_statx
  // By number, because not all C libraries that we link against have the function.
  struct statx info;
  if (has_size && syscall(SYS_statx, AT_FDCWD, directory, 0, STATX_SIZE, &info) == 0 && info.stx_size > 0) {
    return info.stx_size;
  }
#endif
  uint64_t count = 0;
  {
    DirectoryReader names(directory);
    if (!names.opened()) return 0;
    for (int64_t number = 0; names.NextNumber(&number);) count++;
  }
  errno = ENOENT;
  return count;
}

bool ReadOnce(const char* path, Buffer* buffer) {
  File file;
  file.SetPath(path);
  return file.Read(1, buffer);
}

}  // namespace tripline
