/**
 * Addresses that a service on the internet never has (SSRF): what a name from outside leads to is judged here, at the
 * moment of connecting. The one list of the whole service; pure.
 */

import { BlockList, isIP } from 'node:net'

const PRIVATE = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // carrier-grade NAT
  ['127.0.0.0', 8],
  ['169.254.0.0', 16], // link-local, and the metadata services of clouds
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24], // documentation, as the two below
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16],
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3], // multicast and reserved
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of [
  ['::', 96], // unspecified, loopback, IPv4-compatible
  ['64:ff9b::', 32], // NAT64, which leads to any IPv4 address
  ['100::', 64], // discarded
  ['2001::', 23], // Teredo and others of the IETF
  ['2001:db8::', 32], // documentation, as 3fff::
  ['2002::', 16], // 6to4, which leads to any IPv4 address
  ['3fff::', 20],
  ['5f00::', 16], // segment routing
  ['fc00::', 7],
  ['fe80::', 9], // link-local and site-local
  ['ff00::', 8],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv6')

/** What is no IP address counts as private. An IPv4 address in IPv6 clothes (::ffff:) is judged as what it is. */
export function isPrivateAddress(address: string): boolean {
  const bare = address.replace(/%.*$/, '')
  const family = isIP(bare)
  return family === 0 || PRIVATE.check(bare, family === 4 ? 'ipv4' : 'ipv6')
}

/** Why this address is not connected to; undefined lets it. */
export const refusePrivate = (address: string): string | undefined =>
  isPrivateAddress(address) ? `${address} is a private address` : undefined
