// Loaded before Omniboard (node -r): it listens on the loopback, on the port it was given, and
// answers nobody but the browser's own pages. By itself it listens on every interface, takes the
// next port in silence, and lets any web site delete runs (CORS *, no authentication).
'use strict';

const http = require('http');
const net = require('net');

const PORT_IN_USE = 98;
const LOOPBACK_NAMES = new Set(['127.0.0.1', 'localhost', '[::1]']);

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function listenOnLoopback(...args) {
  const callback = args.find((arg) => typeof arg === 'function');
  this.prependListener('error', (error) => {
    if (error.code === 'EADDRINUSE') process.exit(PORT_IN_USE);
  });
  return listen.call(this, { host: '127.0.0.1', port: Number(process.env.PORT) }, callback);
};

// A tunnel (ssh -L) may give the port another number, so Host and Origin are compared to each
// other; a name that merely resolves to the loopback (DNS rebinding) is no loopback name.
function isOurs({ host = '', origin }) {
  const name = host.replace(/:\d+$/, '');
  return LOOPBACK_NAMES.has(name) && (origin === undefined || origin === `http://${host}`);
}

const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function emitOurs(event, request, response, ...rest) {
  if (event === 'request' && !isOurs(request.headers)) {
    response.writeHead(403, { 'Content-Type': 'text/plain' });
    response.end('Omniboard answers pages of its own only.\n');
    return true;
  }
  return emit.call(this, event, request, response, ...rest);
};
