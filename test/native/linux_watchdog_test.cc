// The watchdog: what it sends and when, over a datagram socket and a pipe in place of systemd's and of a device.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>

#include "check.h"
#include "port/platform.h"
#include "sampler/environment.h"
#include "sampler/feed.h"
#include "sampler/watchdog.h"

using namespace tripline;

namespace {

class FakeHost final : public Host {
 public:
  Mutex* lock() override { return &lock_; }
  bool EnsureThread(Failure*) override { return !refuse; }
  void WakeBy(uint64_t) override { wakes++; }
  Feed* FeedOf(uint32_t) override { return nullptr; }
  const Guard* GuardOf(uint32_t) override { return nullptr; }

  uint32_t wakes = 0;
  bool refuse = false;

 private:
  Mutex lock_;
};

// Abstract names are shared by all processes of the machine, of which several may run these tests.
std::string OwnName(const char* name) {
  static const std::string suffix = "-" + std::to_string(getpid()) + "-" + std::to_string(MonotonicNow());
  return std::string(1, 0) + name + suffix;
}

// Receives what is sent to an abstract name.
class Manager {
 public:
  explicit Manager(const char* name) : address_(OwnName(name)) {
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, address_.data(), address_.size());
    CHECK_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address),
                  static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size())),
             0);
  }
  ~Manager() { Vanish(); }
  void Vanish() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  // The next datagram; empty if there is none.
  const char* Next() {
    const ssize_t size = recv(fd_, text_, sizeof(text_) - 1, 0);
    text_[size < 0 ? 0 : size] = '\0';
    // Without a NUL of its own.
    CHECK_EQ(strlen(text_), static_cast<size_t>(size < 0 ? 0 : size));
    return text_;
  }

  const std::string& address() const { return address_; }

 private:
  std::string address_;
  int fd_ = -1;
  char text_[1024];
};

struct Fixture {
  Fixture() : environment([](void*) {}, nullptr), watchdog(&host) {}

  int Open(const std::string& address) { return watchdog.Open(&environment, address.data(), address.size()); }

  FakeHost host;
  Environment environment;
  Watchdog watchdog;
  Failure why;
};

GuardSpec SpecOf(Watchdog* watchdog) {
  GuardSpec spec;
  spec.reaction = watchdog->MakeReaction();
  return spec;
}

void SetState(Guard* guard, LimitState state, double value, uint64_t now) {
  guard->limit(0).limit.state = state;
  guard->limit(0).limit.failed_reads = 0;
  guard->limit(0).evidence.value = value;
  guard->Judge(now);
  guard->React();
}

}  // namespace

TEST(WatchdogFeedsAtOnceAndThenOnceAnInterval) {
  Fixture fixture;
  Manager manager("tripline-watchdog-1");
  CHECK_EQ(fixture.Open(manager.address()), 0);
  CHECK(fixture.watchdog.idle());
  CHECK(fixture.watchdog.Start(100, true, -1, &fixture.why));
  CHECK(!fixture.watchdog.idle());
  CHECK_EQ(fixture.watchdog.Feed(1000), 1100u);
  CHECK_EQ(manager.Next(), "WATCHDOG=1");
  CHECK_EQ(fixture.watchdog.Feed(1099), 1100u);
  CHECK_EQ(manager.Next(), "");
  CHECK_EQ(fixture.watchdog.Feed(1130), 1230u);
  CHECK_EQ(manager.Next(), "WATCHDOG=1");
  CHECK_EQ(fixture.watchdog.Stats().fed, 2u);
  fixture.watchdog.Close();
  CHECK(fixture.watchdog.idle());
  CHECK_EQ(fixture.watchdog.Feed(2000), kNever);
  CHECK_EQ(manager.Next(), "");
}

