import { describe, expect, it } from 'vitest'
import { BootGate } from '../../../src/ocpp/boot-gate.ts'
import { solicitedAction } from '../../../src/stations/solicited.ts'

describe('the boot gate', () => {
  it('lets an accepted station send everything', () => {
    expect(new BootGate('Accepted').permits('TransactionEvent', 0)).toBe(true)
  })

  it('lets a pending station send BootNotification and what it was asked for, for a while', () => {
    const gate = new BootGate('Pending')
    expect(gate.permits('BootNotification', 0)).toBe(true)
    expect(gate.permits('NotifyReport', 0)).toBe(false)
    gate.grant('NotifyReport', 0)
    expect(gate.permits('NotifyReport', 1000)).toBe(true)
    expect(gate.permits('Heartbeat', 1000)).toBe(false)
    expect(gate.permits('NotifyReport', 10 * 60_000)).toBe(false)
  })

  it('lets a rejected station only boot', () => {
    const gate = new BootGate('Rejected')
    gate.grant('Heartbeat', 0)
    expect(gate.permits('Heartbeat', 1)).toBe(false)
    expect(gate.permits('BootNotification', 1)).toBe(true)
  })

  it('forgets what it granted when the station is decided about', () => {
    const gate = new BootGate('Pending')
    gate.grant('Heartbeat', 0)
    gate.settle('Rejected')
    gate.settle('Pending')
    expect(gate.permits('Heartbeat', 1)).toBe(false)
  })

  it('knows which message a call of ours asks for', () => {
    expect(solicitedAction('GetBaseReport', { requestId: 1, reportBase: 'FullInventory' })).toBe(
      'NotifyReport',
    )
    expect(solicitedAction('TriggerMessage', { requestedMessage: 'SignCombinedCertificate' })).toBe(
      'SignCertificate',
    )
    expect(solicitedAction('GetVariables', {})).toBeUndefined()
  })
})
