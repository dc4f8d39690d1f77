import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCall, encodeError, encodeResult, parseFrame } from '../../../src/ocpp/frame.ts'

const id = fc.string({ minLength: 1, maxLength: 36 })

describe('parseFrame', () => {
  it('never throws and always says what a text is', () => {
    const kinds = new Set(['call', 'result', 'error', 'broken'])
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.array(fc.jsonValue()).map((x) => JSON.stringify(x)),
        ),
        (text) => {
          expect(kinds.has(parseFrame(text).kind)).toBe(true)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('survives any damage to a good frame', () => {
    const good = encodeCall('id-1', 'StatusNotification', {
      evseId: 1,
      customData: { vendorId: 'x', deep: [[[{}]]] },
    })
    fc.assert(
      fc.property(
        fc.nat(good.length),
        fc.nat(good.length),
        fc.string({ maxLength: 8 }),
        (from, length, insert) => {
          const frame = parseFrame(good.slice(0, from) + insert + good.slice(from + length))
          if (frame.kind === 'broken') expect(frame.description).not.toBe('')
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('reads back what it encodes', () => {
    fc.assert(
      fc.property(
        id,
        fc.string(),
        fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })),
        (messageId, action, payload) => {
          const plain: unknown = JSON.parse(JSON.stringify(payload))
          expect(parseFrame(encodeCall(messageId, action, payload))).toEqual({
            kind: 'call',
            id: messageId,
            action,
            payload: plain,
          })
          expect(parseFrame(encodeResult(messageId, payload))).toEqual({
            kind: 'result',
            id: messageId,
            payload: plain,
          })
        },
      ),
    )
  })

  it('answers with the id of the sender wherever it can be read, and with -1 where not', () => {
    expect(parseFrame('[2,"abc"]')).toMatchObject({ kind: 'broken', id: 'abc', code: 'RpcFrameworkError' })
    expect(parseFrame('[2,17,"Heartbeat",{}]')).toMatchObject({ id: '-1', code: 'RpcFrameworkError' })
    expect(parseFrame(`[2,"${'x'.repeat(37)}","Heartbeat",{}]`)).toMatchObject({
      id: '-1',
      code: 'RpcFrameworkError',
    })
    expect(parseFrame('[2,"","Heartbeat",{}]')).toMatchObject({ id: '-1' })
    expect(parseFrame('not json')).toMatchObject({ id: '-1', code: 'RpcFrameworkError' })
    expect(parseFrame('{"a":1}')).toMatchObject({ id: '-1', code: 'RpcFrameworkError' })
    expect(parseFrame('[]')).toMatchObject({ id: '-1', code: 'RpcFrameworkError' })
  })

  it('refuses message types that do not exist with MessageTypeNotSupported', () => {
    for (const type of [0, 1, 5, 6, 99, -1])
      expect(parseFrame(`[${type},"abc","Heartbeat",{}]`)).toMatchObject({
        id: 'abc',
        code: 'MessageTypeNotSupported',
      })
    expect(parseFrame('["2","abc","Heartbeat",{}]')).toMatchObject({ id: 'abc', code: 'RpcFrameworkError' })
  })

  it('takes null as "no payload", as part 4 permits', () => {
    expect(parseFrame('[2,"a","Heartbeat",null]')).toEqual({
      kind: 'call',
      id: 'a',
      action: 'Heartbeat',
      payload: {},
    })
  })

  it('never wants a broken answer to be answered', () => {
    for (const text of ['[3]', '[3,1,{}]', '[3,"a"]', '[3,"a",{},{}]', '[4]', '[4,"a"]', '[4,"a",7,"",{}]'])
      expect(parseFrame(text)).toMatchObject({ kind: 'broken', answerable: false })
  })

  it('accepts a CALLERROR without description or details', () => {
    expect(parseFrame('[4,"a","GenericError"]')).toEqual({
      kind: 'error',
      id: 'a',
      code: 'GenericError',
      description: '',
      details: {},
    })
  })

  it('refuses a message that nests too deep before it is built', () => {
    const deep = `[2,"a","DataTransfer",{"vendorId":"v","data":${'['.repeat(5000)}${']'.repeat(5000)}}]`
    expect(parseFrame(deep)).toMatchObject({ kind: 'broken', id: '-1', code: 'RpcFrameworkError' })
    const brackets = `[2,"a","DataTransfer",{"vendorId":"v","data":"${'['.repeat(5000)}\\"["}]`
    expect(parseFrame(brackets).kind).toBe('call')
  })
})

describe('encodeError', () => {
  it('keeps the description within 255 characters', () => {
    const [, , , description] = JSON.parse(encodeError('a', 'GenericError', 'x'.repeat(1000)))
    expect(description).toHaveLength(255)
  })
})
