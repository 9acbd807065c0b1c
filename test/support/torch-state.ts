/** The state dicts of PyTorch's networks that the goldens generate, as files. */
import { convertWeights, MemoryWeights } from '@chaingrad/weights';
import { generate } from './goldens.ts';
import type { Stats } from './models.ts';

type Entry = [name: string, shape: number[], scaleOrValue: number, offset?: number];

export interface TorchGolden {
  prefix: string;
  n_class: number;
  input: { key: string; shape: [number, number, number, number]; scale: number };
  state_dict: Entry[];
  maps: { name: string; stats: Stats }[];
  labels: { key: string; n: number };
  loss: number;
  grads: [name: string, l2: number][];
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** The state dict as the bytes of a safetensors file. @param names those of its entries in the file. */
export async function stateDict(
  { prefix, state_dict }: TorchGolden,
  names: readonly string[] = state_dict.map(([name]) => name),
): Promise<Uint8Array<ArrayBuffer>> {
  const arrays = state_dict.map(([name, shape, scale, offset], i) => {
    const array =
      offset === undefined
        ? { shape, dtype: 'int64' as const, data: BigInt64Array.of(BigInt(scale)) }
        : {
            shape,
            dtype: 'float32' as const,
            data: generate({ key: prefix + name, scale, offset }, sizeOf(shape)),
          };
    return [names[i]!, array] as const;
  });
  const { files } = await convertWeights(
    new MemoryWeights('state', 'pytorch', new Map(arrays)),
    'state.safetensors',
  );
  return files[0]!.bytes;
}
