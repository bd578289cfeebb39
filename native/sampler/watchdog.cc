#include "sampler/watchdog.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "port/metrics.h"
#include "sampler/environment.h"
#include "sampler/feed.h"
#include "util/text.h"

namespace tripline {
namespace {

constexpr char kFeed[] = "WATCHDOG=1";

// After a failure, the next attempt comes after this part of the interval: the receiver's queue may have been full.
constexpr uint64_t kRetryPart = 8;

using Notice = FixedText<640>;

// What is wrong, by the first limit of the guard that is crossed, and the line that blocks the loop.
void Describe(Guard* guard, Environment* environment, Notice* out) {
  out->Add("STATUS=Watchdog not fed: ");
  for (uint32_t i = 0; i < guard->limit_count(); i++) {
    const GuardLimit& each = guard->limit(i);
    if (!each.guilty()) continue;
    if (each.feed == nullptr) {
      out->Add("a condition failed");
      return;
    }
    const MetricInfo& metric = InfoOf(each.feed->series.metric());
    out->Add(metric.name);
    const double value = each.evidence.value;
    // Not a number: the metric is missing.
    if (value >= 0) out->Add(" ").Add(static_cast<uint64_t>(static_cast<int64_t>(value))).Add(" ").Add(metric.unit);
    if (each.stack && environment->stack != nullptr) {
      char frames[512];
      environment->stack->Describe(frames, sizeof(frames), environment->heartbeat.number);
      // The topmost frame. A line end, also in a name, would begin another assignment.
      const size_t size = strcspn(frames, "\n");
      if (size > 0) out->Add(" in ").Add(frames, size);
    }
    return;
  }
}

}  // namespace

// One guard's part. Used under the host's lock.
class Watchdog::Inlet final : public Reaction {
 public:
  explicit Inlet(Watchdog* watchdog) : watchdog_(watchdog) {}

  void React(Guard* guard) override {
    breached_ = guard->breached();
    if (breached_) {
      watchdog_->Withhold(guard);
    } else {
      watchdog_->Release();
    }
  }
  void LetGo() override {
    if (breached_) watchdog_->Release();
    delete this;
  }

 private:
  Watchdog* const watchdog_;
  bool breached_ = false;
};

Reaction* Watchdog::MakeReaction() { return new Inlet(this); }

void Watchdog::Withhold(Guard* guard) {
  AssertLocked();
  breached_++;
  if (socket_ < 0) return;
  Notice notice;
  Describe(guard, environment_, &notice);
  Succeeded(SendNotice(socket_, address_, address_size_, notice.get(), notice.size()));
}

bool Watchdog::Succeeded(int error) {
  if (error == 0) return true;
  error_ = error;
  failed_++;
  return false;
}

void Watchdog::Release() {
  AssertLocked();
  breached_--;
  next_ = 0;
  host_->WakeBy(0);
}

int Watchdog::Open(Environment* environment, const char* address, size_t size) {
  MutexLock lock(host_->lock());
  if (environment_ != nullptr) return kTaken;
  if (size > kLongestAddress) return ENAMETOOLONG;
  const int error = size == 0 ? 0 : OpenNoticeSocket(&socket_);
  if (error != 0) return error;
  environment_ = environment;
  address_size_ = static_cast<uint8_t>(size);
  memcpy(address_, address, size);
  return 0;
}

bool Watchdog::Start(uint64_t interval, bool notify, int device, Failure* why) {
  MutexLock lock(host_->lock());
  if (!host_->EnsureThread(why)) return false;
  interval_ = interval;
  notify_ = notify;
  device_ = device;
  return true;
}

int Watchdog::Send(const char* text, size_t size, bool hold) {
  MutexLock lock(host_->lock());
  hold_ = hold;
  host_->WakeBy(0);
  return SendNotice(socket_, address_, address_size_, text, size);
}

void Watchdog::Close() {
  MutexLock lock(host_->lock());
  Shut();
}

void Watchdog::Shut() {
  AssertLocked();
  if (device_ >= 0) {
    WriteToDevice(device_, 'V');
    CloseSink(device_);
  }
  if (socket_ >= 0) CloseSink(socket_);
  device_ = socket_ = -1;
  environment_ = nullptr;
  interval_ = next_ = 0;
  fed_ = failed_ = 0;
  error_ = 0;
  hold_ = false;
  host_->WakeBy(0);
}

WatchdogStats Watchdog::Stats() {
  MutexLock lock(host_->lock());
  return {!held(), fed_, failed_, error_};
}

uint64_t Watchdog::Feed(uint64_t now) {
  AssertLocked();
  if (interval_ == 0 || held()) return kNever;
  if (now < next_) return next_;
  bool done = !notify_ || Succeeded(SendNotice(socket_, address_, address_size_, kFeed, sizeof(kFeed) - 1));
  if (device_ >= 0 && !Succeeded(WriteToDevice(device_, 0))) done = false;
  fed_ += done;
  next_ = now + (done ? interval_ : interval_ / kRetryPart);
  return next_;
}

void Watchdog::RemoveEnvironment(const Environment* environment) {
  AssertLocked();
  if (environment_ == environment) Shut();
}

}  // namespace tripline
