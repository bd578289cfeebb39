// CRC-32 as in zlib: the checksum of recordings, which programs in other languages read.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tripline {

uint32_t Crc32(const void* bytes, size_t size);

}  // namespace tripline
