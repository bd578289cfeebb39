// The sampler's passes and thread against bare loops that make the same system calls (native.cc).
import { row } from '../lib/suite.js'
import { measure } from './native.js'

export function measureNative(add) {
  for (const { name, ours, bare, ratio, preads, opens, unavailable } of measure('floor')) {
    if (unavailable) {
      add(row(`one sample: ${name}`, undefined, 'x', { note: 'not on this machine' }))
      continue
    }
    const files = `${preads} reads and ${opens} opens of a file a sample`
    add(
      row(`one sample: ${name}`, ratio, 'x the bare calls', {
        atMost: 1.15,
        note: `${Math.round(ours)} against ${Math.round(bare)} ns; ${files}`,
      }),
    )
  }

  for (const { limits, sample, each } of measure('limits')) {
    if (limits === 1) continue
    add(
      row(`${limits} limits on one metric`, each, 'ns each per sample', {
        atMost: 5,
        note: `${Math.round(sample)} ns the sample`,
      }),
    )
  }

  for (const { hz, ours, bare, wake, ratio } of measure('ticks')) {
    add(
      row(`wake-up and read of two fast sources at ${hz} Hz`, ratio, 'x a bare thread', {
        ...(hz === 1000 && { atMost: 1.3 }),
        note: `CPU a tick: ${us(ours)} against ${us(bare)} µs; ${us(wake)} for a bare wake-up alone`,
      }),
    )
  }
}

function us(nanoseconds) {
  return (nanoseconds / 1000).toFixed(1)
}
