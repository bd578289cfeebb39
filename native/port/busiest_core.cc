#include "port/busiest_core.h"

namespace tripline {

void BusiestCore::Begin(uint64_t now) {
  // An average that spans a standstill of this process or of the machine says nothing about the present.
  if (count_ > 0 && now - MarkAt(count_ - 1) > kLongestGap) count_ = 0;
  now_ = now;
  added_ = 0;
  for (Sample& each : current_) each = Sample();
}

void BusiestCore::Add(uint32_t number, double busy, double all) {
  while (current_.size() <= number) current_.push_back(Sample());
  current_[number].busy = busy;
  current_[number].all = all;
  added_++;
}

void BusiestCore::Report(MetricMask wanted, Readings* out) {
  if (!Wants(wanted, Metric::kCpuCore)) return;
  if (added_ == 0) {
    Failure why;
    why.Set("the system shows no times of single processors");
    count_ = 0;
    return SetUnavailable(MaskOf(Metric::kCpuCore), why, out);
  }
  // Keep one mark that is at least a window old; marks before it are not used again.
  while (count_ > 1 && now_ - MarkAt(1) >= kWindow - kWindow / 64) {
    first_ = (first_ + 1) % kMarks;
    count_--;
  }
  if (count_ > 0 && now_ - MarkAt(0) >= kWindow - kWindow / 64) {
    const List<Sample>& base = samples_[first_];
    double largest = -1;
    for (size_t i = 0; i < base.size() && i < current_.size(); i++) {
      const double all = current_[i].all - base[i].all;
      if (base[i].all < 0 || current_[i].all < 0 || all <= 0) continue;
      const double share = 100 * (current_[i].busy - base[i].busy) / all;
      if (share > largest) largest = share;
    }
    if (largest >= 0) out->SetLevel(Metric::kCpuCore, largest < 100 ? largest : 100);
  }
  if (count_ > 0 && now_ - MarkAt(count_ - 1) < kWindow / kMarks) return;
  if (count_ == kMarks) {
    first_ = (first_ + 1) % kMarks;
    count_--;
  }
  const uint32_t place = (first_ + count_) % kMarks;
  at_[place] = now_;
  samples_[place].clear();
  for (const Sample& each : current_) samples_[place].push_back(each);
  count_++;
}

}  // namespace tripline
