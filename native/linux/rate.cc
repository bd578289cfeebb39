#include "linux/rate.h"

namespace tripline {

void Rate::Add(uint64_t now, uint64_t counter) {
  if (has_last && now > last_at) {
    grown += ToDouble(CounterGrowth(last, counter));
    elapsed += Seconds(now - last_at);
  }
  has_last = true;
  last = counter;
  last_at = now;
}

}  // namespace tripline
