// Watches one number with JsSIP, as a page in a browser does, and prints each NOTIFY as
// a line of JSON: node watch.js wss://… sip:me@… sip:1001@…
'use strict';
const { JsSIP, say } = require('./browser');

const [url, uri, target] = process.argv.slice(2);
const ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(url)], uri, register: false });

ua.on('disconnected', (e) => say({ disconnected: e.error, code: e.code }));
ua.once('connected', () => {
  const watch = ua.subscribe(target, 'dialog', 'application/dialog-info+xml', { expires: 600 });
  watch.on('active', () => say({ active: true }));
  watch.on('terminated', (code, reason) => { say({ terminated: code, reason }); ua.stop(); });
  watch.on('notify', (final, request, body, type) => say({ notify: body, type, final }));
  process.on('SIGTERM', () => watch.terminate());
  watch.subscribe();
});
ua.start();
