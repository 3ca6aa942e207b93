// A Caliper workload: registers lots of a product, as docs/samples/node does, each once.

'use strict';

const { WorkloadModuleBase } = require('@hyperledger/caliper-core');

class Register extends WorkloadModuleBase {
    async initializeWorkloadModule(workerIndex, totalWorkers, roundIndex, roundArguments, adapter, context) {
        await super.initializeWorkloadModule(workerIndex, totalWorkers, roundIndex, roundArguments, adapter, context);
        // Lots that no other run has registered.
        this.prefix = `C${Date.now().toString(36)}-${workerIndex}-`;
        this.count = 0;
    }

    async submitTransaction() {
        const lot = this.prefix + this.count++;
        const now = Date.now();
        await this.sutAdapter.sendRequests({
            contractId: 'trace',
            contractFunction: 'origin:RegisterBatch',
            contractArguments: [JSON.stringify({
                idempotencyKey: lot,
                claimed: new Date(now).toISOString(),
                gtin: this.roundArguments.gtin,
                lot,
                made: new Date(now - 3_600_000).toISOString(),
                quantity: { amount: 10_000, unit: 'piece' },
                place: '杭州市余杭区',
                point: { latitude: 30_420_000, longitude: 120_300_000 }, // 1e-6°, two decimals
            })],
            invokerIdentity: 'factory',
            invokerMspId: 'ProducerMSP',
        });
    }
}

module.exports.createWorkloadModule = () => new Register();
