/** An imported network as a Chain. */
import {
  Chain,
  InvalidArgumentError,
  Link,
  Parameter,
  Persistent,
  ShapeMismatchError,
  StructureMismatchError,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Door } from '../graph.ts';
import type { Program } from '../plan/program.ts';
import { isFloat } from '../values/host-array.ts';
import { channelsLast, plainOrder, tensorType, Value } from '../values/value.ts';
import { drive, driveAsync, execute } from './execute.ts';
import { forgetFolded } from './folded.ts';
import { Held } from './held.ts';
import type { Network } from './network.ts';

/** What a network gives: its one output, or all of them by name. */
export type OnnxOutput = tf.Tensor | Record<string, tf.Tensor>;

/** Links under a name that have no computation of their own: the network runs what is in them. */
export class OnnxGroup extends Chain {}

/**
 * A network read from an ONNX file. Its links and parameters bear the file's names as paths, in the shapes of the file; running
 * statistics are persistents. It is called with its inputs in the file's order, or with one object that has them by name.
 *
 * ```ts
 * const model = await importOnnx('resnet18.onnx');
 * const scores = model.evaluating(() => model.call(images)); // (N, 3, 224, 224)
 * ```
 */
export class OnnxChain<Out extends OnnxOutput = tf.Tensor> extends Chain implements Network {
  private readonly held: Held<Program>;

  constructor(program: Program) {
    super();
    this.held = new Held(program);
  }

  /** What is run; shared by copies. */
  get program(): Program {
    return this.held.value;
  }

  /** The inputs as the file names them. */
  get inputs(): readonly Door[] {
    return this.program.inputs;
  }

  /** The outputs as the file names them. */
  get outputs(): readonly Door[] {
    return this.program.outputs;
  }

  /** The names that parameters and persistents had in the file, by their paths. */
  get onnxNames(): ReadonlyMap<string, string> {
    return new Map([...this.program.weights.values()].map(({ path, name }) => [`/${path.join('/')}`, name]));
  }

  /**
   * @param inputs tensors in the order of `inputs`, or one object of them by name. Pictures are (N, C, H, W), or (N, H, W, C)
   *   where the network was imported with `layout: 'NHWC'`; integers of any width are int32.
   * @returns the output, or an object of all outputs by name where there are several.
   * @throws InvalidArgumentError, ShapeMismatchError when an input does not fit; OperatorError when a node fails.
   */
  override forward(...inputs: (tf.Tensor | Record<string, tf.Tensor>)[]): Out {
    return this.result(drive(execute(this, this.doors(inputs))));
  }

  /**
   * As `call`, for networks that need values on the way (sizes of detections, non-maximum suppression) on WebGPU, which reads
   * none at once. For inference: `config.train` counts as off, and no gradients are recorded. The result is the caller's.
   */
  async callAsync(...inputs: (tf.Tensor | Record<string, tf.Tensor>)[]): Promise<Out> {
    const values = await driveAsync(execute(this, this.doors(inputs)));
    return this.result(values);
  }

  private doors(given: readonly (tf.Tensor | Record<string, tf.Tensor>)[]): Map<string, Value> {
    const doors = this.program.inputs;
    const [first] = given;
    const named = given.length === 1 && first !== undefined && !(first instanceof tf.Tensor) ? first : null;
    const where = this.path || this.program.file;
    const unknown = Object.keys(named ?? {}).find((name) => !doors.some((door) => door.name === name));
    if ((named === null && given.length !== doors.length) || unknown !== undefined) {
      throw new InvalidArgumentError(
        where,
        `the inputs ${doors.map(({ name }) => name).join(', ')}`,
        unknown === undefined ? `${given.length} of them` : `'${unknown}'`,
      );
    }
    return new Map(
      doors.map((door, i) => {
        const tensor = named === null ? given[i] : named[door.name];
        return [door.name, this.input(door, tensor, `${where}, input '${door.name}'`)];
      }),
    );
  }

  private input(door: Door, tensor: unknown, where: string): Value {
    if (!(tensor instanceof tf.Tensor)) throw new InvalidArgumentError(where, 'a tensor', typeof tensor);
    const wanted = tensorType(door.dtype);
    if (tensor.dtype !== wanted) {
      const advice = `Cast it first: tf.cast(x, '${wanted}').`;
      throw new InvalidArgumentError(where, `a ${wanted} tensor (${door.dtype})`, tensor.dtype, advice);
    }
    const picture = this.program.layout === 'channels-last' && tensor.rank === 4 && isFloat(door.dtype);
    const value = Value.borrowed(tensor, door.dtype, picture ? channelsLast(4) : plainOrder(tensor.rank));
    const shape = door.shape?.map((n) => (typeof n === 'number' ? n : null)) ?? null;
    if (
      shape !== null &&
      (shape.length !== value.rank || shape.some((n, i) => n !== null && n !== value.shape[i]))
    )
      throw new ShapeMismatchError(
        where,
        shape,
        value.shape,
        picture ? 'Shapes are named (N, C, H, W) here.' : undefined,
      );
    return value;
  }

  private result(values: ReadonlyMap<string, Value>): Out {
    const named = [...values].map(([name, value]): [string, tf.Tensor] => {
      const last = this.program.layout === 'channels-last' && value.rank === 4 && isFloat(value.dtype);
      return [name, tf.clone(value.tensor(last ? channelsLast(4) : plainOrder(value.rank)))];
    });
    const tensors: Record<string, tf.Tensor> = Object.fromEntries(named);
    for (const value of values.values()) value.dispose();
    const [only, ...others] = Object.values(tensors);
    return (others.length === 0 && only !== undefined ? only : tensors) as Out;
  }

  /** The link at a path, e.g. `/layer1/0/conv1`. @throws StructureMismatchError when there is none (any more). */
  linkAt(path: string | readonly string[]): Link {
    const found = this.fieldAt(typeof path === 'string' ? path.split('/').filter((s) => s !== '') : path);
    if (found instanceof Link) return found;
    const where = typeof path === 'string' ? path : `/${path.join('/')}`;
    throw new StructureMismatchError(where, 'the network has no link there.');
  }

  /** The values of the parameter or persistent at a path. @throws StructureMismatchError when there is none any more. */
  weightAt(path: readonly string[]): tf.Tensor {
    const found = this.fieldAt(path);
    // Not `tensor`: links of which only the parameters are used are never called, and so never seen to hold them.
    if (found instanceof Parameter) return found.array ?? found.tensor;
    if (found instanceof Persistent && found.value instanceof tf.Tensor) return found.value;
    throw new StructureMismatchError(
      `/${path.join('/')}`,
      'a node of the network needs the parameter, which is not there.',
    );
  }

  /** The tensor behind a name of the file, or null where it is no weight. */
  sourceOf(name: string): tf.Tensor | null {
    const weight = this.program.weights.get(name);
    return weight === undefined ? null : this.weightAt(weight.path);
  }

  private fieldAt(path: readonly string[]): unknown {
    let at: unknown = this;
    for (const segment of path) at = at === undefined ? undefined : (at as Record<string, unknown>)[segment];
    return at;
  }

  override dispose(): void {
    forgetFolded(this);
    super.dispose();
  }
}
