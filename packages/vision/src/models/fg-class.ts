import { completeArguments, pretrained, type SegNetParam, type SsdParam } from '@chaingrad/weights';
import { VisionOptionError } from '../errors.ts';

/**
 * The number of classes that a detector is made for.
 * @param name of the class.
 * @throws PretrainedArgumentError without it; VisionOptionError unless it is a positive whole number.
 */
export function fgClassOf(name: keyof typeof pretrained, options: Partial<SsdParam> | undefined): number {
  const { nFgClass } = completeArguments<SsdParam>({ nFgClass: options?.nFgClass }, null, pretrained[name]);
  return checkCount(name, 'nFgClass', nFgClass);
}

/** The number of classes of a network that gives each of them a score; errors as those of `fgClassOf`. */
export function classesOf(name: keyof typeof pretrained, options: Partial<SegNetParam> | undefined): number {
  const { nClass } = completeArguments<SegNetParam>({ nClass: options?.nClass }, null, pretrained[name]);
  return checkCount(name, 'nClass', nClass);
}

function checkCount(name: string, option: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new VisionOptionError(name, option, 'a positive whole number', value);
}

/** What other libraries call it. */
export const otherFgClassNames = { nClass: 'nFgClass', n_fg_class: 'nFgClass' } as const;
