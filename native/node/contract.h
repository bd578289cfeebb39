// The number of what this version and its addon have agreed upon,
// written by scripts/generate-contract.js: not to be edited by hand.
#pragma once

#include <cstdint>

namespace tripline {

constexpr uint32_t kContract = 3116968818u;

}  // namespace tripline
