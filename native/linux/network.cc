// network.*: /proc/net/dev, summed over the interfaces that count (interfaces.h), or of one interface that is named.
#include <cstdio>
#include <cstring>

#include "linux/families.h"
#include "linux/file.h"
#include "linux/interfaces.h"
#include "linux/parse/counters.h"
#include "port/platform.h"
#include "port/traffic.h"

namespace tripline {

namespace {

constexpr uint64_t kPeriod = 100 * kMillisecond;
constexpr MetricMask kOfErrors = MaskOf(Metric::kNetworkErrors) | MaskOf(Metric::kNetworkDrops);
constexpr size_t kLine = 512;  // every line is shorter
// An interface is given to another one only some time after it has appeared, and rarely later.
constexpr uint64_t kFirstWait = kSecond;
constexpr uint64_t kLongestWait = 32 * kSecond;

class NetworkProbe final : public Probe {
 public:
  bool Open(const Selector& selector, Failure* why) {
    selected_.Set(selector.name);
    Text net;
    FindNet(roots_, &net);
    file_.SetPath(net.get(), "/dev");
    rules_.SetRoots(roots_.sys.get(), net.get());
    return selected_.empty() || IsThere(why);
  }

  void Read(uint64_t now, MetricMask wanted, Readings* out) override {
    // Once requested, each column stays on, because two series may take turns reading.
    const MetricMask before = columns_;
    columns_ |= wanted;
    const bool more = columns_ != before;
    if (!more && file_.read_at() != 0 && now - file_.read_at() < kPeriod - kPeriod / 8)
      return traffic_.ReportAgain(out);
    Failure why;
    if (!Refresh(now, &why)) return SetUnavailable(wanted, why, out);
    traffic_.Report(now, out);
  }

  const char* Origin(Metric) const override { return file_.path(); }

 private:
  bool IsSelected(const Interface& interface) const {
    return selected_.empty() ? interface.counts : strcmp(interface.name, selected_.get()) == 0;
  }

  // Checks that the requested interface exists; if it does not, names those that do.
  bool IsThere(Failure* why) {
    Buffer* buffer = SharedBuffer();
    if (!file_.ReadPieces(1, buffer, kLine)) {
      file_.Explain("", why);
      return false;
    }
    FixedText<96> seen;
    InterfaceLine line;
    for (Scanner scan(buffer->data(), buffer->size); NextInterface(&scan, &line);) {
      if (line.name.Is(selected_.get())) return true;
      seen.Add(seen.size() > 0 ? ", " : "").Add(line.name.data, line.name.size);
    }
    snprintf(why->text, sizeof(why->text), "no interface \"%.24s\"; there is %s%s", selected_.get(), seen.get(),
             seen.cut() ? "..." : "");
    return false;
  }

  bool Refresh(uint64_t now, Failure* why) {
    Buffer* buffer = SharedBuffer();
    if (!file_.ReadPieces(now, buffer, kLine)) {
      file_.Explain("", why);
      return false;
    }
    if (!Take(*buffer)) {
      Relist(*buffer);
      wait_ = kFirstWait;
      Choose(now);
      Take(*buffer);
    } else if (now >= choose_at_) {
      if (wait_ < kLongestWait) wait_ *= 2;
      Choose(now);
    }
    if (selected_.empty()) *why = choice_;
    if (!selected_.empty() && !found_)
      snprintf(why->text, sizeof(why->text), "interface %.24s is gone", selected_.get());
    return !why->failed();
  }

  // Adds the growth of the interfaces that count. False if they are not the same interfaces as at the last read.
  bool Take(const Buffer& buffer) {
    size_t count = 0;
    found_ = false;
    InterfaceLine line;
    for (Scanner scan(buffer.data(), buffer.size); NextInterface(&scan, &line); count++) {
      if (count == interfaces_.size() || !line.name.Is(interfaces_[count].name)) return false;
      const Interface& interface = interfaces_[count];
      uint64_t received = 0, sent = 0;
      if (!IsSelected(interface)) continue;
      found_ = true;
      const bool of_received = Wants(columns_, Metric::kNetworkRx), of_sent = Wants(columns_, Metric::kNetworkTx);
      if (!ParseTraffic(line.numbers, of_received ? &received : nullptr, of_sent ? &sent : nullptr)) continue;
      Traffic::Interface* sums = traffic_.Find(interface.id);
      if (of_received) sums->received.AddNarrow(received);
      if (of_sent) sums->sent.AddNarrow(sent);
      uint64_t errors = 0, drops = 0;
      if ((columns_ & kOfErrors) == 0 || !ParseTrafficErrors(line.numbers, &errors, &drops)) continue;
      sums->errors.AddNarrow(errors);
      sums->drops.AddNarrow(drops);
    }
    return count == interfaces_.size();
  }

  // Updates the list of interfaces. The state of those that stay is kept.
  void Relist(const Buffer& buffer) {
    fresh_.clear();
    InterfaceLine line;
    for (Scanner scan(buffer.data(), buffer.size); NextInterface(&scan, &line);) {
      fresh_.push_back(Interface());
      Interface& interface = fresh_.back();
      const Interface* known = Find(line.name);
      if (known != nullptr) {
        interface = *known;
      } else {
        interface.id = ++last_id_;
        memcpy(interface.name, line.name.data, line.name.size);
        interface.rank = rules_.RankOf(interface.name);
      }
    }
    interfaces_.swap(fresh_);
  }

  const Interface* Find(Span name) const {
    for (const Interface& interface : interfaces_) {
      if (name.Is(interface.name)) return &interface;
    }
    return nullptr;
  }

  void Choose(uint64_t now) {
    choose_at_ = now + wait_;
    choice_.Clear();
    if (!selected_.empty()) return;
    rules_.Choose(interfaces_, &choice_);
  }

  bool found_ = false;
  MetricMask columns_ = 0;  // those that were requested
  uint64_t last_id_ = 0;
  uint64_t choose_at_ = 0;
  uint64_t wait_ = 0;
  const Roots roots_;
  Text selected_;  // empty: all interfaces that count
  List<Interface> interfaces_, fresh_;
  File file_;
  Traffic traffic_;
  InterfaceRules rules_;
  Failure choice_;  // why it is not known which ones count
};

}  // namespace

Probe* MakeNetworkProbe(const Selector& selector, Failure* why) { return OpenProbe<NetworkProbe>(selector, why); }

}  // namespace tripline
