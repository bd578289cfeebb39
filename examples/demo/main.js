// Four programs that get out of hand, and what tripline does about each: `npx tripline demo`. Each part is a file whose
// function `example` is printed and then run.
import { capabilities } from 'tripline'
import * as command from './command.js'
import * as loop from './loop.js'
import * as memory from './memory.js'
import * as page from './page.js'
import * as recorder from './recorder.js'

const PARTS = [memory, loop, command, recorder]

function hasAddon() {
  try {
    return capabilities().length > 0
  } catch (error) {
    if (error.code !== 'ERR_TRIPLINE_NATIVE_MISSING') throw error
    page.paragraph(error.message)
    return false
  }
}

export async function main() {
  // Everything below needs it.
  if (!hasAddon()) return 1
  page.paragraph('Four programs that get out of hand, and what tripline does about each.')
  for (const [index, part] of PARTS.entries()) {
    page.heading(`${index + 1}. ${part.title}`)
    page.paragraph(part.intro)
    page.code(part.example)
    await part.show(page)
    await page.pause()
  }
  page.heading('Next')
  page.note('npx tripline watch      what this machine is doing, live')
  page.note('npx tripline doctor     what works on this machine')
  page.note('npx tripline run --timeout 10m --memory 2GB -- COMMAND')
  return 0
}
