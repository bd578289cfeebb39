// node calm.js WATCH GROUP FILE: what must not be taken for a shortage, in a process that starts in the group. Prints for each
// phase whether the watch reported, and the most that was allocated meanwhile: below the line, each report is a false alarm.
import { open, unlink } from 'node:fs/promises'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { allocatedIn } from '../lib/cgroup.js'
import { fillTo, kept } from './fill.js'
import { FREE } from './watches.js'

const [name, group, file] = process.argv.slice(2)
const { isOver } = await FREE[name]()

// More than the group may have: 700 MB.
const BLOCKS = 175

const phases = {}
let phase

/** One chunk of work is done: the watch may report. */
async function step() {
  await turn()
  phase.most = Math.max(phase.most, allocatedIn(group))
  if (isOver()) phase.alarm = true
}

async function during(what, body) {
  phase = phases[what] = { most: 0, alarm: false }
  await body()
  // Long enough for the slowest sampling to see the end of it.
  for (let waited = 0; waited < 12; waited++) {
    await sleep(100)
    await step()
  }
}

async function grow(to) {
  for (let bytes = allocatedIn(group); bytes < to; bytes += 10e6) {
    fillTo(bytes, () => allocatedIn(group))
    await step()
  }
}

function drop() {
  kept.length = 0
  globalThis.gc()
}

await during('start-up', async () => {
  for (const each of ['effect', 'systeminformation', 'cockatiel', 'pidusage', 'fastify']) {
    await import(each)
    await step()
  }
  await grow(300e6)
})
drop()

await during('sawtooth', async () => {
  for (let tooth = 0; tooth < 5; tooth++) {
    await grow(400e6)
    drop()
    await step()
  }
})

await during('page cache', async () => {
  const block = Buffer.alloc(4e6, 1)
  const written = await open(file, 'w+')
  try {
    for (let each = 0; each < BLOCKS; each++) {
      await written.write(block)
      await step()
    }
    await written.sync()
    for (let each = 0; each < BLOCKS; each++) {
      await written.read(block, 0, block.length, each * block.length)
      await step()
    }
  } finally {
    await written.close()
    await unlink(file)
  }
})

process.stdout.write(`${JSON.stringify(phases)}\n`, () => process.exit())
