/**
 * The process in which the module of a PKCS#11 token runs: foreign code that may hang or crash in any of its calls.
 * It talks to `token-process.ts` over the channel of `fork`, and ends when that is gone. Imports nothing of ours, so
 * that it starts quickly.
 */

import { createPublicKey, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import type { Handle, PKCS11, Template } from 'pkcs11js'

export interface TokenAccess {
  /** Path of the module of the token's maker. */
  readonly library: string
  readonly tokenLabel: string
  readonly pin: string
}

export type TokenKeyKind = 'P-256' | 'P-384' | 'P-521' | 'rsa-3072'

export type TokenCall =
  | { readonly kind: 'connect'; readonly access: TokenAccess }
  | { readonly kind: 'find'; readonly name: string }
  | { readonly kind: 'create'; readonly name: string; readonly keyKind: TokenKeyKind }
  /** `input`: for RSA the data, for ECDSA its hash. The answer to the latter is r and s, raw. */
  | { readonly kind: 'sign'; readonly name: string; readonly input: Uint8Array }

export interface TokenRequest {
  readonly id: number
  readonly call: TokenCall
}

/** `value`: a SubjectPublicKeyInfo where a key was looked for (null: there is none), or a signature. */
export type TokenAnswer =
  | { readonly id: number; readonly ok: true; readonly value: Uint8Array | null }
  | { readonly id: number; readonly ok: false; readonly message: string }

/** Operations at once. Each holds a thread of the pool, which has four, while the token works. */
export const SESSIONS = 4
/** Without it the module does not lock, and signing on two sessions hangs for good. */
const OS_LOCKING_OK = 2

type Driver = typeof import('pkcs11js')

interface Token {
  readonly api: PKCS11
  readonly constants: Driver
  /** For looking for keys. */
  readonly session: Handle
  /** For signing and making keys; whoever works has one to himself. */
  readonly free: Handle[]
  readonly waiting: ((session: Handle) => void)[]
  readonly keys: Map<string, TokenKey>
}

interface TokenKey {
  readonly handle: Handle
  readonly isRsa: boolean
  readonly spki: Uint8Array
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

/** Required, not imported: Node finds few of the names that this CommonJS module exports. */
function loadDriver(): Driver {
  try {
    return createRequire(import.meta.url)('pkcs11js')
  } catch {
    throw new Error('it needs the package pkcs11js: npm install pkcs11js')
  }
}

async function connect({ library, tokenLabel, pin }: TokenAccess): Promise<Token> {
  const constants = loadDriver()
  const api = new constants.PKCS11()
  api.load(library)
  api.C_Initialize({ flags: OS_LOCKING_OK })
  const slot = api
    .C_GetSlotList(true)
    .find((one) => api.C_GetTokenInfo(one).label.replaceAll('\0', '').trim() === tokenLabel)
  if (slot === undefined) throw new Error(`there is no token labelled "${tokenLabel}"`)
  const flags = constants.CKF_SERIAL_SESSION | constants.CKF_RW_SESSION
  const session = api.C_OpenSession(slot, flags)
  api.C_Login(session, constants.CKU_USER, pin)
  const free = Array.from({ length: SESSIONS }, () => api.C_OpenSession(slot, flags))
  return { api, constants, session, free, waiting: [], keys: new Map() }
}

async function withSession<T>(token: Token, work: (session: Handle) => Promise<T>): Promise<T> {
  const session = token.free.pop() ?? (await new Promise<Handle>((resolve) => token.waiting.push(resolve)))
  try {
    return await work(session)
  } finally {
    const next = token.waiting.shift()
    if (next) next(session)
    else token.free.push(session)
  }
}

function findObject({ api, session }: Token, template: Template): Handle | undefined {
  api.C_FindObjectsInit(session, template)
  try {
    return api.C_FindObjects(session, 1)[0]
  } finally {
    api.C_FindObjectsFinal(session)
  }
}

function findKey(token: Token, name: string): TokenKey | undefined {
  const known = token.keys.get(name)
  if (known) return known
  const { constants } = token
  const label = { type: constants.CKA_LABEL, value: name }
  const handle = findObject(token, [{ type: constants.CKA_CLASS, value: constants.CKO_PRIVATE_KEY }, label])
  const shown = findObject(token, [{ type: constants.CKA_CLASS, value: constants.CKO_PUBLIC_KEY }, label])
  if (!handle || !shown) return undefined
  const key = { handle, ...readPublicKey(token, shown) }
  token.keys.set(name, key)
  return key
}

function readPublicKey({ api, constants, session }: Token, shown: Handle): Omit<TokenKey, 'handle'> {
  const read = (type: number): Buffer => {
    const value = api.C_GetAttributeValue(session, shown, [{ type }])[0]?.value
    return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
  }
  const spkiOf = (jwk: Readonly<Record<string, string>>): Uint8Array =>
    createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' })
  const kind = read(constants.CKA_KEY_TYPE).readUInt8(0)
  if (kind === constants.CKK_RSA) {
    const [n, e] = [read(constants.CKA_MODULUS), read(constants.CKA_PUBLIC_EXPONENT)]
    return {
      isRsa: true,
      spki: spkiOf({ kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') }),
    }
  }
  const parameters = read(constants.CKA_EC_PARAMS)
  const curve = CURVES.find((one) => one.parameters.equals(parameters))
  if (!curve) throw new Error('the key on the token is on no curve that is used here')
  // An OCTET STRING around an uncompressed point, whatever the form of its length.
  const point = read(constants.CKA_EC_POINT).subarray(-2 * curve.coordinateBytes)
  const x = point.subarray(0, curve.coordinateBytes).toString('base64url')
  const y = point.subarray(curve.coordinateBytes).toString('base64url')
  return { isRsa: false, spki: spkiOf({ kty: 'EC', crv: curve.jwk, x, y }) }
}

async function sign(token: Token, name: string, input: Uint8Array): Promise<Uint8Array> {
  const { api, constants } = token
  const key = findKey(token, name)
  if (!key) throw new Error('the key is not on the token any more')
  const mechanism = key.isRsa ? constants.CKM_SHA256_RSA_PKCS : constants.CKM_ECDSA
  return withSession(token, async (session) => {
    api.C_SignInit(session, { mechanism }, key.handle)
    return api.C_SignAsync(session, Buffer.from(input), Buffer.alloc(1024))
  })
}

async function create(token: Token, name: string, kind: TokenKeyKind): Promise<Uint8Array> {
  if (findKey(token, name)) throw new Error('there is a key of that name')
  const { api, constants } = token
  const curve = CURVES.find(({ jwk }) => jwk === kind)
  const common: Template = [
    { type: constants.CKA_TOKEN, value: true },
    { type: constants.CKA_LABEL, value: name },
    { type: constants.CKA_ID, value: randomBytes(16) },
  ]
  const publicParts: Template = curve
    ? [{ type: constants.CKA_EC_PARAMS, value: curve.parameters }]
    : [
        { type: constants.CKA_MODULUS_BITS, value: 3072 },
        { type: constants.CKA_PUBLIC_EXPONENT, value: Buffer.from([1, 0, 1]) },
      ]
  const mechanism = curve ? constants.CKM_EC_KEY_PAIR_GEN : constants.CKM_RSA_PKCS_KEY_PAIR_GEN
  await withSession(token, (session) =>
    api.C_GenerateKeyPairAsync(
      session,
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
  const made = findKey(token, name)
  if (!made) throw new Error('the token made the key but does not show it')
  return made.spki
}

let connected: Promise<Token> | undefined

async function perform(call: TokenCall): Promise<Uint8Array | null> {
  if (call.kind === 'connect') {
    connected = connect(call.access)
    await connected
    return null
  }
  if (!connected) throw new Error('not connected')
  const token = await connected
  if (call.kind === 'find') return findKey(token, call.name)?.spki ?? null
  if (call.kind === 'create') return create(token, call.name, call.keyKind)
  return sign(token, call.name, call.input)
}

/** The first line only: modules write values they were given into the rest. */
const reasonOf = (error: unknown): string =>
  error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : 'unknown error'

process.on('message', ({ id, call }: TokenRequest) => {
  perform(call).then(
    (value) => process.send?.({ id, ok: true, value } satisfies TokenAnswer),
    (error: unknown) => process.send?.({ id, ok: false, message: reasonOf(error) } satisfies TokenAnswer),
  )
})
process.on('disconnect', () => process.exit(0))
