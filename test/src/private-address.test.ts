import { expect, test } from 'vitest'
import { isPrivateAddress, refusePrivate } from '../../src/private-address.ts'

test.each([
  ['a network of one\u2019s own', ['10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fd00::1']],
  ['this machine', ['127.0.0.1', '127.9.9.9', '0.0.0.0', '::1', '::', '::127.0.0.1']],
  ['the link, and metadata services on it', ['169.254.169.254', 'fe80::1', 'fe80::1%eth0', 'fec0::1']],
  ['carrier-grade NAT', ['100.64.0.1', '100.127.255.255']],
  [
    'documentation and benchmarks',
    ['192.0.2.1', '198.51.100.1', '203.0.113.1', '198.19.0.1', '2001:db8::1', '3fff::1'],
  ],
  ['multicast and reserved', ['224.0.0.1', '255.255.255.255', '240.0.0.1', 'ff02::1', '100::1', '5f00::1']],
  [
    'IPv4 in other clothes',
    ['::ffff:10.0.0.1', '::ffff:7f00:1', '64:ff9b::a00:1', '64:ff9b:1::a00:1', '2002:a00:1::'],
  ],
  ['no address at all', ['nonsense', '', '10.0.0', '1.1.1.1 ', '0x7f.1']],
])('refuses %s', (_what, addresses) => {
  for (const address of addresses) {
    expect(isPrivateAddress(address), address).toBe(true)
    expect(refusePrivate(address), address).toContain('private')
  }
})

test('lets through what is on the internet', () => {
  for (const address of [
    '1.1.1.1',
    '8.8.8.8',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '::ffff:8.8.8.8',
  ])
    expect(refusePrivate(address), address).toBeUndefined()
})