TEST(WatchdogIsWithheldWhileAGuardIsBreachedAndSaysWhyBefore) {
  Fixture fixture;
  Manager manager("tripline-watchdog-2");
  CHECK_EQ(fixture.Open(manager.address()), 0);
  CHECK(fixture.watchdog.Start(100, true, -1, &fixture.why));
  Feed feed(Metric::kEventLoopDelay, 0, nullptr);
  Guard guard(nullptr, SpecOf(&fixture.watchdog), 1);
  guard.limit(0).feed = &feed;
  fixture.watchdog.Feed(1000);
  manager.Next();
  SetState(&guard, LimitState::kBreached, 10012.7, 1050);
  CHECK_EQ(manager.Next(), "STATUS=Watchdog not fed: eventLoop.delay 10012 ms");
  CHECK_EQ(fixture.watchdog.Feed(1100), kNever);
  CHECK(!fixture.watchdog.Stats().feeding);
  CHECK_EQ(manager.Next(), "");
  const uint32_t wakes = fixture.host.wakes;
  SetState(&guard, LimitState::kClear, 0, 5000);
  CHECK(fixture.host.wakes > wakes);
  CHECK_EQ(fixture.watchdog.Feed(5000), 5100u);
  CHECK_EQ(manager.Next(), "WATCHDOG=1");
  // At once, also after a breach that was shorter than the interval.
  SetState(&guard, LimitState::kBreached, 10012.7, 5010);
  manager.Next();
  SetState(&guard, LimitState::kClear, 0, 5020);
  CHECK_EQ(fixture.watchdog.Feed(5020), 5120u);
  CHECK_EQ(manager.Next(), "WATCHDOG=1");
}

TEST(WatchdogNamesTheLineOfThisBlockAndOfNoOther) {
  Fixture fixture;
  Manager manager("tripline-watchdog-6");
  CHECK_EQ(fixture.Open(manager.address()), 0);
  CHECK(fixture.watchdog.Start(100, true, -1, &fixture.why));
  Environment& environment = fixture.environment;
  environment.stack = std::make_unique<BlockedStack>([](void*) {}, nullptr);
  environment.heartbeat.number = 5;
  environment.stack->Ask(5);
  StackCopy* copy = environment.stack->Begin();
  CHECK(copy->Add("render\nREADY=1", "/app/page.js", 12, 7));
  CHECK(copy->Add("", "node:internal/timers", 581, 17));
  environment.stack->End();
  Feed feed(Metric::kEventLoopDelay, 0, nullptr);
  Guard guard(nullptr, SpecOf(&fixture.watchdog), 1);
  guard.limit(0).feed = &feed;
  guard.limit(0).stack = true;
  SetState(&guard, LimitState::kBreached, 600, 1);
  CHECK_EQ(manager.Next(), "STATUS=Watchdog not fed: eventLoop.delay 600 ms in render?READY=1 (/app/page.js:12:7)");
  SetState(&guard, LimitState::kClear, 0, 2);
  environment.heartbeat.number = 6;
  SetState(&guard, LimitState::kBreached, 700, 3);
  CHECK_EQ(manager.Next(), "STATUS=Watchdog not fed: eventLoop.delay 700 ms");
}

TEST(WatchdogHasRoomForALongPath) {
  Fixture fixture;
  Manager manager("tripline-watchdog-8");
  CHECK_EQ(fixture.Open(manager.address()), 0);
  CHECK(fixture.watchdog.Start(100, true, -1, &fixture.why));
  fixture.environment.stack = std::make_unique<BlockedStack>([](void*) {}, nullptr);
  fixture.environment.stack->Ask(1);
  const std::string path = "/" + std::string(330, 'p') + "/page.js";
  const std::string name(120, 'f');
  CHECK(fixture.environment.stack->Begin()->Add(name.c_str(), path.c_str(), 12345, 7));
  fixture.environment.stack->End();
  Feed feed(Metric::kEventLoopDelay, 0, nullptr);
  Guard guard(nullptr, SpecOf(&fixture.watchdog), 1);
  guard.limit(0).feed = &feed;
  guard.limit(0).stack = true;
  SetState(&guard, LimitState::kBreached, 600, 1);
  const std::string status = "STATUS=Watchdog not fed: eventLoop.delay 600 ms in " + name + " (" + path + ":12345:7)";
  CHECK_EQ(manager.Next(), status.c_str());
}

