/** Tells when the data of a tensor is gone. */
import type * as tf from '@tensorflow/tfjs-core';

const watched = new WeakMap<tf.KernelBackend, WeakMap<tf.DataId, (() => void)[]>>();

/** Runs `free` once, when the backend really lets go of the data (its last reference is disposed, or it moves away). */
export function onDispose(backend: tf.KernelBackend, dataId: tf.DataId, free: () => void): void {
  let callbacks = watched.get(backend);
  if (callbacks === undefined) {
    callbacks = new WeakMap();
    watched.set(backend, callbacks);
    watch(backend, callbacks);
  }
  const list = callbacks.get(dataId);
  if (list === undefined) callbacks.set(dataId, [free]);
  else list.push(free);
}

function watch(backend: tf.KernelBackend, callbacks: WeakMap<tf.DataId, (() => void)[]>): void {
  const disposeData = backend.disposeData;
  backend.disposeData = (dataId, force) => {
    const gone = disposeData.call(backend, dataId, force);
    if (gone) {
      const list = callbacks.get(dataId);
      callbacks.delete(dataId);
      for (const free of list ?? []) free();
    }
    return gone;
  };
}
