package wording

// ofLedger is about the way to the chain: what gateway/ledger answers with,
// and the gateway itself where it failed.
func ofLedger() []sentence {
	return []sentence{
		{"the server failed; its log has the details under request %s", "服务器出错；运维人员可按请求编号 {1} 查日志"},
		{"the server failed; its log has the details under request %s. Repeat a write with the same Idempotency-Key: it makes one record", "服务器出错；运维人员可按请求编号 {1} 查日志。写入请用同一幂等键重试，只会有一条记录"},
		{"a call names a contract and a method, got %q", "调用应写明合约和方法，现为 {1}"},
		{"%s has transient data: name the organisations that endorse it", "{1} 带有瞬态数据，应写明由哪些机构背书"},
		{"%s needs an idempotency key of 1 to %d bytes, got %d", "{1} 需要 1 至 {2} 字节的幂等键，现为 {3} 字节"},
		{"the request is still waiting to be sent (%v): ask again with the same idempotency key", "请求尚待发送（{1}）：请用同一幂等键再问"},
		{"transaction %s may or may not take effect (%v): ask again with the same idempotency key", "交易 {1} 是否生效尚不可知（{2}）：请用同一幂等键再问"},
		{"the certificate that this gateway signs with for the caller has expired: enrol it again", "本网关代您签名所用的证书已过期：请重新签发"},
		{"the ledger does not take the certificate that this gateway signs with for the caller: it is revoked, or not of its organisation; enrol it in this ledger", "账本不接受本网关代您签名所用的证书：已被吊销，或不属于该机构；请在本账本重新签发"},
		{"nothing was recorded: this gateway's clock is more than 15 minutes off the ledger's; its operator sets it right", "未记录：本网关的时钟与账本相差超过 15 分钟，请网关的运维人员校准"},
		{"nothing was recorded: this gateway does not trust the certificate that the ledger's peer shows (%s); its operator compares tlsCA in the connection file", "未记录：本网关不信任账本节点出示的证书（{1}），请网关的运维人员核对连接文件中的 tlsCA"},
		{"endorsers disagree for now: %s", "各背书节点此刻的结果不一致：{1}"},
		{"no endorsement to be had now, nothing was recorded: %s", "现在得不到背书，未记录：{1}"},
		{"the ledger refused to endorse it, nothing was recorded: %s: %s", "账本拒绝背书，未记录：{1}：{2}"},
		{"the caller left before the request was sent (%v)", "调用者在请求发出之前已离开（{1}）"},
		{"the gateway is shutting down; nothing was sent", "网关正在停机，未发送"},
		{"the gateway is shutting down; nothing was recorded", "网关正在停机，未记录"},
		{"this idempotency key was used for another request: use a new key for a new request, or repeat the first one unchanged", "此幂等键已用于另一请求：新请求请用新键，或原样重发第一次的请求"},
		{"%d requests are under way and %d wait; nothing was sent, try again in a moment", "有 {1} 个请求在办、{2} 个在等；未发送，请稍后再试"},
		{"the request waited %s for its turn; nothing was sent, try again in a moment", "请求已排队等候 {1}；未发送，请稍后再试"},
		{"gave up after %d conflicts with other writers or between endorsers, nothing was recorded; the last: %s", "与其他写入者冲突或背书节点不一致 {1} 次后放弃，未记录；最后一次：{2}"},
		{"transaction %s was recorded as invalid and changed nothing: %s", "交易 {1} 被记为无效，未改变任何内容：{2}"},
		{"the outbox cannot be read, nothing was sent: %v", "发件箱无法读取，未发送：{1}"},
		{"the answer given earlier cannot be read: %v", "先前的回答无法读取：{1}"},
		{"the transaction sent earlier cannot be read: %v", "先前发出的交易无法读取：{1}"},
		{"the transaction could not be put into the outbox and was not sent: %v", "交易无法写入发件箱，未发送：{1}"},
		{"a transaction in the outbox cannot be read: %v", "发件箱中有一笔交易无法读取：{1}"},
	}
}
