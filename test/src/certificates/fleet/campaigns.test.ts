import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { CampaignOrder } from '../../../../src/certificates/fleet/campaigns.ts'
import { answered, createFleetBench, type FleetBench, ID } from './support.ts'

let bench: FleetBench
beforeEach(async () => {
  bench = await createFleetBench()
})
afterEach(() => bench.close())

const LIMITS = {
  waves: [],
  perSite: 10,
  perHour: 100,
  atOnce: 10,
  maxFailures: 0,
  soakS: 0,
  offlineGraceS: 60,
}
const install = () => [
  { use: 'V2GRootCertificate' as const, fingerprint: bench.root('v2g-root').fingerprint },
]
const create = (change: Partial<CampaignOrder> = {}) =>
  bench.fleet.campaigns.create(
    {
      kind: 'roots',
      name: 'r',
      targets: { all: true },
      parameters: { install: install() },
      limits: LIMITS,
      ...change,
    },
    'alice',
  )
const act = (id: string, action: 'start' | 'pause' | 'resume' | 'rollback' | 'cancel') =>
  bench.fleet.campaigns.act(id, action, 'alice')
const state = async (id: string) => (await bench.pki.store.fleet.campaign(id))?.state
const rounds = async (count = 4) => {
  for (let round = 0; round < count; round++) {
    await bench.advance()
    bench.pki.clock.advance(120_000)
  }
}

const untilCutover = async (id: string) => {
  for (let round = 0; (await bench.pki.store.fleet.campaign(id))?.phase === 'install'; round++) {
    if (round > 40) throw new Error(JSON.stringify(await bench.fleet.campaigns.report(id)))
    await rounds(1)
  }
}
const connected = (shown: string | null = null) =>
  bench.pki.store.fleet.recordLinks([
    { stationId: ID, at: new Date(bench.pki.clock.now()).toISOString(), shown },
  ])

