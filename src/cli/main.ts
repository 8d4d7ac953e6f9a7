#!/usr/bin/env node
import { report, runProgram } from './program.js';

// A reader that has seen enough (`clew train --help | head -3`) is no error, nor is one of the progress that was closed.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

// Outside the normal path nothing can be waited for, so here alone the process is ended by force.
process.on('uncaughtException', (error) => process.exit(report(error)));

process.exitCode = await runProgram(process.argv.slice(2));
