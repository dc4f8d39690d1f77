// Makes the screenshots of the documentation from a running demo, in a headless Chromium.
//
//   npm run build && node tools/screenshots.mjs [--chromium /usr/bin/chromium] [--out docs/screenshots]
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'

const { values } = parseArgs({
  options: {
    chromium: { type: 'string', default: '/usr/bin/chromium' },
    out: { type: 'string', default: 'docs/screenshots' },
  },
})
/** Until cars have come, charged and filled the site. */
const WARM_UP_MS = 45_000
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const SHOTS = [
  { name: 'overview', hash: '' },
  { name: 'site', hash: 'sites/demo', height: 1240 },
  { name: 'site-dark-phone', hash: 'sites/demo', width: 390, height: 844, scheme: 'dark' },
  { name: 'session', hash: 'SESSION', height: 820 },
  { name: 'station', hash: 'stations/DEMO-002' },
  { name: 'call', hash: 'stations/DEMO-002?tab=call' },
  { name: 'certificates', hash: 'certificates' },
  { name: 'authorities', hash: 'authorities', scheme: 'dark' },
  { name: 'audit', hash: 'audit' },
  { name: 'site-sources', hash: 'sites/demo?tab=sources' },
  { name: 'site-plan', hash: 'sites/demo?tab=plan' },
  { name: 'site-record', hash: 'sites/demo?tab=record' },
  { name: 'messages', hash: 'messages' },
  { name: 'trust', hash: 'trust' },
  { name: 'campaign', hash: 'CAMPAIGN' },
]

const demo = spawn(process.execPath, ['dist/src/main.js', 'demo', '--http-port', '0', '--seed', '5'], {
  stdio: ['ignore', 'ignore', 'pipe'],
})
try {
  const { url, key } = await started()
  await shoot(url, key)
} finally {
  demo.kill('SIGINT')
}

function started() {
  return new Promise((resolve, reject) => {
    let text = ''
    demo.stderr.on('data', (chunk) => {
      text = (text + chunk).slice(-4000)
      const found = /Dashboard +(\S+) +\(sign in with (\S+)\)/.exec(text)
      if (found) resolve({ url: found[1], key: found[2] })
    })
    demo.once('exit', () => reject(new Error(`The demo ended before it said where it is: ${text}`)))
  })
}

async function shoot(url, key) {
  mkdirSync(values.out, { recursive: true })
  const browser = await chromium.launch({ executablePath: values.chromium, args: FLAGS })
  try {
    const page = await browser.newPage()
    await page.goto(url)
    await page.getByLabel('API key').fill(key)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    // On this screen the history of the site grows, which its chart shows.
    await page.goto(`${url}#/sites/demo`)
    await sleep(WARM_UP_MS)
    for (const { name, hash, width = 1280, height = 860, scheme = 'light' } of SHOTS) {
      await page.emulateMedia({ colorScheme: scheme })
      await page.setViewportSize({ width, height })
      if (name === 'site-sources') await page.evaluate(sourcesAndPrices)
      const found = { SESSION: runningSession, CAMPAIGN: runningCampaign }[hash]
      await page.goto(`${url}#/${found ? await found(page) : hash}`)
      await sleep(2_500)
      await page.screenshot({ path: join(values.out, `${name}.png`) })
      console.log(join(values.out, `${name}.png`))
    }
  } finally {
    await browser.close()
  }
}

/** In the browser: what makes the screens of limits and plans worth a look. */
async function sourcesAndPrices() {
  const put = (path, body) =>
    fetch(`/api/v1/sites/demo/${path}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const windows = [{ days: [1, 2, 3, 4, 5, 6, 7], from: '17:00', to: '20:00', value: 63 }]
  await put('schedules/evening-peak', { nodeId: 'grid', unit: 'A', timeZone: 'Europe/Berlin', windows })
  await put('sources/dso', { nodeId: 'grid', unit: 'A', failsafeValue: 80, heartbeatTimeoutS: 120 })
  await put('sources/dso/signal', { active: true, value: 95 })
  const hour = 3_600_000
  const start = Math.floor(Date.now() / hour) * hour
  const prices = Array.from({ length: 26 }, (_, index) => ({
    from: new Date(start + index * hour).toISOString(),
    to: new Date(start + (index + 1) * hour).toISOString(),
    pricePerKwh: Math.round(28 + 9 * Math.sin(((start / hour + index) % 24) / 3.8)) / 100,
  }))
  await put('steering', { policy: 'fair', prices })
}

/** One that is held back, because there its screen has the most to say. */
async function runningSession(page) {
  return page.evaluate(async () => {
    const { evses } = await (await fetch('/api/v1/sites/demo/status')).json()
    const charging = evses.filter((evse) => evse.transactionId !== null)
    const { stationId, transactionId } =
      charging.find((evse) => evse.reason?.code === 'node-limit') ?? charging[0]
    return `sessions/${stationId}/${transactionId}`
  })
}

/** New passwords for all, as it is after a few seconds. */
async function runningCampaign(page) {
  const id = await page.evaluate(async () => {
    const send = (path, body) =>
      fetch(`/api/v1/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const limits = { waves: [{ stations: 2 }, { percent: 50 }], soakS: 8, atOnce: 2 }
    const order = { kind: 'basic-auth-password', name: 'New passwords', targets: { all: true }, limits }
    const { campaign } = await (await send('campaigns', order)).json()
    await send(`campaigns/${campaign.id}/actions`, { action: 'start' })
    return campaign.id
  })
  await sleep(14_000)
  return `campaigns/${id}`
}
