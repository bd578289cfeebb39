#include "sampler/recorder.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "sampler/environment.h"
#include "sampler/feed.h"

namespace tripline {
namespace {

// A consumer may be this many blocks behind before rows are lost.
constexpr uint32_t kBlocks = 4;

constexpr uint32_t kMostRows = 1 << 16;

double NewestOf(const Feed* feed) {
  if (feed == nullptr) return std::numeric_limits<double>::quiet_NaN();
  const Value& value = feed->series.now();
  return value.state == Value::kKnown ? value.value : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

uint32_t RowRing::Push(double** row) {
  const bool full = count_ == rows_;
  if (full) {
    first_ = (first_ + 1) % rows_;
    count_--;
  }
  *row = Row(first_ + count_++);
  return full ? 1 : 0;
}

void RowRing::Take(uint32_t count, double* out) {
  for (uint32_t i = 0; i < count; i++) {
    const double* row = Row(first_ + i);
    for (uint32_t column = 0; column < columns_; column++) out[size_t{column} * count + i] = row[column];
  }
  first_ = (first_ + count) % rows_;
  count_ -= count;
}

Recorder::Recorder(Environment* environment, uint64_t interval, uint32_t batch, List<uint32_t> subscriptions,
                   uint64_t now)
    : environment(environment),
      batch(batch),
      subscriptions(std::move(subscriptions)),
      grid(now + interval, interval),
      rows(static_cast<uint32_t>(this->subscriptions.size()) + 1, batch * kBlocks) {}

uint32_t Recorders::Add(Environment* environment, uint64_t interval, uint32_t batch, const uint32_t* subscriptions,
                        uint32_t count, Failure* why) {
  MutexLock lock(host_->lock());
  if (interval == 0 || batch == 0 || batch > kMostRows || !host_->EnsureThread(why)) return 0;
  List<uint32_t> columns;
  for (uint32_t i = 0; i < count; i++) columns.push_back(subscriptions[i]);
  return recorders_.Add(std::make_unique<Recorder>(environment, interval, batch, std::move(columns), MonotonicNow()))
      ->id;
}

void Recorders::Remove(uint32_t id) {
  MutexLock lock(host_->lock());
  recorders_.Remove(id);
  // The thread may end now.
  if (recorders_.empty()) host_->WakeBy(0);
}

int64_t Recorders::Take(uint32_t id, uint32_t request, double* out, size_t room) {
  MutexLock lock(host_->lock());
  Recorder* recorder = recorders_.Get(id);
  if (recorder == nullptr || room < size_t{recorder->batch} * (recorder->subscriptions.size() + 1)) return -1;
  if (recorder->rows.count() < recorder->batch) {
    recorder->request = request;
    return -1;
  }
  recorder->rows.Take(recorder->batch, out);
  return static_cast<int64_t>(std::exchange(recorder->missed, 0));
}

uint64_t Recorders::Record(uint64_t now) {
  AssertLocked();
  uint64_t next = kNever;
  for (const auto& each : recorders_) {
    const Beats beats = each->grid.Take(now);
    next = std::min(next, each->grid.next());
    if (beats.count == 0) continue;
    double* row;
    each->missed += beats.count - 1 + each->rows.Push(&row);
    *row++ = ToMilliseconds(now);
    for (const uint32_t column : each->subscriptions) *row++ = NewestOf(host_->FeedOf(column));
    if (each->request != 0 && each->rows.count() >= each->batch)
      each->environment->Answer(std::exchange(each->request, 0));
  }
  return next;
}

void Recorders::RemoveEnvironment(const Environment* environment) {
  AssertLocked();
  for (size_t i = recorders_.size(); i-- > 0;) {
    if (recorders_[i]->environment == environment) recorders_.Remove(recorders_[i]->id);
  }
}

}  // namespace tripline
