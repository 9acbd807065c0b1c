export * from './best-value-trigger.ts';
export * from './early-stopping-trigger.ts';
export { IntervalTrigger, type TimeUnit } from './interval-trigger.ts';
export * from './manual-schedule-trigger.ts';
export * from './once-trigger.ts';
export * from './time-trigger.ts';
export * from './trigger.ts';
