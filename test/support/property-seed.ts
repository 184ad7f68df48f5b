/**
 * Properties are tried on the same cases each time, so that whether a change passes is a matter of the change.
 * `PROPERTY_SEED=random` looks for others, each night for instance; a number repeats one of those runs.
 */
import fc from 'fast-check';

const { PROPERTY_SEED = '20261127' } = process.env;
if (PROPERTY_SEED !== 'random') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(PROPERTY_SEED) });
