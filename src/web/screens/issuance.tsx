export function view() {
  return null
}
