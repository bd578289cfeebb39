// Moves bytes from a command's pipe to its target without blocking.
#include "posix/relay.h"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>

#include "posix/bare.h"

namespace tripline {

bool Relay::Open(int target) {
  int ends[2];
  if (!bare::OpenPipe(ends)) return false;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  read_ = ends[0];
  write_ = ends[1];
  target_ = target;
  return true;
}

void Relay::CloseInput() {
  if (write_ >= 0) close(write_);
  write_ = -1;
}

void Relay::Close() {
  close(read_);
  close(target_);
  read_ = target_ = -1;
}

struct pollfd Relay::Interest() const {
  if (from_ < to_) return {target_, POLLOUT, 0};
  return {read_, POLLIN, 0};
}

bool Relay::Move(short events) {
  if (!open() || events == 0) return false;
  if (from_ == to_) {
    const ssize_t got = read(read_, held_, sizeof(held_));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (got <= 0) {
      Close();
      return false;
    }
    from_ = 0;
    to_ = static_cast<size_t>(got);
    return true;
  }
  const ssize_t put = write(target_, held_ + from_, to_ - from_);
  if (put < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  // The reader is gone: close the pipe, so that the command receives SIGPIPE itself.
  if (put < 0)
    Close();
  else
    from_ += static_cast<size_t>(put);
  return put > 0;
}

}  // namespace tripline
