/** Line icons, 24 units wide, drawn with the colour of the text. */

const PATHS = {
  overview: 'M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z',
  energy: 'M13 3 5 14h6l-1 7 8-11h-6z',
  stations: 'M6 21V5a2 2 0 0 1 2-2h6a2 2 0 0 1 2 2v16M4 21h14M9 7h4M16 11h2a2 2 0 0 1 2 2v4',
  sessions: 'M4 12h4l2-6 4 12 2-6h4',
  certificates: 'M12 3 5 6v5c0 4.5 2.8 7.7 7 9 4.2-1.3 7-4.5 7-9V6zM9 12l2 2 4-4',
  contracts: 'M6 3h9l4 4v14H6zM14 3v5h5M9 13h7M9 17h5',
  authorities: 'M12 4v5M6 20v-5h12v5M12 9v6M9 4h6M4 20h4M16 20h4',
  orders: 'M5 5h14M5 12h14M5 19h9',
  audit: 'M8 4h8v4H8zM6 6H5v15h14V6h-1M9 13h6M9 17h4',
  events: 'M4 6h2M10 6h10M4 12h2M10 12h10M4 18h2M10 18h10',
  campaigns: 'M4 12a8 8 0 0 1 14-5.300L20 9M20 4v5h-5M20 12a8 8 0 0 1-14 5.300L4 15M4 20v-5h5',
  messages: 'M4 5h12v8H9l-3 3v-3H4zM19 9h1v8h-2v3l-3-3h-4',
  trust: 'M12 3a4 4 0 0 0-2 7.500V13H7v8h10v-8h-3v-2.500A4 4 0 0 0 12 3z',
  keys: 'M14 10a4 4 0 1 1-3.500-5.900A4 4 0 0 1 14 10zM11.500 10.500 20 19v2h-3v-2h-2v-2h-2',
  ok: 'M4 12.500l5 5L20 6.5',
  warn: 'M12 4v10M12 19v.5',
  bad: 'M6 6l12 12M18 6 6 18',
  none: 'M7 12h10',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name, bold = false }: { readonly name: IconName; readonly bold?: boolean }) {
  return (
    <svg
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width={bold ? 3.4 : 1.8}
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  )
}
