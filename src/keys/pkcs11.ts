import { createHash, createPublicKey, randomBytes } from 'node:crypto'
import type { Handle, PKCS11, Template } from 'pkcs11js'
import {
  PkiError,
  PublicKey,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
  type Signer,
  signatureFromRaw,
} from '../../pki/index.ts'
import { createGate, type Gate } from './gate.ts'
import { type KeyKind, type KeyStore, KeyUnavailable } from './ports.ts'

export interface Pkcs11Options {
  /** Path of the module of the token's maker. */
  readonly library: string
  readonly tokenLabel: string
  readonly pin: string
  readonly deadlineMs: number
}

export interface Pkcs11Keys extends KeyStore {
  close(): void
}

/** Two operations at once: each holds a thread of the pool while the token works, and a stalled one holds it for good. */
const SESSIONS = 2
/** Without it the module does not lock, and signing on two sessions hangs for good. */
const OS_LOCKING_OK = 2
const RETRY_MS = 10_000

interface Token {
  readonly api: PKCS11
  readonly constants: typeof import('pkcs11js')
  readonly sessions: readonly Handle[]
}

interface TokenKey {
  readonly handle: Handle
  readonly publicKey: PublicKey
}

interface Curve {
  readonly jwk: 'P-256' | 'P-384' | 'P-521'
  /** DER of the OID, as CKA_EC_PARAMS has it. */
  readonly parameters: Buffer
  readonly coordinateBytes: number
}

const CURVES: readonly Curve[] = [
  { jwk: 'P-256', parameters: Buffer.from('06082a8648ce3d030107', 'hex'), coordinateBytes: 32 },
  { jwk: 'P-384', parameters: Buffer.from('06052b81040022', 'hex'), coordinateBytes: 48 },
  { jwk: 'P-521', parameters: Buffer.from('06052b81040023', 'hex'), coordinateBytes: 66 },
]

const ALGORITHMS: Readonly<Record<Curve['jwk'], SignatureAlgorithm>> = {
  'P-256': SIGNATURE_ALGORITHMS['ecdsa-with-SHA256'],
  'P-384': SIGNATURE_ALGORITHMS['ecdsa-with-SHA384'],
  'P-521': SIGNATURE_ALGORITHMS['ecdsa-with-SHA512'],
}

/**
 * Keys on a PKCS#11 token: made there, never leaving it. The token is opened at the first use and again after a
 * failure, so the service starts without it and only issuance waits.
 */
export function openPkcs11Keys(options: Pkcs11Options): Pkcs11Keys {
  const gate = createGate({ deadlineMs: options.deadlineMs, maxInFlight: SESSIONS })
  let opened: Promise<Token> | undefined
  const token = (): Promise<Token> => {
    opened ??= connect(options).catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }
  const keys = new Map<string, Signer>()

  async function open(name: string): Promise<Signer | undefined> {
    const known = keys.get(name)
    if (known) return known
    const connected = await token()
    const found = guarded(() => findKey(connected, name))
    if (!found) return undefined
    const signer = createTokenSigner(connected, gate, found)
    keys.set(name, signer)
    return signer
  }

  return {
    open,
    create: async (name, kind) => {
      if (await open(name)) throw new PkiError('argument-invalid', `There is a key ${name} already`)
      const connected = await token()
      await gate.run(async (slot) => generateKey(connected, slot, name, kind))
      const signer = await open(name)
      if (!signer) throw new KeyUnavailable(`The token made the key ${name} but does not show it`, RETRY_MS)
      return signer
    },
    adopt: async (name) => {
      throw new PkiError(
        'argument-invalid',
        `The key ${name} is not taken into the token: import it with the tool of its maker under this label`,
      )
    },
    // A key on a token cannot be handed to TLS.
    exportForTls: async () => undefined,
    close: () => {
      void opened?.then(
        ({ api }) => {
          api.C_Finalize()
          api.close()
        },
        () => undefined,
      )
      opened = undefined
      keys.clear()
    },
  }
}

async function connect({ library, tokenLabel, pin }: Pkcs11Options): Promise<Token> {
  const constants = await import('pkcs11js').catch((cause: unknown) => {
    throw new KeyUnavailable('PKCS#11 needs the package pkcs11js: npm install pkcs11js', RETRY_MS, { cause })
  })
  return guarded(() => {
    const api = new constants.PKCS11()
    api.load(library)
    api.C_Initialize({ flags: OS_LOCKING_OK })
    const slot = api
      .C_GetSlotList(true)
      .find((one) => api.C_GetTokenInfo(one).label.replaceAll('\0', '').trim() === tokenLabel)
    if (slot === undefined) {
      api.C_Finalize()
      api.close()
      throw new KeyUnavailable(`There is no token labelled "${tokenLabel}"`, RETRY_MS)
    }
    const flags = constants.CKF_SERIAL_SESSION | constants.CKF_RW_SESSION
    const sessions = Array.from({ length: SESSIONS }, () => api.C_OpenSession(slot, flags))
    const [first] = sessions
    if (first !== undefined) api.C_Login(first, constants.CKU_USER, pin)
    return { api, constants, sessions }
  })
}

