// Identifies the interface between this version and its addon;
// written by scripts/generate-contract.js, not edited by hand.
#pragma once

#include <cstdint>

namespace tripline {

constexpr uint32_t kContract = 1948262642u;

}  // namespace tripline
