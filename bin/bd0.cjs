#!/usr/bin/env node
/* Starts the command line. Written in syntax that old versions of Node parse, so that they can say which one is needed. */
'use strict';

var needed = [20, 19];
var parts = process.versions.node.split('.').map(Number);

if (parts[0] < needed[0] || (parts[0] === needed[0] && parts[1] < needed[1])) {
  process.stderr.write('bd0: needs Node ' + needed.join('.') + ' or later; this is ' + process.versions.node + '\n');
  process.exit(125);
}

import('../dist/bundle/main.js').catch(function (error) {
  var missing = error.code === 'ERR_MODULE_NOT_FOUND' && /dist.bundle.main\.js/.test(error.message);
  process.stderr.write('bd0: ' + (missing ? 'it is not built yet: npm run build' : error.stack) + '\n');
  process.exit(125);
});