describe('A campaign', () => {
  it('can be read before it runs, and sends nothing until it is started', async () => {
    const { id } = await create()
    await rounds()
    expect(bench.station.calls).toEqual([])
    expect(await bench.fleet.campaigns.report(id)).toMatchObject({
      campaign: { state: 'planned' },
      counts: { pending: 1 },
    })
    await act(id, 'start')
    await rounds()
    expect(await state(id)).toBe('finished')
    expect(await bench.fleet.campaigns.report(id)).toMatchObject({ counts: { done: 1 }, rest: [] })
  })

  it('leaves stations out that cannot take part, and says why', async () => {
    await bench.register({ securityProfile: 1 })
    const { id } = await create()
    expect((await bench.fleet.campaigns.report(id)).rest).toMatchObject([
      { stationId: ID, state: 'excluded', reason: 'profile-too-low' },
    ])
  })

  it('halts by itself when too many stations fail, and an operator resumes it', async () => {
    bench.station.answer = (action) =>
      action === 'InstallCertificate' ? answered({ status: 'Failed' }) : undefined
    const { id } = await create()
    await act(id, 'start')
    await rounds(10)
    expect(await state(id)).toBe('halted')
    expect((await bench.pki.store.events.list({ kind: 'csms-security' })).map(({ type }) => type)).toContain(
      'CampaignHalted',
    )
    bench.station.answer = undefined
    await act(id, 'resume')
    await rounds()
    expect(await state(id)).toBe('finished')
  })

  it('goes on without a station that is offline, takes it when it comes back, and names it at the deadline', async () => {
    bench.station.online = false
    const deadline = new Date(bench.pki.clock.now() + 3_600_000).toISOString()
    const { id } = await create({ deadline })
    await act(id, 'start')
    await rounds(3)
    expect(await bench.pki.store.fleet.campaignStation(id, ID)).toMatchObject({
      state: 'deferred',
      reason: 'offline',
    })
    bench.pki.clock.advance(3_600_000)
    await rounds(1)
    expect(await bench.fleet.campaigns.report(id)).toMatchObject({
      campaign: { state: 'finished' },
      counts: { straggler: 1 },
    })
    const second = await create({ deadline: new Date(bench.pki.clock.now() + 36_000_000).toISOString() })
    await act(second.id, 'start')
    await rounds(3)
    bench.station.online = true
    await rounds(3)
    expect(await state(second.id)).toBe('finished')
    expect(await bench.pki.store.fleet.campaignStation(second.id, ID)).toMatchObject({ state: 'done' })
  })

  it('stands still while it is paused', async () => {
    const { id } = await create()
    await act(id, 'start')
    await act(id, 'pause')
    await rounds()
    expect(bench.station.calls).toEqual([])
    await expect(act(id, 'start')).rejects.toMatchObject({ code: 'campaign.conflict' })
    await act(id, 'cancel')
    expect(await state(id)).toBe('cancelled')
  })

  it('is rolled back: what it brought goes, what it took comes back first', async () => {
    bench.station.held.push({ use: 'V2GRootCertificate', certificate: bench.root('v2g20-root') })
    await bench.fleet.addAnchor('V2GRootCertificate', bench.root('v2g20-root').toPem(), 'alice')
    const remove = [{ use: 'V2GRootCertificate' as const, fingerprint: bench.root('v2g20-root').fingerprint }]
    const { id } = await create({ parameters: { install: install(), remove } })
    await act(id, 'start')
    await rounds()
    expect(bench.station.held.map(({ certificate }) => certificate.fingerprint)).toEqual([
      bench.root('v2g-root').fingerprint,
    ])
    await act(id, 'rollback')
    await rounds()
    expect(await state(id)).toBe('rolled-back')
    expect(bench.station.held.map(({ certificate }) => certificate.fingerprint)).toEqual([
      bench.root('v2g20-root').fingerprint,
    ])
  })

  it('shows the former chain again where a station that was here when the new one came stays away, nudged or not', async () => {
    bench.station.held.push({ use: 'CSMSRootCertificate', certificate: bench.root('csms-root') })
    await bench.pki.service.operations.submit({ kind: 'new-generation', line: 'csms-root' }, 'test')
    const { id } = await create({ kind: 'csms-root-rollover', parameters: {} })
    await act(id, 'start')
    await untilCutover(id)
    expect((await bench.fleet.chains.current())?.authorityId).toBe('csms-ca-g2')
    // Gone before anybody could make it reconnect, as after a restart of the service.
    bench.station.online = false
    bench.pki.clock.advance(400_000)
    await rounds(3)
    expect(await bench.fleet.campaigns.report(id)).toMatchObject({
      campaign: { state: 'halted', detail: expect.stringContaining('former chain is shown again') },
      rest: [{ state: 'failed', step: 'reconnect' }],
    })
    expect((await bench.fleet.chains.current())?.authorityId).toBe('csms-ca')
    // Taken up again: the new chain is shown again, and who comes back under it is done.
    bench.station.online = true
    await act(id, 'resume')
    expect((await bench.fleet.chains.current())?.authorityId).toBe('csms-ca-g2')
    bench.pki.clock.advance(1000)
    await connected()
    await rounds(10)
    expect(await state(id)).toBe('finished')
  })

  it('takes a station that was given up back when it shows that it accepts the new chain after all', async () => {
    bench.station.held.push({ use: 'CSMSRootCertificate', certificate: bench.root('csms-root') })
    await bench.pki.service.operations.submit({ kind: 'new-generation', line: 'csms-root' }, 'test')
    const limits = { ...LIMITS, maxFailures: 1, soakS: 1800 }
    const { id } = await create({ kind: 'csms-root-rollover', parameters: {}, limits })
    await act(id, 'start')
    await untilCutover(id)
    bench.station.online = false
    bench.pki.clock.advance(400_000)
    await rounds(2)
    expect(await bench.pki.store.fleet.campaignStation(id, ID)).toMatchObject({ state: 'failed' })
    bench.station.online = true
    await connected()
    await rounds(3)
    expect(await bench.pki.store.fleet.campaignStation(id, ID)).toMatchObject({ state: 'done' })
  })

  it('is not overruled by a look that began before somebody paused it', async () => {
    const { id } = await create()
    await act(id, 'start')
    const before = await bench.pki.store.fleet.campaign(id)
    if (before === undefined) throw new Error('no campaign')
    bench.pki.clock.advance(1)
    await act(id, 'pause')
    expect(await bench.pki.store.fleet.putCampaign({ ...before, wave: 3 }, before)).toBe(false)
    expect(await bench.pki.store.fleet.campaign(id)).toMatchObject({ state: 'paused', wave: 0 })
  })

  it('is refused where it names nothing that is known', async () => {
    await expect(create({ parameters: {} })).rejects.toMatchObject({ code: 'campaign.invalid' })
    await expect(
      create({ parameters: { install: [{ use: 'V2GRootCertificate', fingerprint: '0'.repeat(64) }] } }),
    ).rejects.toMatchObject({ code: 'campaign.invalid' })
    await expect(create({ kind: 'csms-root-rollover', parameters: {} })).rejects.toMatchObject({
      code: 'campaign.invalid',
    })
    await expect(
      create({ kind: 'security-profile', parameters: { url: 'ws://plain' } }),
    ).rejects.toMatchObject({ code: 'campaign.invalid' })
    await expect(bench.fleet.campaigns.report('nothing')).rejects.toMatchObject({ code: 'campaign.unknown' })
  })
})
