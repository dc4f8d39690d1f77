import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { AXE, allLoaded, CHROMIUM, DashboardWorld, GRID_LIMIT_A, SITE_ID } from './support/dashboard.ts'

const STATIONS = 3
const SCREENS = [
  '',
  `sites/${SITE_ID}`,
  'sites',
  'sessions',
  'stations',
  'stations/CS-01',
  'stations/CS-01?tab=model',
  'stations/CS-01?tab=call',
  'stations/CS-01?tab=certificates',
  `sites/${SITE_ID}?tab=plan`,
  `sites/${SITE_ID}?tab=sources`,
  `sites/${SITE_ID}?tab=record`,
  'campaigns',
  'campaigns/new',
  'trust',
  'trust?tab=drift',
  'trust?tab=others',
  'keys',
  'messages',
  'stations/CS-01?tab=messages',
  'stations/CS-01?tab=profiles',
  'contracts?tab=vehicles',
  'certificates',
  'authorities',
  'issuance',
  'contracts',
  'audit',
  'events',
  'events?tab=kept',
]

describe.skipIf(CHROMIUM === undefined)('the dashboard', () => {
  let world: DashboardWorld
  let page: Page
  const complaints: string[] = []
  const hosts = new Set<string>()

  beforeAll(async () => {
    world = await DashboardWorld.start(STATIONS)
    page = await (await world.context()).newPage()
    page.setDefaultTimeout(10_000)
    page.on('console', (message) => {
      // That nobody is signed in yet is asked, and answered with 401.
      if (message.type() === 'error' && !message.text().includes('401')) complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => hosts.add(new URL(request.url()).host))
  }, 30_000)
  afterAll(() => world?.stop())

  const open = async (screen: string): Promise<void> => {
    await page.goto(`${world.url}#/${screen}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
  }

  test('says what is wrong with a key that nobody knows', async () => {
    await page.goto(world.url)
    await page.getByLabel('API key').fill('gk_wrong')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('Check the API key').waitFor()
  })

  test('signs in with an API key, for a cookie that no script can read', async () => {
    await world.signedIn(page)
    await page.getByText('first-admin').waitFor()
    const cookies = await page.context().cookies()
    expect(cookies).toMatchObject([{ httpOnly: true, sameSite: 'Strict' }])
    expect(await page.evaluate(() => document.cookie + JSON.stringify(localStorage))).not.toContain('gk_')
    await page.reload()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  })

  test('finds what this service noticed about a station among the events that are kept', async () => {
    const authorization = `Basic ${Buffer.from('CS-02:not-the-password').toString('base64')}`
    const intruder = new WebSocket(`${world.service.wsUrl}/CS-02`, ['ocpp2.0.1'], {
      headers: { authorization },
    })
    await new Promise((resolve) => intruder.once('error', resolve))
    await open('events?tab=kept')
    await page.getByLabel('Kind').selectOption('csms-security')
    const row = page.getByRole('row').filter({ hasText: 'CS-02' })
    await row.first().waitFor()
    expect(await row.first().textContent()).toContain('WrongPassword')
    await open('')
  })

  test('shows live that a station goes and comes back', async () => {
    await page.getByText(`All ${STATIONS} stations are online.`).waitFor()
    world.fleet.station('CS-03').goOffline(3_000)
    await page.getByText(`2 of ${STATIONS} stations are online.`).waitFor()
    await page.getByText('CS-03 is offline').waitFor()
    await page.getByText(`All ${STATIONS} stations are online.`).waitFor({ timeout: 20_000 })
  })

  test('a limit that is set binds: the cars draw less than it, and its name is the reason', async () => {
    world.plugAll()
    await open(`sites/${SITE_ID}`)
    const grid = page.locator('[data-node=grid]')
    await grid.getByText(`of ${GRID_LIMIT_A} A`).first().waitFor()
    await page.getByText('held back').first().waitFor()
    const form = page.getByRole('form', { name: 'Set a limit' })
    await form.getByLabel('to', { exact: true }).fill('24')
    await form.getByRole('button', { name: 'Set limit' }).click()
    await grid.getByText('of 24 A').first().waitFor()
    await grid.getByText('limit "manual-grid"').waitFor()
    await page
      .getByText(/grid is full on phase L\d at 24 A/)
      .first()
      .waitFor()
    await page.waitForFunction(() => {
      const values = [...document.querySelectorAll('[data-node=grid] .value')]
      const measured = values.map((value) => Number.parseFloat(value.textContent ?? ''))
      return measured.every((value) => value > 0 && value <= 24)
    })
    await page.getByRole('button', { name: 'Lift manual-grid' }).click()
    await grid.getByText(`of ${GRID_LIMIT_A} A`).first().waitFor()
  })

  test('a session says why it gets this power, link by link', async () => {
    await page.getByRole('link', { name: 'CS-01 · 1' }).click()
    await page.getByRole('heading', { name: 'Why this power' }).waitFor()
    await page.locator('.why').waitFor()
    expect(await page.locator('.chain > li').allInnerTexts()).toEqual([
      expect.stringContaining('The car'),
      expect.stringContaining('CS-01, EVSE 1'),
      expect.stringContaining('grid'),
    ])
  })

  test('sends a call from a form that was made from its schema', async () => {
    await open('stations/CS-01?tab=call')
    await page.getByLabel('requestedMessage').selectOption('Heartbeat')
    await page.getByRole('button', { name: 'Send TriggerMessage' }).click()
    await page.getByText('"status": "Accepted"').waitFor()
    await page.getByLabel('Call', { exact: true }).selectOption('SetVariables')
    await page.getByLabel('attributeValue').waitFor()
    // What the schema refuses is refused by the service, with the place.
    await page.getByLabel('What is sent').fill('{ "setVariableData": [] }')
    await page.getByRole('button', { name: 'Send SetVariables' }).click()
    await page.getByRole('alert').waitFor()
  })

  test('every screen opens, has no serious accessibility finding in light and dark, and fits a phone', async () => {
    const found: string[] = []
    for (const screen of SCREENS) {
      await page.setViewportSize({ width: 1280, height: 800 })
      await open(screen)
      await allLoaded(page)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        found.push(...(await seriousFindings(page)).map((finding) => `${screen} ${colorScheme}: ${finding}`))
      }
      await page.setViewportSize({ width: 390, height: 800 })
      const overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
      if (overflows) found.push(`${screen}: is wider than a phone`)
    }
    expect(found).toEqual([])
  }, 60_000)

  test('on a phone and with the keyboard alone, another screen is a few keys away', async () => {
    await page.setViewportSize({ width: 390, height: 800 })
    await open('')
    await page.reload()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    const menu = page.getByRole('button', { name: 'Menu' })
    await menu.focus()
    await page.keyboard.press('Enter')
    await page.getByRole('link', { name: 'Stations', exact: true }).first().focus()
    await page.keyboard.press('Enter')
    const heading = page.getByRole('heading', { level: 1, name: 'Stations' })
    await heading.waitFor()
    expect(await heading.evaluate((element) => element === document.activeElement)).toBe(true)
    await page.setViewportSize({ width: 1280, height: 800 })
  })

  test('a viewer is shown nothing that it may not do, and refused when it tries', async () => {
    const { secret } = (await world.api('POST', '/api-keys', { name: 'wall-screen', role: 'viewer' })) as {
      secret: string
    }
    const context = await world.context()
    const viewer = await context.newPage()
    await world.signedIn(viewer, secret)
    await viewer.goto(`${world.url}#/sites/${SITE_ID}`)
    await viewer.getByText('Only the limits of the configuration apply.').waitFor()
    expect(await viewer.getByRole('button', { name: 'Set limit' }).count()).toBe(0)
    await viewer.goto(`${world.url}#/stations/CS-01`)
    await viewer.getByRole('link', { name: 'Device model' }).waitFor()
    expect(await viewer.getByRole('link', { name: 'Send a call' }).count()).toBe(0)
    const status = await viewer.evaluate(async (siteId) => {
      const response = await fetch(`/api/v1/sites/${siteId}/limits/mine`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: '{"nodeId":"grid","value":1,"unit":"A"}',
      })
      return response.status
    }, SITE_ID)
    expect(status).toBe(403)
    await context.close()
  })

  test('five thousand stations are a few dozen rows of the page, and the last one is a scroll away', async () => {
    await page.route('**/api/v1/stations?*', async (route) => {
      const after = Number(new URL(route.request().url()).searchParams.get('after') ?? 0)
      await route.fulfill({ json: stationPage(after) })
    })
    await open('sites')
    await open('stations')
    await page.getByText('5,000 stations').waitFor()
    const table = page.getByRole('region', { name: 'Stations' })
    const gapsMs = await table.evaluate(scrollThrough)
    await page.getByRole('link', { name: '4999', exact: true }).waitFor()
    expect(await table.locator('tbody tr').count()).toBeLessThan(60)
    gapsMs.sort((a, b) => a - b)
    const median = gapsMs[Math.floor(gapsMs.length / 2)] ?? 0
    process.stdout.write(`5,000 stations: median frame ${median.toFixed(1)} ms while scrolling\n`)
    expect(median).toBeLessThan(50)
    await page.unroute('**/api/v1/stations?*')
  })

  test('nothing was asked of another host, and nothing broke the policy of the page', () => {
    expect([...hosts]).toEqual([new URL(world.url).host])
    expect(complaints.filter((text) => !text.includes('400'))).toEqual([])
  })
})

