// Identifies the interface between this version and its addon;
// written by scripts/generate-contract.js, not edited by hand.
#pragma once

#include <cstdint>

namespace tripline {

constexpr uint32_t kContract = 2427996394u;

}  // namespace tripline
