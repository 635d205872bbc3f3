#!/bin/sh
':' //; [ -e /dev/fd/1 ] || [ ! -e /dev/fd/ ] || exec 1</dev/null; exec node "$0" "$@"
/*
 * Starts the command line. To sh this file is the line above: Node opens /dev/null where standard output is closed, and what
 * is printed would be lost without a word. What sh opens there can only be read, so that writing fails as it does elsewhere.
 * The rest is for Node, in syntax that old versions parse, so that they can say which one is needed.
 */
'use strict';

/* As `engines` in package.json says. */
var version = process.versions.node.split('.').map(Number);
var major = version[0];
var minor = version[1];

function fail(message) {
  process.stderr.write('bd0: ' + message + '\n');
  process.exit(125);
}

if (!((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major >= 23)) {
  fail('needs Node 20.19, or 22.12 or later; this is ' + process.versions.node);
}

/* See src/host/bundled/complete-build.ts. */
var fs = require('fs');
var bundle = require('path').join(__dirname, '../dist/bundle/');

if (fs.existsSync(bundle + 'main.cjs') && !fs.existsSync(bundle + 'complete')) {
  fail('the last build did not end: run npm run build');
}

try {
  require('../dist/src/host/bundled/bundle.cjs').start();
} catch (error) {
  var missing = /^(ENOENT|MODULE_NOT_FOUND)$/.test(error.code) && /dist.(bundle.main|src.host)/.test(error.message);
  fail(missing ? 'not built yet: run npm run build' : error.message);
}
