// System call numbers that older headers lack. They are the same on every architecture that Linux 5.x runs on.
#pragma once

namespace tripline {

constexpr long kPidfdSendSignal = 424;
constexpr long kPidfdOpen = 434;
constexpr long kCloseRange = 436;

}  // namespace tripline
