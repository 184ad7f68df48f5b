/** How settings are declared: what a variable may be, and what docs/reference/agent.md says of it. */
import * as z from 'zod';
import { parseCidr, type Cidr } from '../model/cidr.ts';

/** What docs/reference/agent.md says of a setting. */
export interface SettingInfo {
  /** Form of the value: `true | false`, `HOST:PORT`. */
  readonly form: string;
  readonly description: string;
  /** What the default is where it depends on others. */
  readonly fallback?: string;
  /** Not a variable of kube-vip. */
  readonly ours?: true;
}

export const text = (fallback: string, form: string, description: string) =>
  z.string().default(fallback).meta({ form, description });

export const flag = <T extends boolean | undefined>(fallback: T, description: string): z.ZodType<boolean | T> =>
  z
    .string()
    .optional()
    .transform((value, context) => {
      if (value === undefined || value === '') return fallback;
      if (/^(1|t|true)$/i.test(value)) return true;
      if (/^(0|f|false)$/i.test(value)) return false;
      context.addIssue({ code: 'custom', message: `${JSON.stringify(value)} is neither true nor false` });
      return z.NEVER;
    })
    .meta({ form: 'true | false', description });

export const bool = (fallback: boolean, description: string): z.ZodType<boolean> => flag(fallback, description);

export const port = (fallback: number, description: string): z.ZodType<number> =>
  z.coerce.number().int().min(1).max(65_535).default(fallback).meta({ form: 'port', description });

export const seconds = (fallback: number, description: string): z.ZodType<number> =>
  z.coerce.number().int().min(1).max(3600).default(fallback).meta({ form: 'seconds', description });

export const asNumber = (fallback: number, description: string): z.ZodType<number> =>
  z.coerce.number().int().min(1).max(4_294_967_295).default(fallback).meta({ form: 'AS', description });

/** A list of prefixes, which may be empty. */
export const networks = (description: string): z.ZodType<readonly Cidr[]> =>
  z
    .string()
    .default('')
    .transform((value, context) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
        .flatMap((part) => {
          const network = parseCidr(part);
          if (!network)
            context.addIssue({ code: 'custom', message: `${JSON.stringify(part)} is not a network, as 10.244.0.0/16` });
          return network ?? [];
        }),
    )
    .meta({ form: 'network[,network]', description });

/** @param fallback what the default depends on, in words */
export const whenUnset = <T extends z.ZodType>(fallback: string, setting: T): T =>
  setting.meta({ ...setting.meta(), fallback });

export const ours = <T extends z.ZodType>(setting: T): T => setting.meta({ ...setting.meta(), ours: true });

export const choice = <const T extends readonly [string, ...string[]]>(
  values: T,
  fallback: T[number],
  description: string,
) =>
  z
    .enum(values)
    .default(fallback as never)
    .meta({ form: values.join(' | '), description, ours: true });
