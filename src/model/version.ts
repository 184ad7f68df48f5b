/** The version of this code; test/repo keeps it equal to package.json's. */
export const VERSION = '0.1.0';
