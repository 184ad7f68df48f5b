/** metav1.MicroTime: the API server takes exactly six fractional digits. */
export function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}
