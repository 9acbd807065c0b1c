/** Matrix products. */
import type { Emitter, Value } from '../emitter.ts';
import { unary } from './elementwise.ts';
import { listed, type OnnxRule, type OnnxRules } from './rule.ts';

const swapped = (e: Emitter, value: Value, transpose: unknown): Value => {
  if (!transpose) return value;
  const rank = value.shape.length;
  const perm = value.shape.map((_, i) => (i < rank - 2 ? i : i === rank - 1 ? rank - 2 : rank - 1));
  return e.transpose(value, perm);
};

const matMul: OnnxRule = (e, { a, b, bias, preluActivationWeights }, { attrs, outputs: [out] }) => {
  if (preluActivationWeights !== undefined) throw e.fail('a product fused with prelu has no translation.');
  const { transposeA, transposeB, activation } = attrs;
  const shape = out!.shape;
  const y = product();
  if (activation === 'relu') return unary(e, y, 'Relu');
  if (activation !== undefined && activation !== null && activation !== 'linear') {
    throw e.fail(`the activation '${String(activation)}' of a fused product has no translation.`);
  }
  return y;

  function product(): Value {
    if (a!.shape.length === 2 && b!.shape.length === 2 && (bias !== undefined || transposeA || transposeB)) {
      const inputs = [e.plain(a!), e.plain(b!), bias === undefined ? '' : e.plain(bias)];
      const flags = { transA: transposeA ? 1 : undefined, transB: transposeB ? 1 : undefined };
      return e.made(e.node('Gemm', inputs, flags), shape, 'float32');
    }
    const inputs = [e.plain(swapped(e, a!, transposeA)), e.plain(swapped(e, b!, transposeB))];
    const made = e.made(e.node('MatMul', inputs), shape, 'float32');
    if (bias === undefined) return made;
    return e.made(e.node('Add', [e.plain(made), e.plain(bias)]), shape, 'float32');
  }
};

const einsum: OnnxRule = (e, inputs, { attrs, outputs: [out] }) => {
  const names = listed(inputs).map((value) => e.plain(value));
  return e.made(e.node('Einsum', names, { equation: attrs['equation'] as string }), out!.shape, out!.dtype);
};

export const linearAlgebraRules: OnnxRules = { BatchMatMul: matMul, _FusedMatMul: matMul, Einsum: einsum };
