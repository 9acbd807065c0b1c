import { checkOptions, InvalidArgumentError, type OptionKinds, type SerialEntry } from '@chaingrad/core';
import type { Trainer } from './trainer.ts';
import type { TriggerLike } from './triggers/trigger.ts';

/** Order of extensions within an iteration: higher ones first, then in order of registration. */
export const priorities = {
  /** Writes values into the observation. */
  writer: 300,
  /** Changes values of the observation. */
  editor: 200,
  /** Reads them. The default. */
  reader: 100,
  /** After everything else, so that a snapshot holds what the others have done. */
  snapshot: -100,
} as const;

/** Something that is done during training (Chainer's `Extension`). A plain function is one, too. */
export interface Extension {
  /** The name; the trainer sets it to what it registered, with a suffix where it was taken. */
  name?: string;
  readonly defaultName?: string;
  /** Default every iteration. */
  readonly trigger?: TriggerLike;
  /** Default `priorities.reader`. */
  readonly priority?: number;
  /** Whether it reads all values of the observation, as LogReport does: whoever reports after it is told. Default false. */
  readonly readsObservation?: boolean;
  /** Does the work, when the trigger fires. */
  call(trainer: Trainer): void | Promise<void>;
  /** Called before everything else: here a snapshot is loaded. */
  resume?(trainer: Trainer): void | Promise<void>;
  /** Called before the first iteration, also after a resume; not when the trigger is finished. */
  initialize?(trainer: Trainer): void | Promise<void>;
  /** Called when an iteration has failed. What it throws is printed, and hides nothing. */
  onError?(trainer: Trainer, error: unknown): void | Promise<void>;
  /** Called when training is aborted between two iterations. What it throws is printed, and hides nothing. */
  onAbort?(trainer: Trainer): void | Promise<void>;
  /** Called at the end, after success and failure. */
  finalize?(trainer: Trainer): void | Promise<void>;
  /** Reads what is still on the device; called before `serialEntries` is saved. */
  settle?(): Promise<void>;
  /** What a snapshot keeps. */
  serialEntries?(prefix: string): Iterable<SerialEntry>;
}

const settingKinds: OptionKinds<Omit<Extension, 'call'>> = {
  name: 'string',
  defaultName: 'string',
  trigger: 'any',
  priority: 'number',
  readsObservation: 'boolean',
  resume: 'function',
  initialize: 'function',
  onError: 'function',
  onAbort: 'function',
  finalize: 'function',
  settle: 'function',
  serialEntries: 'function',
};

export type ExtensionFunction = (trainer: Trainer) => void | Promise<void>;

export interface ExtendOptions {
  readonly name?: string;
  readonly trigger?: TriggerLike;
  readonly priority?: number;
  /** Call it once before the first iteration, too; not after a resume. Default false. */
  readonly callBeforeTraining?: boolean;
}

export const extendKinds: OptionKinds<ExtendOptions> = {
  name: 'string',
  trigger: 'any',
  priority: 'number',
  callBeforeTraining: 'boolean',
};

/**
 * Gives a function the settings of an extension (Chainer's `make_extension`).
 * @example const halve = makeExtension((trainer) => { optimizer.lr /= 2; }, { trigger: [10, 'epoch'], defaultName: 'halve' });
 */
export function makeExtension(fn: ExtensionFunction, settings: Omit<Extension, 'call'> = {}): Extension {
  if (typeof fn !== 'function') throw new InvalidArgumentError('makeExtension', 'a function', typeof fn);
  checkOptions('makeExtension', settings, settingKinds, { finalizer: 'finalize', initializer: 'initialize' });
  return { defaultName: fn.name || 'extension', ...settings, call: fn };
}