TEST(WatchdogIsFedAgainOnlyWhenNoGuardIsBreachedAnyMore) {
  Fixture fixture;
  Manager manager("tripline-watchdog-3");
  CHECK_EQ(fixture.Open(manager.address()), 0);
  CHECK(fixture.watchdog.Start(100, true, -1, &fixture.why));
  {
    Guard first(nullptr, SpecOf(&fixture.watchdog), 1);
    {
      Guard second(nullptr, SpecOf(&fixture.watchdog), 1);
      SetState(&first, LimitState::kBreached, 1, 1);
      CHECK_EQ(manager.Next(), "STATUS=Watchdog not fed: a condition failed");
      SetState(&second, LimitState::kBreached, 1, 1);
      SetState(&first, LimitState::kClear, 0, 2);
      CHECK_EQ(fixture.watchdog.Feed(1000), kNever);
    }
    // A guard that is gone withholds nothing.
    CHECK_EQ(fixture.watchdog.Feed(1000), 1100u);
    fixture.watchdog.Send("", 0, true);
    CHECK_EQ(fixture.watchdog.Feed(1100), kNever);
    fixture.watchdog.Send("", 0, false);
    CHECK_EQ(fixture.watchdog.Feed(1101), 1201u);
  }
}

TEST(WatchdogTriesAgainSoonAfterItsSocketIsGoneOrFull) {
  Fixture fixture;
  Manager manager("tripline-watchdog-4");
  CHECK_EQ(fixture.Open(manager.address()), 0);
  CHECK(fixture.watchdog.Start(800, true, -1, &fixture.why));
  int error;
  while ((error = fixture.watchdog.Send("FILL=1", 6, false)) == 0) {
  }
  CHECK_EQ(error, EAGAIN);
  CHECK_EQ(fixture.watchdog.Feed(1000), 1100u);
  CHECK_EQ(fixture.watchdog.Stats().failed, 1u);
  CHECK_EQ(fixture.watchdog.Stats().fed, 0u);
  while (manager.Next()[0] != '\0') {
  }
  CHECK_EQ(fixture.watchdog.Feed(1100), 1900u);
  CHECK_EQ(manager.Next(), "WATCHDOG=1");
  manager.Vanish();
  CHECK_EQ(fixture.watchdog.Feed(1900), 2000u);
  CHECK_EQ(fixture.watchdog.Stats().error, ECONNREFUSED);
  // Another receiver of the same name is found.
  Manager successor("tripline-watchdog-4");
  CHECK_EQ(fixture.watchdog.Feed(2000), 2800u);
  CHECK_EQ(successor.Next(), "WATCHDOG=1");
}

TEST(WatchdogFeedsADeviceAndDisarmsItOnceWithItsEnvironment) {
  Fixture fixture;
  CHECK_EQ(fixture.Open(""), 0);
  int ends[2];
  CHECK_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  CHECK(fixture.watchdog.Start(100, false, ends[1], &fixture.why));
  fixture.watchdog.Feed(1000);
  fixture.watchdog.Feed(1100);
  {
    // Without a socket there is nowhere to say why, which is no failure.
    Guard guard(nullptr, SpecOf(&fixture.watchdog), 1);
    SetState(&guard, LimitState::kBreached, 1, 1150);
    CHECK_EQ(fixture.watchdog.Feed(1200), kNever);
    CHECK_EQ(fixture.watchdog.Stats().failed, 0u);
  }
  Environment other([](void*) {}, nullptr);
  fixture.watchdog.RemoveEnvironment(&other);
  CHECK(!fixture.watchdog.idle());
  fixture.watchdog.RemoveEnvironment(&fixture.environment);
  char written[8] = {};
  CHECK_EQ(read(ends[0], written, sizeof(written)), 3);
  CHECK_EQ(memcmp(written, "\0\0V", 3), 0);
  // The end of the file: it was closed.
  CHECK_EQ(read(ends[0], written, sizeof(written)), 0);
  close(ends[0]);
}

