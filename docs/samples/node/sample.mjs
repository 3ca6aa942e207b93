// Registers a lot with the stock Fabric gateway client for Node.js, reads it back, and
// finds its chaincode event and its block. docs/integrate.md walks through it.
//
// Usage: npm ci --ignore-scripts && node sample.mjs CONNECTION-PROFILE.json IDENTITY-FOLDER LOT

import * as grpc from '@grpc/grpc-js';
import { CommitStatusError, connect, hash, signers, SubmitError } from '@hyperledger/fabric-gateway';
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const [profilePath, wallet, lot] = process.argv.slice(2);
if (lot === undefined) {
    console.error('usage: node sample.mjs CONNECTION-PROFILE.json IDENTITY-FOLDER LOT');
    process.exit(2);
}
const text = new TextDecoder();

// The organisation's own peer, as the connection profile has it.
const profile = JSON.parse(readFileSync(profilePath, 'utf8'));
const mspId = readFileSync(join(wallet, 'msp'), 'utf8').trim();
const peer = profile.peers[profile.organizations[mspId].peers[0]];
const connection = new grpc.Client(
    peer.url.replace('grpcs://', ''),
    grpc.credentials.createSsl(Buffer.from(peer.tlsCACerts.pem)),
    {
        'grpc.ssl_target_name_override': peer.grpcOptions['ssl-target-name-override'],
        'grpc.max_receive_message_length': 100 << 20, // blocks
    },
);
const within = (seconds) => () => ({ deadline: Date.now() + seconds * 1000 });
const gateway = connect({
    client: connection,
    identity: { mspId, credentials: readFileSync(join(wallet, 'cert.pem')) },
    signer: signers.newPrivateKeySigner(createPrivateKey(readFileSync(join(wallet, 'key.pem')))),
    hash: hash.sha256,
    evaluateOptions: within(5),
    endorseOptions: within(15),
    submitOptions: within(5),
    commitStatusOptions: within(60),
});

const argument = (request) => ({ arguments: [JSON.stringify(request)] });

// What the contract said, "CODE: message", or undefined where it was not the contract.
function refusal(error) {
    return [error.message, ...(error.details ?? []).map((detail) => detail.message)]
        .map((said) => /chaincode response \d+, ([A-Z_]+: .*)/s.exec(said)?.[1])
        .find((said) => said !== undefined);
}

// Submits a request until it is known to be on the chain, and gives its key.
//
// After a SubmitError or CommitStatusError nobody knows whether the transaction will take
// effect, and one that lost a race (MVCC_READ_CONFLICT) has not. In both cases the same
// request is sent again: its record has one key, so it is written once, and a repetition is
// refused as ALREADY_RECORDED.
async function record(contract, method, request) {
    let doubt;
    let unknown = false;
    for (let attempt = 0; attempt < 5; attempt++) {
        try {
            const submitted = await contract.submitAsync(method, argument(request));
            const status = await submitted.getStatus();
            if (status.successful) {
                return JSON.parse(text.decode(submitted.getResult())).record;
            }
            doubt = new Error(`committed as void: ${status.code}`);
        } catch (error) {
            const said = refusal(error);
            if (said?.startsWith('ALREADY_RECORDED: ')) {
                return said.split(' ').at(-1); // the message ends with the key
            } else if (said !== undefined) {
                throw new Error(said);
            }
            doubt = error;
            unknown ||= error instanceof SubmitError || error instanceof CommitStatusError;
        }
        await setTimeout(1000);
    }
    const why = [doubt.message, ...(doubt.details ?? []).map((detail) => detail.message)].join('; ');
    throw new Error(`${unknown ? 'not known to be recorded, send the same request again' : 'nothing is recorded'}: ${why}`);
}

// Reads the channel's chaincode events from its first block to that of the record, and
// then that block. A service would give checkpointers.file(…) instead of 0.
async function follow(network, key) {
    const events = await network.getChaincodeEvents('trace', { startBlock: 0n });
    let found;
    for await (found of events) {
        if (JSON.parse(text.decode(found.payload)).record === key) {
            break;
        }
    }
    events.close();
    console.log('event', found.eventName, found.transactionId, String(found.blockNumber));
    const blocks = await network.getBlockEvents({ startBlock: found.blockNumber });
    for await (const block of blocks) {
        console.log('block', String(block.getHeader().getNumber()), block.getData().getDataList().length);
        break;
    }
    blocks.close();
}

try {
    const network = gateway.getNetwork('trace');
    const origin = network.getContract('trace', 'origin');

    // The same lot is the same request, to the byte: run it twice and there is one record.
    const batch = {
        idempotencyKey: `lot-${lot}`,
        claimed: '2026-09-01T09:00:00+08:00',
        gtin: '09520000200015',
        lot,
        made: '2026-09-01T08:00:00+08:00',
        quantity: { amount: 1200, unit: 'piece' },
        place: '广州市白云区',
        point: { latitude: 23_160_000, longitude: 113_270_000 }, // 1e-6°, two decimals
    };
    const key = await record(origin, 'RegisterBatch', batch);
    console.log('record', key);

    console.log('stored', text.decode(await origin.evaluate('Get', argument({ key }))));

    // To evaluate a submitting method is to try it: nothing is recorded.
    const said = await origin.evaluate('RegisterBatch', argument({ ...batch, place: 'elsewhere' })).then(() => '', refusal);
    console.log('refused', said);

    await follow(network, key);
    console.log(`page /01/09520000200015/10/${encodeURIComponent(lot)}`);
} catch (error) {
    console.error(error.message);
    process.exitCode = 1;
} finally {
    gateway.close();
    connection.close();
}
