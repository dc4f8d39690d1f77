export const toHex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && Buffer.compare(a, b) === 0

/**
 * Serial as OCPP writes it: lower-case hex, no leading zeros, sign octet dropped. A negative number, which only
 * foreign CAs issue, gets a minus sign: -1 and 255 have the same octets otherwise, and a CRL may list one of them.
 */
export function serialToHex(serial: Uint8Array): string {
  const hex = toHex(serial)
  return (serial[0] ?? 0) >= 0x80 ? `-${hex}` : hex.replace(/^0+(?=.)/, '')
}