TEST(WatchdogIsOneToAProcess) {
  Fixture fixture;
  CHECK_EQ(fixture.Open("/nowhere"), 0);
  CHECK_EQ(fixture.Open("/nowhere"), Watchdog::kTaken);
  fixture.watchdog.Close();
  CHECK_EQ(fixture.Open("/nowhere"), 0);
  fixture.watchdog.Close();
}

TEST(WatchdogThatIsOpenedAgainKnowsNothingOfTheLast) {
  Fixture fixture;
  CHECK_EQ(fixture.Open("/nowhere"), 0);
  CHECK(fixture.watchdog.Start(100, true, -1, &fixture.why));
  fixture.watchdog.Feed(1000);
  CHECK_EQ(fixture.watchdog.Stats().failed, 1);
  CHECK(fixture.watchdog.Stats().error != 0);
  const uint32_t wakes = fixture.host.wakes;
  fixture.watchdog.Send("EXTEND", 6, true);
  fixture.watchdog.Close();
  // The thread may end now.
  CHECK(fixture.host.wakes > wakes);
  CHECK(fixture.watchdog.idle());
  Manager manager("tripline-watchdog-7");
  CHECK_EQ(fixture.Open(manager.address()), 0);
  const WatchdogStats stats = fixture.watchdog.Stats();
  CHECK_EQ(stats.fed, 0);
  CHECK_EQ(stats.failed, 0);
  CHECK_EQ(stats.error, 0);
  // Neither the interval nor the hold is that of before.
  CHECK_EQ(fixture.watchdog.Feed(5000), kNever);
  CHECK(fixture.watchdog.Start(100, true, -1, &fixture.why));
  CHECK_EQ(fixture.watchdog.Feed(5000), 5100u);
  CHECK_EQ(manager.Next(), "WATCHDOG=1");
  fixture.watchdog.Close();
}

TEST(WatchdogGivesItsSocketBack) {
  // The lowest number that is free.
  const auto next = [] {
    const int fd = dup(0);
    close(fd);
    return fd;
  };
  Fixture fixture;
  const int before = next();
  CHECK_EQ(fixture.Open("/nowhere"), 0);
  CHECK(next() != before);
  fixture.watchdog.Close();
  CHECK_EQ(next(), before);
  // Without an address there is no socket, and nothing else is closed.
  CHECK_EQ(fixture.Open(""), 0);
  CHECK_EQ(next(), before);
  fixture.watchdog.Close();
  CHECK_EQ(next(), before);
}

TEST(WatchdogTimeoutOfWhatIsNoDevice) {
  int ends[2];
  CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
  CHECK_EQ(DeviceTimeout(ends[1]), 0u);
  close(ends[0]);
  close(ends[1]);
}

TEST(WatchdogNamesTheLimitThatIsCrossedAndItsValue) {
  Fixture fixture;
  Manager manager("tripline-watchdog-9");
  CHECK_EQ(fixture.Open(manager.address()), 0);
  Feed innocent(Metric::kCpu, 0, nullptr), guilty(Metric::kMemoryAvailable, 0, nullptr);
  Guard guard(nullptr, SpecOf(&fixture.watchdog), 2);
  guard.limit(0).feed = &innocent;
  guard.limit(1).feed = &guilty;
  GuardLimit& limit = guard.limit(1);
  limit.limit.state = LimitState::kBreached;
  limit.evidence.value = 0;
  CHECK(guard.Judge(1));
  guard.React();
  CHECK_EQ(manager.Next(), "STATUS=Watchdog not fed: memory.available 0 bytes");
  limit.limit.state = LimitState::kClear;
  CHECK(guard.Judge(2));
  guard.React();
  // A metric that is missing has no value.
  limit.on_missing = OnMissing::kBreach;
  limit.limit.failed_reads = 2;
  limit.evidence.value = NAN;
  CHECK(guard.Judge(3));
  guard.React();
  CHECK_EQ(manager.Next(), "STATUS=Watchdog not fed: memory.available");
}

