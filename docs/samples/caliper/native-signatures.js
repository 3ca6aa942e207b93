// Has Caliper's Fabric connector sign with the OpenSSL that is in Node.js: a twentieth of
// a millisecond for each of a transaction's three signatures, where the client's own
// signer computes the curve in JavaScript, 0.4 ms. Nothing else of Caliper changes.
//
// Usage: node --require ./native-signatures.js …; the workers inherit it.

'use strict';

const { sign } = require('node:crypto');

const file = require.resolve('@hyperledger/fabric-gateway');
const gateway = require(file);

// Half of P-256's order: Fabric takes of the two signatures with ±s the one with the lower.
const HALF = Buffer.from('7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8', 'hex');

// DER has s last, without leading zeros, and one before a set bit.
function low(der) {
    const length = der[5 + der[3]];
    return length < 32 || (length === 32 && der.subarray(-32).compare(HALF) <= 0);
}

// OpenSSL hashes what it signs, so the client must not, and gives either s: sign until it is low.
const newPrivateKeySigner = (key) => async (message) => {
    let der;
    do {
        der = sign('sha256', message, key);
    } while (!low(der));
    return der;
};

require.cache[file].exports = {
    ...gateway,
    connect: (options) => gateway.connect({ ...options, hash: gateway.hash.none }),
    signers: { ...gateway.signers, newPrivateKeySigner },
};
