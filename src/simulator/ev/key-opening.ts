import { createDecipheriv, createECDH, createHash, type KeyObject } from 'node:crypto'
import type { Protocol } from '../../../pki/index.ts'

/**
 * The car's half of contract-key transport: its private key against the ephemeral one of the answer, the key
 * derivation, and the cipher. Written from the specification and not from Gridkeep's sending half, so that a mistake
 * made there is not repeated here.
 */

const CURVES = {
  '15118-2': { openssl: 'prime256v1', size: 32, pointSize: 65 },
  '15118-20': { openssl: 'secp521r1', size: 66, pointSize: 133 },
} as const

export interface SealedContractKey {
  readonly protocol: Protocol
  readonly dhPublicKey: Uint8Array
  readonly encrypted: Uint8Array
  /** PCID and key identifier that a -20 key is bound to. */
  readonly additionalData: Uint8Array
}

/** Decrypts the contract key with the car's private key; throws when the cipher or the point is wrong. */
export function openContractKey(privateKey: KeyObject, sealed: SealedContractKey): Uint8Array {
  const { openssl, size, pointSize } = CURVES[sealed.protocol]
  if (sealed.dhPublicKey.length !== pointSize)
    throw new Error(`DH public key of ${sealed.dhPublicKey.length} octets`)
  const ecdh = createECDH(openssl)
  ecdh.setPrivateKey(scalarOf(privateKey, size))
  const z = ecdh.computeSecret(sealed.dhPublicKey)
  const input = Buffer.concat([Buffer.from('00000001', 'hex'), z, Buffer.from('015556', 'hex')])
  return sealed.protocol === '15118-2'
    ? openCbc(createHash('sha256').update(input).digest().subarray(0, 16), sealed.encrypted)
    : openGcm(createHash('sha512').update(input).digest().subarray(0, 32), sealed)
}

/** Whether the scalar is in the range of the curve and belongs to this public point. */
export function isKeyOf(protocol: Protocol, scalar: Uint8Array, point: Uint8Array): boolean {
  try {
    const ecdh = createECDH(CURVES[protocol].openssl)
    // Refuses zero and everything from the group order on.
    ecdh.setPrivateKey(scalar)
    return ecdh.getPublicKey().equals(point)
  } catch {
    return false
  }
}

function openCbc(key: Uint8Array, field: Uint8Array): Uint8Array {
  if (field.length !== 48) throw new Error(`encrypted key of ${field.length} octets instead of 48`)
  const decipher = createDecipheriv('aes-128-cbc', key, field.subarray(0, 16)).setAutoPadding(false)
  return Buffer.concat([decipher.update(field.subarray(16)), decipher.final()])
}

function openGcm(key: Uint8Array, { encrypted, additionalData }: SealedContractKey): Uint8Array {
  if (encrypted.length !== 94) throw new Error(`encrypted key of ${encrypted.length} octets instead of 94`)
  const decipher = createDecipheriv('aes-256-gcm', key, encrypted.subarray(0, 12), { authTagLength: 16 })
  decipher.setAAD(additionalData)
  decipher.setAuthTag(encrypted.subarray(78))
  return Buffer.concat([decipher.update(encrypted.subarray(12, 78)), decipher.final()])
}

function scalarOf(privateKey: KeyObject, size: number): Uint8Array {
  const { d } = privateKey.export({ format: 'jwk' })
  const scalar = Buffer.from(d ?? '', 'base64url')
  return Buffer.concat([Buffer.alloc(size - scalar.length), scalar])
}
