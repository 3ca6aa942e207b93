// A Caliper rate control: so many clients, each of which waits until its transaction is
// committed before it sends the next. Caliper's own fixed-load only steers towards a number.

'use strict';

const { setTimeout } = require('node:timers/promises');

class Clients {
    constructor(testMessage, stats) {
        this.stats = stats;
        this.clients = testMessage.getRateControlSpec().opts.clients / testMessage.getWorkersNumber();
    }

    async applyRateControl() {
        while (this.stats.getTotalSubmittedTx() - this.stats.getTotalFinishedTx() >= this.clients) {
            await setTimeout(2);
        }
    }

    async end() {}
}

module.exports.createRateController = (testMessage, stats) => new Clients(testMessage, stats);
