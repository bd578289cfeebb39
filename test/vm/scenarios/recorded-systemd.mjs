// The recipe for systemd: `ExecStopPost` explains the recording of a service that the kernel has killed for memory.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { check, comes, equal, finish, read, scenario, shell } from '../guest/scenario.mjs'

const program = `
  import { record } from '/app/node_modules/tripline/dist/index.js'
  record({ file: '/run/app/recording', interval: 50, last: '10s' })
  const kept = [Buffer.alloc(11e7, 1)]
  setTimeout(() => setInterval(() => kept.push(Buffer.alloc(4e6, 1)), 1), 2000)`
const unit = `
[Service]
User=joe
ExecStart=/usr/bin/node /run/program.mjs
ExecStopPost=-/usr/local/bin/tripline explain --json /run/app/recording
ExecStopPost=/bin/sh -c 'echo $SERVICE_RESULT >/run/app/result'
StandardOutput=append:/run/verdict
Environment=PATH=/usr/local/bin:/usr/bin:/bin
RuntimeDirectory=app
RuntimeDirectoryPreserve=yes
MemoryMax=200M
MemorySwapMax=0
TimeoutStopSec=600
`

await scenario(async () => {
  await finish(['sysctl', '-q', 'kernel.dmesg_restrict=1'])
  writeFileSync('/run/program.mjs', program)
  writeFileSync('/run/systemd/system/recorded.service', unit)
  await shell('systemctl daemon-reload && systemctl start recorded')
  await comes(
    'the service has ended, and ExecStopPost has run',
    () => existsSync('/run/app/result'),
    async () => (await finish(['systemctl', 'status', 'recorded'])).output,
  )
  equal('systemd says why', read('/run/app/result'), 'oom-kill')
  const { end, certainty, proofs } = JSON.parse(readFileSync('/run/verdict', 'utf8'))
  equal('the verdict is the same, without the log', `${end} ${certainty}`, 'oom proved')
  check(
    'the group proves it',
    proofs.some((each) => each.includes('memory.events')),
    proofs,
  )
})
