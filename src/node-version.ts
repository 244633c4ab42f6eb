/**
 * Imported first by what is started, and itself importing nothing: modules are evaluated in order, so that an older Node
 * is told what it lacks before it loads a native module, which would crash it without a word.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 24 || (major === 24 && minor < 15)) {
  process.stderr.write(
    `Liggare needs Node 24.15 or later, this is ${process.versions.node}: start it with npm (npm start, npm run liggare), ` +
      'which brings its own on Linux x64, or install a newer Node\n',
  );
  process.exit(1);
}