/** Errors of the module become ours, without the values they may quote. */
function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof KeyUnavailable || error instanceof PkiError) throw error
    const reason = error instanceof Error ? error.message.split('\n', 1)[0] : 'unknown error'
    throw new KeyUnavailable(`The PKCS#11 token failed: ${reason}`, RETRY_MS)
  }
}

function sessionOf({ sessions }: Token, slot: number): Handle {
  const session = sessions[slot]
  if (session === undefined) throw new KeyUnavailable('The token has no free session', RETRY_MS)
  return session
}

function findObject({ api, sessions: [session] }: Token, template: Template): Handle | undefined {
  if (session === undefined) return undefined
  api.C_FindObjectsInit(session, template)
  try {
    return api.C_FindObjects(session, 1)[0]
  } finally {
    api.C_FindObjectsFinal(session)
  }
}

function findKey(token: Token, name: string): TokenKey | undefined {
  const { constants } = token
  const label = { type: constants.CKA_LABEL, value: name }
  const handle = findObject(token, [{ type: constants.CKA_CLASS, value: constants.CKO_PRIVATE_KEY }, label])
  const shown = findObject(token, [{ type: constants.CKA_CLASS, value: constants.CKO_PUBLIC_KEY }, label])
  if (!handle || !shown) return undefined
  return { handle, publicKey: readPublicKey(token, shown) }
}

function readPublicKey({ api, constants, sessions: [session] }: Token, shown: Handle): PublicKey {
  const read = (type: number): Buffer => {
    const value = session && api.C_GetAttributeValue(session, shown, [{ type }])[0]?.value
    return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
  }
  const kind = read(constants.CKA_KEY_TYPE).readUInt8(0)
  if (kind === constants.CKK_RSA) {
    const [n, e] = [read(constants.CKA_MODULUS), read(constants.CKA_PUBLIC_EXPONENT)]
    const jwk = { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') }
    return PublicKey.fromKeyObject(createPublicKey({ key: jwk, format: 'jwk' }))
  }
  const parameters = read(constants.CKA_EC_PARAMS)
  const curve = CURVES.find((one) => one.parameters.equals(parameters))
  if (!curve) throw new PkiError('key-unsupported', 'The key on the token is on no curve that is used here')
  // An OCTET STRING around an uncompressed point, whatever the form of its length.
  const point = read(constants.CKA_EC_POINT).subarray(-2 * curve.coordinateBytes)
  const jwk = {
    kty: 'EC',
    crv: curve.jwk,
    x: point.subarray(0, curve.coordinateBytes).toString('base64url'),
    y: point.subarray(curve.coordinateBytes).toString('base64url'),
  }
  return PublicKey.fromKeyObject(createPublicKey({ key: jwk, format: 'jwk' }))
}

function createTokenSigner(token: Token, gate: Gate, { handle, publicKey }: TokenKey): Signer {
  const { api, constants } = token
  const isRsa = publicKey.kind === 'rsa'
  const curve = CURVES.find(({ jwk }) => jwk === publicKey.curve)
  const algorithm = isRsa ? SIGNATURE_ALGORITHMS.sha256WithRSAEncryption : ALGORITHMS[curve?.jwk ?? 'P-256']
  const mechanism = isRsa ? constants.CKM_SHA256_RSA_PKCS : constants.CKM_ECDSA
  return {
    algorithm,
    publicKeySpki: publicKey.spki,
    sign: (data) =>
      gate.run(async (slot) => {
        const session = sessionOf(token, slot)
        const input = isRsa
          ? Buffer.from(data)
          : createHash(algorithm.hash ?? 'sha256')
              .update(data)
              .digest()
        guarded(() => api.C_SignInit(session, { mechanism }, handle))
        const raw = await api
          .C_SignAsync(session, input, Buffer.alloc(1024))
          .catch((error: unknown) => guarded(() => rethrow(error)))
        return isRsa ? raw : signatureFromRaw(raw)
      }),
  }
}

function rethrow(error: unknown): never {
  throw error
}

async function generateKey(token: Token, slot: number, name: string, kind: KeyKind): Promise<void> {
  const { api, constants } = token
  const curve = CURVES.find(({ jwk }) => jwk === kind)
  const id = randomBytes(16)
  const common: Template = [
    { type: constants.CKA_TOKEN, value: true },
    { type: constants.CKA_LABEL, value: name },
    { type: constants.CKA_ID, value: id },
  ]
  const publicParts: Template = curve
    ? [{ type: constants.CKA_EC_PARAMS, value: curve.parameters }]
    : [
        { type: constants.CKA_MODULUS_BITS, value: 3072 },
        { type: constants.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
      ]
  const mechanism = curve ? constants.CKM_EC_KEY_PAIR_GEN : constants.CKM_RSA_PKCS_KEY_PAIR_GEN
  guarded(() =>
    api.C_GenerateKeyPair(
      sessionOf(token, slot),
      { mechanism },
      [...common, { type: constants.CKA_VERIFY, value: true }, ...publicParts],
      [
        ...common,
        { type: constants.CKA_PRIVATE, value: true },
        { type: constants.CKA_SIGN, value: true },
        { type: constants.CKA_SENSITIVE, value: true },
        { type: constants.CKA_EXTRACTABLE, value: false },
      ],
    ),
  )
}