async function seriousFindings(page: Page): Promise<string[]> {
  // The policy of the page refuses a script tag; the driver may evaluate.
  await page.evaluate(AXE)
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: {
        run(
          options: object,
        ): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>
      }
    }
    const { violations } = await axe.run({ resultTypes: ['violations'] })
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id} ${nodes[0]?.html.slice(0, 160)}`)
  })
}

function stationPage(after: number): object {
  const at = '2026-03-01T08:00:00.000Z'
  const items = Array.from({ length: 1000 }, (_, index) => ({
    id: String(after === 0 ? index : after + 1 + index),
    online: index % 7 !== 0,
    enrolment: 'active',
    registration: 'Accepted',
    securityProfile: 2,
    hasPassword: true,
    serialNumber: null,
    organisation: null,
    group: null,
    boot: null,
    lastSeenAt: at,
    createdAt: at,
    updatedAt: at,
  }))
  const last = Number(items.at(-1)?.id)
  return { items, next: last >= 4999 ? null : String(last) }
}

/** In the browser: time between frames while the list is scrolled from its beginning to its end. */
async function scrollThrough(element: Element): Promise<number[]> {
  const gaps: number[] = []
  const steps = 60
  let before = performance.now()
  for (let step = 1; step <= steps; step++) {
    element.scrollTop = ((element.scrollHeight - element.clientHeight) * step) / steps
    await new Promise((resolve) => requestAnimationFrame(resolve))
    gaps.push(performance.now() - before)
    before = performance.now()
  }
  return gaps
}
