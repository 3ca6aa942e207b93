// What the Fabric gateway client signs, and its signature, as base64: one proposal a line.
//
// Usage: node signatures.js NUMBER < KEY.pem

'use strict';

const { createPrivateKey } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { connect, signers } = require('@hyperledger/fabric-gateway');

const sign = signers.newPrivateKeySigner(createPrivateKey(readFileSync(0)));
const gateway = connect({ client: {}, identity: { mspId: 'ProducerMSP', credentials: Buffer.from('certificate') }, signer: sign });
const contract = gateway.getNetwork('trace').getContract('trace');

(async () => {
    for (let i = 0; i < Number(process.argv[2]); i++) {
        const bytes = contract.newProposal('origin:RegisterBatch').getDigest();
        console.log(Buffer.from(bytes).toString('base64'), Buffer.from(await sign(bytes)).toString('base64'));
    }
})();
