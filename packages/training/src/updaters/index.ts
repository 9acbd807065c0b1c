export { StandardUpdater, type StandardUpdaterOptions } from './standard-updater.ts';
export * from './updater.ts';
