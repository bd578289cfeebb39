// Requests for fresh values: a request is answered once every one of its feeds has been read since.
#pragma once

#include <cstdint>
#include <utility>

#include "util/list.h"

namespace tripline {

class Environment;
class Feed;

// Used under the sampler's lock.
class Requests {
 public:
  // `request` is the environment's own number.
  void Add(Environment* environment, uint32_t request, uint64_t now, List<Feed*> feeds) {
    requests_.push_back(Request{environment, request, now, std::move(feeds)});
  }

  // Answers the requests whose feeds have all been read.
  void Answer();

  // No request waits for this feed any more.
  void Forget(Feed* feed);
  void RemoveEnvironment(const Environment* environment);

  bool empty() const { return requests_.empty(); }

 private:
  struct Request {
    Environment* environment;
    uint32_t number;
    uint64_t since;
    List<Feed*> feeds;
  };

  void Remove(size_t place);

  List<Request> requests_;
};

}  // namespace tripline
