/** Ages as kubectl shows them. */

/** `5s`, `3m20s`, `2h`, `4d6h`, `3y12d`: at most two units, the second one only while it matters. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return two(days, 'd', hours % 24, 'h');
  if (hours < 365 * 24 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  return hours < 365 * 24 * 8 ? two(years, 'y', days % 365, 'd') : `${years}y`;
}

function two(major: number, majorUnit: string, minor: number, minorUnit: string): string {
  return minor === 0 ? `${major}${majorUnit}` : `${major}${majorUnit}${minor}${minorUnit}`;
}

export function age(when: string | undefined, now: Date): string {
  if (when === undefined || when === '') return '<unknown>';
  return humanDuration(now.getTime() - Date.parse(when));
}
