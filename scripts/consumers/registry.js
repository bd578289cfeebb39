// A registry on the loopback interface that serves a few tarballs, for package managers that cannot install a tarball.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

/** Serves these tarballs while `use(address)` runs. */
export async function withRegistry(tarballs, use) {
  const packages = new Map(tarballs.map(describePackage))
  const server = createServer((request, response) => {
    const [name, file] = decodeURIComponent(request.url).slice(1).split('/-/')
    const found = packages.get(name)
    if (found === undefined) response.writeHead(404).end('{}')
    else if (file !== undefined) response.end(found.content)
    else response.end(JSON.stringify(found.about(`http://${request.headers.host}`)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await use(`http://127.0.0.1:${server.address().port}/`)
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

function describePackage(tarball) {
  const content = readFileSync(tarball)
  const manifest = JSON.parse(execFileSync('tar', ['xzOf', tarball, 'package/package.json'], { encoding: 'utf8' }))
  const { name, version } = manifest
  const hash = (algorithm, encoding) => createHash(algorithm).update(content).digest(encoding)
  const about = (address) => ({
    name,
    'dist-tags': { latest: version },
    versions: {
      [version]: {
        ...manifest,
        dist: {
          tarball: `${address}/${name}/-/${name}-${version}.tgz`,
          shasum: hash('sha1', 'hex'),
          integrity: `sha512-${hash('sha512', 'base64')}`,
        },
      },
    },
  })
  return [name, { content, about }]
}
