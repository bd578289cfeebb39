// The picture of how the parts of tripline work together.
import { THEME } from './theme.js'

const box = (x, y, width, height, name, ...lines) => {
  const texts = lines.map((line, index) => {
    const style = index === 0 ? 't' : 's'
    return `<text x="${x + width / 2}" y="${y + 22 + index * 18}" text-anchor="middle" class="${style}">${line}</text>`
  })
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" class="${name}"/>${texts.join('')}`
}
const arrow = (path, text, x, y) =>
  `<path d="${path}" class="l" marker-end="url(#h)"/><text x="${x}" y="${y}" text-anchor="middle" class="s">${text}</text>`

export function architecture() {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 420" role="img" aria-label="How tripline works">
<title>How tripline works: the sampling thread reads the kernel, judges limits, and cancels operations through shared memory</title>
${THEME}
<defs><marker id="h" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" class="a"/></marker></defs>
${box(10, 10, 740, 150, 'p', 'The JavaScript thread')}
${box(30, 50, 160, 90, 'q', 'Guard', 'limits, breach, clear', 'evidence')}
${box(220, 50, 160, 90, 'q', 'Operation', 'isCanceled, signal', 'one reason, clean-up')}
${box(410, 50, 150, 90, 'q', 'Command', 'run, limits', 'a tree of processes')}
${box(580, 50, 150, 90, 'q', 'Ticker, recorder,', 'limiter, watchdog', 'http, BullMQ …')}
${box(220, 200, 320, 56, 'n', 'Shared memory', 'newest values, flags of guards and deadlines')}
${box(10, 296, 740, 114, 'p')}
<text x="30" y="318" class="t">The sampling thread <tspan dx="8" class="s">one per process, in C++; asleep while nothing is watched</tspan></text>
${box(30, 332, 210, 64, 'q', 'Sources', '/proc, /sys, PSI, cgroups …')}
${box(275, 332, 210, 64, 'q', 'Series and limits', 'for, hysteresis, deadlines')}
${box(520, 332, 210, 64, 'q', 'Acts', 'flag, wake-up, interrupt, kill')}
${arrow('M240 364H272', '', 0, 0)}
${arrow('M485 364H517', '', 0, 0)}
${arrow('M460 332V260', 'writes', 486, 284)}
${arrow('M300 200V144', 'read without a call, also in a blocked loop', 446, 184)}
${arrow('M110 140V332', '', 0, 0)}
<text x="104" y="236" text-anchor="end" class="s">limits</text>
${arrow('M660 332V144', '', 0, 0)}
<text x="668" y="236" class="s">a breach</text>
</svg>
`
}
