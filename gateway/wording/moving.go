package wording

// ofMoving is about the import of an earlier ledger.
func ofMoving() []sentence {
	return []sentence{
		{"the ledger %s is being imported: ordinary writing begins when the regulator has closed the import", "正在迁入原账本 {1}：监管部门结束迁入后才能照常写入"},
		{"no import is open on this channel: nothing is taken as of an earlier time", "本账本没有开放迁入，不接受以前时间的记录"},
		{"this channel was opened for the ledger %s; there is one import, ever", "本账本已为原账本 {1} 开放过迁入，只能有一次"},
		{"this channel has records: a ledger is imported into a channel without any", "本账本已有记录：只能迁入空账本"},
		{"genesis, tip, root and archive of the source ledger are all needed", "原账本的创世块、末块、根和归档散列都要填"},
		{"a source ledger of %d blocks with %d transactions: there is nothing to import", "原账本有 {1} 块、{2} 笔交易：没有可迁入的内容"},
		{"authorities[%d]: %q must be one of %v, once", "签发机构第 {1} 项：{2} 应为 {3} 之一，且只写一次"},
		{"authorities[%d]: %d certificates, must be 1 to %d", "签发机构第 {1} 项：证书 {2} 张，应为 1 至 {3} 张"},
		{"authorities are missing: without them no original signature can be checked", "缺少签发机构证书，无法核对原签名"},
		{"authorities: %v", "签发机构证书不对：{1}"},
		{"transaction %d of the source: the next to import is %d", "原账本第 {1} 笔：下一笔应是第 {2} 笔"},
		{"the original transaction is not number %d of the ledger %s, for which the import was opened", "这不是迁入所指原账本 {2} 的第 {1} 笔交易"},
		{"the original transaction is one of %s on %s, the source's are of %s on %s", "原交易属于 {2} 上的 {1}，应属于 {4} 上的 {3}"},
		{"the original transaction is by %s %s of %s, this one by %s %s of %s", "原交易由 {3} 的 {1} {2} 写入，这次却是 {6} 的 {4} {5}"},
		{"the original transaction holds another request", "原交易的内容与这次的不同"},
		{"the original transaction's time %s lies after now, %s", "原交易的时间 {1} 晚于现在 {2}"},
		{"the original transaction lacks the endorsement of %s", "原交易缺少 {1} 的背书"},
		{"the original transaction does not hold: %v", "原交易不成立：{1}"},
		{"no import of the ledger %s is open", "没有为原账本 {1} 开放迁入"},
		{"%d of %d transactions are imported: an import is closed when it is whole", "只迁入了 {2} 笔中的 {1} 笔：全部迁入后才能结束"},
		{"the evidence has %d bytes, at most %d", "证据有 {1} 字节，最多 {2} 字节"},
		{"the evidence cannot be read: %v", "证据无法读取：{1}"},
	}
}
