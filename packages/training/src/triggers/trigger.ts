import { InvalidArgumentError, type SerialEntry } from '@chaingrad/core';
import type { Trainer } from '../trainer.ts';
import { IntervalTrigger, type TimeUnit } from './interval-trigger.ts';

/** When something ends, for progress bars. */
export interface TrainingLength {
  readonly length: number;
  readonly unit: TimeUnit;
}

/** Decides after each update whether something happens (Chainer's triggers). */
export interface Trigger {
  /** Called once an iteration, or less often: then it must fire for what it has missed. */
  fires(trainer: Trainer): boolean | Promise<boolean>;
  /** True when it will never fire again: its extension is then not initialized when training resumes. */
  readonly finished?: boolean;
  /** The end of training, where this trigger stops it and the end is known. */
  readonly trainingLength?: TrainingLength;
  /** Reads what is still on the device; called before `serialEntries` is saved. */
  settle?(): Promise<void>;
  serialEntries?(prefix: string): Iterable<SerialEntry>;
  /** Frees what it holds. */
  finalize?(): void;
}

/** A trigger, `[period, unit]` for an interval, a function, or null for never. */
export type TriggerLike =
  | Trigger
  | readonly [period: number, unit: TimeUnit]
  | ((trainer: Trainer) => boolean | Promise<boolean>)
  | null;

const never: Trigger = { fires: () => false };

/** Makes a trigger of what is given (Chainer's `get_trigger`). @throws InvalidArgumentError */
export function getTrigger(trigger: TriggerLike): Trigger {
  if (trigger === null) return never;
  if (typeof trigger === 'function') return { fires: trigger };
  if (isInterval(trigger)) return new IntervalTrigger(...trigger);
  if (typeof trigger === 'object' && typeof trigger.fires === 'function') return trigger;
  throw new InvalidArgumentError(
    'trigger',
    "a trigger, a function, null, or [period, 'epoch' | 'iteration']",
    typeof trigger,
  );
}

const isInterval = (trigger: object): trigger is readonly [number, TimeUnit] => Array.isArray(trigger);
