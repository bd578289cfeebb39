// A process whose main thread has ended while another thread runs counts as alive, with its memory and its CPU time.
import {
  MB,
  Subject,
  bin,
  check,
  comes,
  equal,
  poll,
  read,
  scenario,
  start,
  table,
  underLimits,
} from '../guest/scenario.mjs'

await scenario(async () => {
  const child = start([`${bin}/leaderless`, '200', '300'])
  await poll(() => child.output.includes('full'))
  const status = () => table(`/proc/${child.pid}/status`)
  check(
    'the kernel shows a zombie with more than one thread',
    /\) Z /.test(read(`/proc/${child.pid}/stat`)) && status().Threads > 1,
    read(`/proc/${child.pid}/stat`),
  )

  const subject = await Subject.start()
  const of = (metric, more = {}) => subject.value({ metric, pid: child.pid, ...more })
  for (const tree of [false, true]) {
    const rss = await of('process.rss', { tree })
    check(`process.rss is its memory${tree ? ', as a tree' : ''}`, Math.abs(rss.value - 200 * MB) < 20 * MB, rss)
    const count = await of('process.count', { tree })
    equal(`process.count is 1${tree ? ', as a tree' : ''}`, count.value, 1)
  }
  let seen
  const isBusy = async () => (seen = await of('process.cpu', { over: '1s' })).value > 60
  await comes('process.cpu is its CPU', isBusy, () => seen, 15_000)
  await subject
    .guard('big', { 'process.rss': { above: '100MB', pid: child.pid } })
    .catch((error) => check('a guard can be made', false, error.message))
  await subject.comes('a limit on its memory breaches', 'big', 'breach')
  child.kill('SIGKILL')

  const limited = await underLimits('--memory 100MB --kill-after 2s', `${bin}/leaderless 200 20`)
  equal('run ends it for its memory', limited.code, 123)
  const timed = await underLimits('--timeout 3s --kill-after 2s', `${bin}/leaderless 20 40`)
  equal('run ends it when its time is up', timed.code, 124)
})
