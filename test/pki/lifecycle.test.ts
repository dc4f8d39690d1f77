import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decideWave,
  jitterOf,
  nextRotationStep,
  type RotationStep,
  type RotationView,
  renewalState,
  renewalTimeMs,
} from '../../pki/index.ts'
import { DAY_MS } from './support.ts'

const validity = { notBeforeMs: 0, notAfterMs: 90 * DAY_MS }

describe('renewal', () => {
  it('is due at two thirds of the life, spread to the early side', () => {
    expect(renewalTimeMs(validity, 0)).toBe(60 * DAY_MS)
    expect(renewalTimeMs(validity, 1)).toBe(51 * DAY_MS)
    expect(renewalState(validity, 0, 59 * DAY_MS)).toBe('fresh')
    expect(renewalState(validity, 0, 60 * DAY_MS)).toBe('due')
    expect(renewalState(validity, 0, 82 * DAY_MS)).toBe('urgent')
    expect(renewalState(validity, 0, 91 * DAY_MS)).toBe('expired')
    expect(renewalState(validity, 0, -1)).toBe('notYetValid')
    expect(() => renewalTimeMs(validity, 2)).toThrow(/between 0 and 1/)
  })

  it('spreads serial numbers over the window and is stable for each', () => {
    expect(jitterOf('00')).toBe(0)
    expect(jitterOf('abffffffff')).toBe(1)
    expect(jitterOf('12345678')).toBe(jitterOf('12345678'))
    const serials = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 1, maxLength: 40 })
    fc.assert(fc.property(serials, (serial) => jitterOf(serial) >= 0 && jitterOf(serial) <= 1))
  })
})

const start: RotationView = {
  online: true,
  rootInstalled: undefined,
  oldRootInstalled: undefined,
  canHoldBothRoots: true,
  leafDelivered: false,
  leafInUse: false,
  oldLeafRevoked: false,
  refusals: 0,
}

function apply(view: RotationView, step: RotationStep): RotationView {
  switch (step.kind) {
    case 'inventory':
      return {
        ...view,
        rootInstalled: view.rootInstalled ?? false,
        oldRootInstalled: view.oldRootInstalled ?? true,
      }
    case 'install-root':
      return {
        ...view,
        rootInstalled: true,
        oldRootInstalled: view.canHoldBothRoots ? view.oldRootInstalled : false,
      }
    case 'issue-leaf':
      return { ...view, leafDelivered: true }
    case 'reconnect':
      return { ...view, leafInUse: true }
    case 'revoke-old-leaf':
      return { ...view, oldLeafRevoked: true }
    case 'delete-old-root':
      return { ...view, oldRootInstalled: false }
    default:
      return view
  }
}

function walk(view: RotationView): string[] {
  const steps: string[] = []
  for (let at = view; steps.length < 20; ) {
    const step = nextRotationStep(at)
    steps.push(step.kind)
    if (step.kind === 'done' || step.kind === 'wait' || step.kind === 'stuck') break
    at = apply(at, step)
  }
  return steps
}

describe('rotation', () => {
  it('installs before it issues, proves use before it revokes, deletes last', () => {
    expect(walk(start)).toEqual([
      'inventory',
      'install-root',
      'issue-leaf',
      'reconnect',
      'revoke-old-leaf',
      'delete-old-root',
      'done',
    ])
  })

  it('serves a station that holds one root with a cross-signed chain and swaps the root last', () => {
    expect(walk({ ...start, canHoldBothRoots: false })).toEqual([
      'inventory',
      'issue-leaf',
      'reconnect',
      'revoke-old-leaf',
      'install-root',
      'done',
    ])
    expect(
      nextRotationStep({ ...start, canHoldBothRoots: false, rootInstalled: false, oldRootInstalled: true }),
    ).toEqual({ kind: 'issue-leaf', chain: 'cross-signed' })
  })

  it('waits for offline stations and stops asking after three refusals', () => {
    expect(walk({ ...start, online: false })).toEqual(['wait'])
    expect(walk({ ...start, refusals: 3 })).toEqual(['stuck'])
  })

  it('never removes the old before the new is proven, from any state', () => {
    const views = fc.record({
      online: fc.boolean(),
      rootInstalled: fc.option(fc.boolean(), { nil: undefined }),
      oldRootInstalled: fc.option(fc.boolean(), { nil: undefined }),
      canHoldBothRoots: fc.boolean(),
      leafDelivered: fc.boolean(),
      leafInUse: fc.boolean(),
      oldLeafRevoked: fc.boolean(),
      refusals: fc.nat(5),
    })
    fc.assert(
      fc.property(views, (view) => {
        const step = nextRotationStep(view)
        if (step.kind === 'revoke-old-leaf') return view.leafInUse
        if (step.kind === 'delete-old-root')
          return view.leafInUse && view.rootInstalled === true && view.oldLeafRevoked
        if (step.kind === 'issue-leaf' && step.chain === 'new-root') return view.rootInstalled === true
        return true
      }),
    )
  })

  it('lets the fleet follow only a canary that held', () => {
    const progress = { total: 10, done: 10, failed: 0, startedMs: 0, wave: 0, waves: 2 }
    const policy = { maxFailures: 0.1, soakMs: DAY_MS }
    expect(decideWave({ ...progress, done: 5 }, policy, undefined, 0)).toBe('continue')
    expect(decideWave(progress, policy, 0, DAY_MS / 2)).toBe('soak')
    expect(decideWave(progress, policy, 0, DAY_MS)).toBe('next-wave')
    expect(decideWave({ ...progress, wave: 1 }, policy, 0, DAY_MS)).toBe('finished')
    expect(decideWave({ ...progress, done: 3, failed: 2 }, policy, undefined, 0)).toBe('halt')
  })
})
