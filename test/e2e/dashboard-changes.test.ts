import { execFileSync } from 'node:child_process'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allLoaded, CHROMIUM, DashboardWorld, GRID_LIMIT_A, SITE_ID } from './support/dashboard.ts'

const STATIONS = 3

/** A root of somebody else, as it arrives by mail. */
function selfSignedRoot(): string {
  const text = execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '3650'],
    ...['-keyout', '/dev/null', '-subj', '/CN=Partner V2G Root/O=Partner/DC=V2G'],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  ])
  return String(text)
}

/** What operators change in the dashboard, with stations that do it. */
describe.skipIf(CHROMIUM === undefined)('changes from the dashboard', () => {
  let world: DashboardWorld
  let page: Page

  beforeAll(async () => {
    world = await DashboardWorld.start(STATIONS)
    page = await (await world.context()).newPage()
    page.setDefaultTimeout(10_000)
    await world.signedIn(page)
    await page.getByText(`All ${STATIONS} stations are online.`).waitFor()
  }, 30_000)
  afterAll(() => world?.stop())

  const open = async (screen: string, on: Page = page): Promise<void> => {
    await on.goto(`${world.url}#/${screen}`)
    await on.getByRole('heading', { level: 1 }).waitFor()
    await allLoaded(on)
  }

  test('a root is added, a policy wants it, and the drift names who does not hold it', async () => {
    await open('trust')
    const add = page.getByRole('form', { name: 'Add a root' })
    await add.getByLabel('Certificates, as PEM').fill(selfSignedRoot())
    await add.getByRole('button', { name: 'Add' }).click()
    await page.getByRole('button', { name: 'Remove Partner V2G Root' }).waitFor()
    // What is no certificate is refused beside the form.
    await add.getByLabel('Certificates, as PEM').fill('nothing of the kind')
    await add.getByRole('button', { name: 'Add' }).click()
    await add.getByRole('alert').waitFor()

    const policy = page.getByRole('form', { name: 'Set a policy' })
    await policy.getByLabel('Name of the policy').fill('v2g-everywhere')
    await policy.getByLabel('Use').selectOption('V2GRootCertificate')
    await policy.getByLabel('Partner V2G Root').check()
    await policy.getByRole('button', { name: 'Set policy' }).click()
    await page.getByRole('button', { name: 'Remove v2g-everywhere' }).waitFor()

    await open('stations/CS-01?tab=certificates')
    await page.getByRole('button', { name: 'Ask the station' }).click()
    await page.getByText('wanted, not installed').waitFor()
    await open('trust?tab=drift')
    await page.getByRole('link', { name: 'CS-01', exact: true }).waitFor()
  })

  const plan = async (name: string): Promise<void> => {
    await open('campaigns/new')
    await page.getByLabel('Kind').selectOption('roots')
    await page.getByLabel('Name', { exact: true }).fill(name)
    await page.getByRole('group', { name: 'Install' }).getByLabel('Partner V2G Root').check()
    await page.getByLabel('Also over connections without TLS').check()
    await page.getByLabel('First waves').fill('1')
    await page.getByLabel('Minutes between waves').fill('0.05')
    await page.getByRole('button', { name: 'Plan', exact: true }).click()
    await page.getByRole('heading', { level: 1, name }).waitFor()
  }

  test('a campaign is planned with its preflight, and halts with the reason at a station that refuses', async () => {
    await world.api('PUT', '/stations/CS-blocked', {
      securityProfile: 1,
      password: 'a-password-of-the-station',
      enrolment: 'blocked',
    })
    for (const station of world.fleet.stations) station.faults.set({ reject: ['InstallCertificate'] })
    await plan('V2G root for all')
    await page.getByText('1 station: pending or blocked').waitFor()
    await page.locator('[data-wave="2"]').getByText('2 pending').waitFor()
    await page.getByRole('button', { name: 'Start' }).click()
    await page.getByText('Halted:').waitFor({ timeout: 20_000 })
    expect(await page.getByRole('alert').textContent()).not.toBe('Halted:')
    await page.locator('[data-wave="1"]').getByText('1 failed').waitFor()

    for (const station of world.fleet.stations) station.faults.set({ reject: [] })
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('cancelled', { exact: true }).waitFor()
  }, 60_000)

  test('a campaign runs wave by wave, pauses and goes on', async () => {
    await open('campaigns/new')
    await page.getByLabel('Kind').selectOption('basic-auth-password')
    await page.getByLabel('Name', { exact: true }).fill('New passwords')
    await page.getByLabel('First waves').fill('1')
    await page.getByLabel('Minutes between waves').fill('0.05')
    await page.getByRole('button', { name: 'Plan', exact: true }).click()
    await page.getByRole('button', { name: 'Start' }).click()
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByText('paused', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByText('finished', { exact: true }).waitFor({ timeout: 40_000 })
    await page.locator('[data-wave="2"]').getByText('2 done').waitFor()
    await open('campaigns')
    await page.getByRole('link', { name: 'New passwords' }).waitFor()
  }, 80_000)

  test('what was said is found again, without the secrets in it', async () => {
    await open('messages?action=SetVariables&station=CS-01')
    const first = page.locator('details.payload').first()
    await first.locator('summary').click()
    expect(await page.locator('main').textContent()).toContain('BasicAuthPassword')
    await open('messages?text=Simulated')
    await page.getByRole('cell', { name: 'BootNotification' }).first().waitFor()
    await page.getByLabel('Search').fill('nobody ever said this')
    await page.getByText('No message fits these filters.').waitFor()
    const lines = await page.evaluate(async () =>
      (await fetch('/api/v1/messages.ndjson?action=SetVariables')).text(),
    )
    expect(lines).toContain('SetVariables')
    expect(lines).not.toMatch(/"attributeValue":"[A-Za-z0-9_-]{30,}"/)
    await open('stations/CS-01?tab=messages')
    await page.getByRole('cell', { name: 'BootNotification' }).first().waitFor()
  })

  test('a weekly schedule and a silent grid source hold the site down, each by its name', async () => {
    await open(`sites/${SITE_ID}?tab=sources`)
    const source = page.getByRole('form', { name: 'Add a grid source' })
    await source.getByLabel('Name of the source').fill('dso')
    await source.getByLabel('Failsafe').fill('20')
    await source.getByRole('button', { name: 'Add source' }).click()
    const inForce = page.getByRole('region', { name: 'Limits in force' })
    await inForce.getByText('silent: failsafe holds').waitFor()

    const schedule = page.getByRole('form', { name: 'Add to a schedule' })
    await schedule.getByLabel('Schedule').fill('night')
    await schedule.getByLabel('From').fill('00:00')
    await schedule.getByLabel('To').fill('24:00')
    await schedule.getByLabel('Limit').fill('18')
    for (const day of ['Sat', 'Sun']) await schedule.getByLabel(day).check()
    await schedule.getByRole('button', { name: 'Add' }).click()
    await inForce.getByText('night').waitFor()
    await page.getByText('Mon to Sun, 00:00 to 24:00: 18 A on grid').waitFor()

    await open(`sites/${SITE_ID}`)
    await page.locator('[data-node=grid]').getByText('of 18 A').first().waitFor()
    await open(`sites/${SITE_ID}?tab=plan`)
    await page.getByText('18 A, set by the schedule night').first().waitFor()
    await open(`sites/${SITE_ID}?tab=sources`)
    await page.getByRole('button', { name: 'Remove night' }).click()
    await page.getByRole('button', { name: 'Remove dso' }).click()
    await open(`sites/${SITE_ID}`)
    await page.locator('[data-node=grid]').getByText(`of ${GRID_LIMIT_A} A`).first().waitFor()
  })

  test('a moment of the record is decided again, and comes to the same', async () => {
    world.plugAll()
    await open(`sites/${SITE_ID}`)
    await page.getByText('held back').first().waitFor()
    await open(`sites/${SITE_ID}?tab=record&at=${new Date().toISOString()}`)
    await page.getByText('decided the same way today').waitFor()
    await page.getByRole('region', { name: 'Charging points' }).getByText('CS-01 · 1').waitFor()
  })

  test('the profiles that a station should hold are shown beside what it said when it was asked', async () => {
    await open('stations/CS-01?tab=profiles')
    const believed = page.getByRole('region', { name: 'Believed profiles' })
    await believed.getByText('safe default').first().waitFor()
    await believed.getByText('accepted').first().waitFor()
    // The service asks a station minutes after it came: here is what it would have found at one that does not obey.
    const computed = [{ evseId: 1, unit: 'A', limit: 32, believed: 9, exceeds: true }]
    const findings = ['EVSE 1 computes 32 A, more than 9 A']
    const readBack = { at: new Date().toISOString(), result: 'differs', findings, profiles: [], computed }
    await page.route('**/stations/CS-01/profiles', (route) =>
      route.fulfill({
        json: { believed: [], trust: { avoidUnit: 'W', distrusted: true }, readBack },
      }),
    )
    await page.getByText('more than it may').waitFor()
    await page.getByText('EVSE 1 computes 32 A, more than 9 A').waitFor()
    await page.getByText('distrusted').waitFor()
    await page.unroute('**/stations/CS-01/profiles')
  })

  test('a key is made, shown once, used, and refused from the moment it is revoked', async () => {
    await open('keys')
    const form = page.getByRole('form', { name: 'Make a key' })
    await form.getByLabel('Name').fill('wall-screen')
    await form.getByRole('button', { name: 'Make the key' }).click()
    const secret = (await form.locator('[data-secret]').textContent()) ?? ''
    expect(secret).toMatch(/^gk_/)
    const context = await world.context()
    const other = await context.newPage()
    await world.signedIn(other, secret)
    await page.getByRole('button', { name: 'Revoke wall-screen' }).click()
    await page.getByText(/revoked \d/).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'API keys' }).waitFor()
    expect(await page.content()).not.toContain(secret)
    await open('stations', other).catch(() => undefined)
    await other.reload()
    await other.getByRole('heading', { name: 'Sign in' }).waitFor()
    await context.close()
  })

  test('a vehicle is registered and blocked', async () => {
    await open('contracts?tab=vehicles')
    const form = page.getByRole('form', { name: 'Register a vehicle' })
    await form.getByLabel('PCID').fill('WGKTESTCAR1234567X')
    await form.getByRole('button', { name: 'Register' }).click()
    await page.getByRole('button', { name: 'Block WGKTESTCAR1234567X' }).click()
    await page.getByRole('region', { name: 'Vehicles' }).getByText('blocked').waitFor()
  })

  test('a viewer may look at campaigns, roots and sources, and change none of them', async () => {
    const { secret } = (await world.api('POST', '/api-keys', { name: 'reader', role: 'viewer' })) as {
      secret: string
    }
    const context = await world.context()
    const viewer = await context.newPage()
    viewer.setDefaultTimeout(10_000)
    await world.signedIn(viewer, secret)
    await open('campaigns', viewer)
    await viewer.getByRole('link', { name: 'New passwords' }).click()
    await viewer.getByRole('heading', { level: 1, name: 'New passwords' }).waitFor()
    for (const name of ['Roll back', 'Start', 'Cancel'])
      expect(await viewer.getByRole('button', { name }).count(), name).toBe(0)
    await open('campaigns/new', viewer)
    await viewer.getByText('Only a key with the role security or admin may plan campaigns.').waitFor()
    await open('trust', viewer)
    expect(await viewer.getByRole('form').count()).toBe(0)
    await open(`sites/${SITE_ID}?tab=sources`, viewer)
    expect(await viewer.getByRole('form').count()).toBe(0)
    await open('keys', viewer)
    await viewer.getByText('Only a key with the role security or admin sees the keys.').waitFor()
    const status = await viewer.evaluate(async () => {
      const body = JSON.stringify({ kind: 'station-leaf', name: 'mine', targets: { all: true } })
      const headers = { 'content-type': 'application/json' }
      return (await fetch('/api/v1/campaigns', { method: 'POST', headers, body })).status
    })
    expect(status).toBe(403)
    await context.close()
  })
})
