// The stock Fabric gateway client for Node.js at work on a ledger's TLS port: submit,
// evaluate, chaincode events and block events.
//
// Usage: node client.mjs SETTINGS.json, with
//   address, tlsCA, msp, certificate, privateKey: where the ledger is, and PEM texts
//   channel, chaincode, function: the conformance chaincode, whose one function takes
//   a JSON list of steps
//
// It prints one JSON object with what it saw; anything unexpected is an exception.

import * as grpc from '@grpc/grpc-js';
import { connect, hash, signers } from '@hyperledger/fabric-gateway';
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const text = new TextDecoder();
const deadline = () => ({ deadline: Date.now() + 15_000 });

const connection = new grpc.Client(
    settings.address,
    grpc.credentials.createSsl(Buffer.from(settings.tlsCA)),
    { 'grpc.max_receive_message_length': 100 << 20 },
);
const gateway = connect({
    client: connection,
    identity: { mspId: settings.msp, credentials: Buffer.from(settings.certificate) },
    signer: signers.newPrivateKeySigner(createPrivateKey(settings.privateKey)),
    hash: hash.sha256,
    evaluateOptions: deadline,
    endorseOptions: deadline,
    submitOptions: deadline,
    commitStatusOptions: deadline,
});

try {
    const network = gateway.getNetwork(settings.channel);
    const contract = network.getContract(settings.chaincode);
    const run = (...steps) => ({ arguments: [JSON.stringify(steps)] });
    const results = (bytes) => JSON.parse(text.decode(bytes));

    // Submit and its status.
    const submitted = await contract.submitAsync(settings.function, run(
        { op: 'put', key: 'node/a', value: 'written by Node' },
        { op: 'event', key: 'written', value: 'node/a' },
    ));
    const status = await submitted.getStatus();

    // Evaluate.
    const read = results(await contract.evaluate(settings.function, run({ op: 'get', key: 'node/a' })));

    // What a chaincode refuses arrives with the peers' own words.
    const refusal = await contract.submit(settings.function, run({ op: 'fail', key: 'STATE: refused for a reason' }))
        .then(() => [], (error) => error.details.map((detail) => detail.message));

    // Chaincode events, replayed from the block of the submit.
    const events = await network.getChaincodeEvents(settings.chaincode, { startBlock: status.blockNumber });
    let event;
    for await (event of events) {
        break;
    }
    events.close();

    // Block events: whole blocks from the first one up to that of the submit.
    const blocks = await network.getBlockEvents({ startBlock: 0n });
    const numbers = [];
    for await (const block of blocks) {
        numbers.push(block.getHeader().getNumber());
        if (BigInt(numbers.at(-1)) === status.blockNumber) {
            break;
        }
    }
    blocks.close();

    console.log(JSON.stringify({
        transaction: submitted.getTransactionId(),
        successful: status.successful,
        block: Number(status.blockNumber),
        read: read[0],
        refusal,
        event: { name: event.eventName, payload: text.decode(event.payload), transaction: event.transactionId, block: Number(event.blockNumber) },
        blocks: numbers,
    }));
} finally {
    gateway.close();
    connection.close();
}
