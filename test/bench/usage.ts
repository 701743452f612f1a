// What processes have cost so far, read from Linux's /proc: CPU time, and the most memory that they
// ever held.

import { readdirSync, readFileSync } from 'node:fs';

/** A process that a system under test consists of, together with all that it starts. */
export interface Part {
  readonly name: string;
  readonly pid: number;
}

export interface Usage {
  /**
   * User and system time of the process, of its descendants, and of those of them that have ended
   * and been waited for. 10 ms is the unit of the kernel.
   */
  readonly cpuMs: number;
  /**
   * Largest resident size of each process, summed up. What several of them share counts several
   * times.
   */
  readonly rssPeakBytes: number;
}

/** USER_HZ, which Linux shows to programs as 100 on all machines that Node runs on. */
const MS_PER_TICK = 10;
const KIB = 1024;

interface Status {
  readonly parent: number;
  readonly ticks: number;
}

/** Of each part; a descendant of two parts counts for both. */
export function usageOf(parts: readonly Part[]): Usage[] {
  const all = everyProcess();
  const children = Map.groupBy(all.keys(), (pid) => all.get(pid)?.parent ?? 0);
  return parts.map(({ pid }) => {
    const family = [pid];
    for (const member of family) family.push(...(children.get(member) ?? []));
    const ticks = family.reduce((sum, member) => sum + (all.get(member)?.ticks ?? 0), 0);
    return {
      cpuMs: ticks * MS_PER_TICK,
      rssPeakBytes: family.reduce((sum, member) => sum + rssPeak(member), 0),
    };
  });
}

/** CPU time that the whole machine has spent on anything. */
export function machineCpuMs(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? ''
  )
    .split(' ')
    .map(Number);
  return (user + nice + system + irq + softirq) * MS_PER_TICK;
}

function everyProcess(): Map<number, Status> {
  const found = new Map<number, Status>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const status = Number.isInteger(pid) ? readStatus(pid) : null;
    if (status !== null) found.set(pid, status);
  }
  return found;
}

/** proc(5): after the name in parentheses, which may hold anything, comes field 3, the state. */
function readStatus(pid: number): Status | null {
  const text = readIfThere(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3] ?? 0);
  return text === '' ? null : { parent: field(4), ticks: field(14) + field(15) + field(16) + field(17) };
}

function rssPeak(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readIfThere(`/proc/${pid}/status`))?.[1] ?? 0) * KIB;
}

/** A process may end between being listed and being read. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
