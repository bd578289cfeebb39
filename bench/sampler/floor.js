// Compares the sampler's passes and thread with bare loops that make the same system calls (native.cc).
import { row } from '../lib/suite.js'
import { measure } from './native.js'

export function measureNative(add) {
  for (const { name, metrics, ours, bare, ratio, preads, opens, unavailable, helper } of measure('floor')) {
    if (unavailable || helper) {
      const note = unavailable ? 'not on this machine' : 'a helper thread reads it'
      add(row(`one sample: ${name}`, undefined, 'x', { note }))
      continue
    }
    const files = `${preads} file reads and ${opens} opens per sample`
    add(
      row(`one sample: ${name}`, ratio, 'x the bare calls', {
        // 150 ns per metric if the calls are cheap.
        atMost: Number(Math.max(1.15, 1 + (150 * metrics) / bare).toFixed(2)),
        note: `${Math.round(ours)} against ${Math.round(bare)} ns; ${files}`,
      }),
    )
  }

  for (const { limits, sample, each } of measure('limits')) {
    if (limits === 1) continue
    add(
      row(`${limits} limits on one metric`, each, 'ns each per sample', {
        atMost: 5,
        note: `${Math.round(sample)} ns per sample`,
      }),
    )
  }

  for (const { hz, ours, bare, wake, ratio } of measure('ticks')) {
    add(
      row(`wake-up and read of two fast sources at ${hz} Hz`, ratio, 'x a bare thread', {
        ...(hz === 1000 && { atMost: 1.3 }),
        note: `CPU per tick: ${us(ours)} against ${us(bare)} µs; ${us(wake)} for a bare wake-up alone`,
      }),
    )
  }
}

function us(nanoseconds) {
  return (nanoseconds / 1000).toFixed(1)
}