TEST(WatchdogIsFedAfterAGuardThatWasNeverBreached) {
  Fixture fixture;
  Manager manager("tripline-watchdog-10");
  CHECK_EQ(fixture.Open(manager.address()), 0);
  CHECK(fixture.watchdog.Start(100, true, -1, &fixture.why));
  {
    Guard guard(nullptr, SpecOf(&fixture.watchdog), 1);
  }
  CHECK(fixture.watchdog.Stats().feeding);
  CHECK_EQ(fixture.watchdog.Feed(1000), 1100u);
  fixture.watchdog.Close();
}

TEST(WatchdogRefusesWhatItCannotUse) {
  Fixture fixture;
  const std::string address(kLongestAddress + 1, 'x');
  CHECK_EQ(fixture.Open(address), ENAMETOOLONG);
  CHECK_EQ(fixture.Open(address.substr(1)), 0);
  fixture.watchdog.Close();
  // No descriptor is left for its socket.
  rlimit before;
  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const int error = fixture.Open("/nowhere");
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  CHECK_EQ(error, EMFILE);
  // It was not taken by that.
  CHECK_EQ(fixture.Open("/nowhere"), 0);
  fixture.host.refuse = true;
  CHECK(!fixture.watchdog.Start(100, true, -1, &fixture.why));
  CHECK(fixture.watchdog.idle());
  fixture.watchdog.Close();
}

TEST(WatchdogWakesTheThreadForWhatIsSentAndForItsEnd) {
  Fixture fixture;
  CHECK_EQ(fixture.Open("/nowhere"), 0);
  uint32_t wakes = fixture.host.wakes;
  // Which may end a hold.
  fixture.watchdog.Send("READY=1", 7, false);
  CHECK(fixture.host.wakes > wakes);
  wakes = fixture.host.wakes;
  fixture.watchdog.Close();
  CHECK(fixture.host.wakes > wakes);
}

TEST(WatchdogFeedsADeviceAgainSoonAfterAFailure) {
  Fixture fixture;
  CHECK_EQ(fixture.Open(""), 0);
  const int device = open("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK(fixture.watchdog.Start(800, false, device, &fixture.why));
  CHECK_EQ(fixture.watchdog.Feed(1000), 1100u);
  CHECK_EQ(fixture.watchdog.Stats().fed, 0);
  CHECK_EQ(fixture.watchdog.Stats().failed, 1);
  fixture.watchdog.Close();
}

TEST(WatchdogThatIsClosedTwiceClosesNothingOfOthers) {
  Fixture fixture;
  CHECK_EQ(fixture.Open("/nowhere"), 0);
  CHECK(fixture.watchdog.Start(100, true, open("/dev/null", O_WRONLY | O_CLOEXEC), &fixture.why));
  fixture.watchdog.Close();
  // They get the numbers that are free again.
  int ends[2];
  CHECK_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  fixture.watchdog.Close();
  for (const int each : ends) CHECK_EQ(close(each), 0);
}

TEST(WatchdogUsesADescriptorWhoseNumberIsZero) {
  const int kept = dup(0);
  Manager manager("tripline-watchdog-11");
  int ends[2];
  CHECK_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  {
    // The socket...
    Fixture fixture;
    close(0);
    CHECK_EQ(fixture.Open(manager.address()), 0);
    Guard guard(nullptr, SpecOf(&fixture.watchdog), 1);
    SetState(&guard, LimitState::kBreached, 1, 1);
    CHECK_EQ(manager.Next(), "STATUS=Watchdog not fed: a condition failed");
    fixture.watchdog.Close();
    CHECK_EQ(fcntl(0, F_GETFD), -1);
  }
  {
    // ...and the device.
    Fixture fixture;
    CHECK_EQ(fixture.Open(""), 0);
    CHECK_EQ(dup2(ends[1], 0), 0);
    CHECK(fixture.watchdog.Start(100, false, 0, &fixture.why));
    fixture.watchdog.Feed(1000);
    fixture.watchdog.Close();
    char written[8] = {};
    CHECK_EQ(read(ends[0], written, sizeof(written)), 2);
    CHECK_EQ(memcmp(written, "\0V", 2), 0);
    CHECK_EQ(fcntl(0, F_GETFD), -1);
  }
  CHECK_EQ(dup2(kept, 0), 0);
  for (const int each : {kept, ends[0], ends[1]}) close(each);
}
