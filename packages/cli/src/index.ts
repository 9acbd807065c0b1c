/** The command line of chaingrad as a library: the program, and the parts that other programs may use. */
export { CliError, ImageError, oneLine, UnknownNameError } from './errors.ts';
export { type ImageFile, type ImageFormat, readImage, writeImage } from './images.ts';
export { createProgram, main } from './program.ts';
