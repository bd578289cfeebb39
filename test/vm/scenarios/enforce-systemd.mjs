// `tripline run --enforce` under systemd: in units with Delegate=yes, and refused in all others.
import { bin, check, equal, finish, poll, read, scenario } from '../guest/scenario.mjs'

const session = ['XDG_RUNTIME_DIR=/run/user/1000', 'DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus']
const joe = ['setpriv', '--reuid', 'joe', '--regid', 'joe', '--init-groups', 'env', 'HOME=/home/joe', ...session]
const hog = [`${bin}/hog`, '30', '400', '20']
const enforced = ['tripline', 'run', '-v', '--enforce', '--memory', '80MB', '--', ...hog]

await scenario(async () => {
  check('systemd is process 1', read('/proc/1/comm') === 'systemd', read('/proc/1/comm'))
  await poll(async () => (await finish(['systemctl', 'is-active', '--quiet', 'user@1000'])).code === 0)

  const own = await finish(['systemd-run', '-q', '--scope', '-p', 'Delegate=yes', ...enforced])
  equal('a delegated scope: the limit ends the command', own.code, 123)
  check('a delegated scope: the kernel holds it too', /memory\.max 14\d/.test(own.output), own.output)
  const user = await finish([...joe, 'systemd-run', '-q', '--user', '--scope', '-p', 'Delegate=yes', ...enforced])
  equal('a delegated scope of a user: the limit ends the command', user.code, 123)
  check('a delegated scope of a user: the kernel holds it too', /memory\.max 14\d/.test(user.output), user.output)
  const service = await finish(['systemd-run', '-q', '--pipe', '--wait', '-p', 'Delegate=yes', ...enforced])
  equal('a delegated service: the limit ends the command', service.code, 123)

  const other = await finish(['systemd-run', '-q', '--scope', ...enforced])
  equal('a scope that is not delegated is refused', other.code, 125)
  check('the message names Delegate=yes', other.output.includes('Delegate=yes'), other.output)
  const others = await finish([...joe, 'systemd-run', '-q', '--user', '--scope', ...enforced])
  equal('a scope of a user that is not delegated is refused', others.code, 125)
  check('nothing was moved there', !others.output.includes('started'), others.output)
})
