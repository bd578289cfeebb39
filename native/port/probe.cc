#include "port/probe.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace tripline {

namespace {

struct ErrnoName {
  int error;
  char name[13];
};

// Names rather than strerror(), whose texts depend on the locale; a name can be searched for.
constexpr ErrnoName kErrnoNames[] = {
    {EACCES, "EACCES"},
    {EAGAIN, "EAGAIN"},
    {EBADF, "EBADF"},
    {EBUSY, "EBUSY"},
    {EEXIST, "EEXIST"},
    {EFAULT, "EFAULT"},
    {EFBIG, "EFBIG"},
    {EINTR, "EINTR"},
    {EINVAL, "EINVAL"},
    {EIO, "EIO"},
    {EISDIR, "EISDIR"},
    {ELOOP, "ELOOP"},
    {EMFILE, "EMFILE"},
    {ENFILE, "ENFILE"},
    {ENODATA, "ENODATA"},
    {ENODEV, "ENODEV"},
    {ENOENT, "ENOENT"},
    {ENOMEM, "ENOMEM"},
    {ENOSPC, "ENOSPC"},
    {ENOSYS, "ENOSYS"},
    {ENOTDIR, "ENOTDIR"},
    {ENXIO, "ENXIO"},
    {EOPNOTSUPP, "EOPNOTSUPP"},
    {EPERM, "EPERM"},
    {EROFS, "EROFS"},
    {ESPIPE, "ESPIPE"},
    {ESRCH, "ESRCH"},
    {ETIMEDOUT, "ETIMEDOUT"},
    {EOVERFLOW, "EOVERFLOW"},
    {ENAMETOOLONG, "ENAMETOOLONG"},
#ifdef EDQUOT
    {EDQUOT, "EDQUOT"},
#endif
};

}  // namespace

void Failure::SetErrno(const char* call, const char* subject, int error, const char* hint) {
  const char* name = nullptr;
  for (const ErrnoName& entry : kErrnoNames) {
    if (entry.error == error) name = entry.name;
  }
  char number[24];
  if (error == 0) name = "not understood";
  if (name == nullptr) {
    snprintf(number, sizeof(number), "errno %d", error);
    name = number;
  }
  const bool has_subject = subject != nullptr && subject[0] != '\0';
  const bool has_hint = hint != nullptr && hint[0] != '\0';
  // If the path is too long for the text, its middle is left out, so that the reason is kept.
  const size_t others =
      strlen(call) + strlen(" ...: ") + strlen(name) + (has_hint ? strlen(hint) + strlen(" ()") : 0) + 1;
  const size_t room = others < sizeof(text) ? sizeof(text) - others : 0;
  const size_t length = has_subject ? strlen(subject) : 0;
  const bool whole = length <= room;
  const size_t head = whole ? length : room / 2;
  const size_t tail = whole ? 0 : room - head;
  snprintf(text, sizeof(text), "%s%s%.*s%s%s: %s%s%s%s", call, has_subject ? " " : "", static_cast<int>(head),
           has_subject ? subject : "", whole ? "" : "...", has_subject ? subject + length - tail : "", name,
           has_hint ? " (" : "", has_hint ? hint : "", has_hint ? ")" : "");
}

void Failure::Set(const char* message) { snprintf(text, sizeof(text), "%s", message); }

void ClearReadings(MetricMask metrics, Readings* out) {
  for (MetricMask left = metrics; left != 0; left &= left - 1) out->of[LowestOf(left)].state = Reading::kAbsent;
  out->failure.Clear();
}

void SetUnavailable(MetricMask metrics, const Failure& why, Readings* out) {
  if (metrics == 0) return;
  for (uint32_t i = 0; i < kMetricCount; i++) {
    if ((metrics >> i & 1) != 0) out->of[i].state = Reading::kUnavailable;
  }
  if (!out->failure.failed()) out->failure = why;
}

void SetUnavailable(MetricMask metrics, const char* why, Readings* out) {
  Failure failure;
  failure.Set(why);
  SetUnavailable(metrics, failure, out);
}

void SetEnded(int64_t pid, MetricMask metrics, Readings* out) {
  Failure why;
  snprintf(why.text, sizeof(why.text), "process %lld has ended", static_cast<long long>(pid));
  SetUnavailable(metrics, why, out);
}

void SetPair(Metric metric, double num, double den, Readings* out) {
  Reading& reading = (*out)[metric];
  reading.state = Reading::kKnown;
  reading.parts = 1;
  reading.num[0] = num;
  reading.den[0] = den;
}

}  // namespace tripline
