import { completeArguments, pretrained, type SsdParam } from '@chaingrad/weights';
import { VisionOptionError } from '../errors.ts';

/**
 * The number of classes that a detector is made for.
 * @param name of the class.
 * @throws PretrainedArgumentError without it; VisionOptionError unless it is a positive whole number.
 */
export function fgClassOf(name: keyof typeof pretrained, options: Partial<SsdParam> | undefined): number {
  const { nFgClass } = completeArguments<SsdParam>({ nFgClass: options?.nFgClass }, null, pretrained[name]);
  if (Number.isInteger(nFgClass) && nFgClass > 0) return nFgClass;
  throw new VisionOptionError(name, 'nFgClass', 'a positive whole number', nFgClass);
}

/** What other libraries call it. */
export const otherFgClassNames = { nClass: 'nFgClass', n_fg_class: 'nFgClass' } as const;
