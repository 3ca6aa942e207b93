package wording

// ofFloor is about the live floor: transcripts as they come in, claims of reviewers,
// events and webhooks. What the chain says of streams is ofStreaming's.
func ofFloor() []sentence {
	return []sentence{
		{"%s works on this verdict until %s", "{1} 正在复核这条判定，至 {2} 止"},
		{"there is no dead letter %q", "没有待重发的通知 {1}"},
		{"a transcript is sent by a monitor or the room's operator, not by role %s", "话语记录由监测方或直播间运营者发送，您的角色是 {1}"},
		{"a batch has 1 to %d utterances, not %d", "一批应有 1 至 {1} 句，却有 {2} 句"},
		{"utterance %d has %d bytes, at most %d", "第 {1} 句有 {2} 字节，最多 {3} 字节"},
		{"utterance number %d: numbers count from 1", "话语序号 {1}：序号从 1 起"},
		{"utterance %d: the next of this transcript is %d", "第 {1} 句：这份记录接下来应是第 {2} 句"},
		{"utterance %d: from %s lies before the utterance before it, %s", "第 {1} 句：开始于 {2}，早于前一句的 {3}"},
		{"%d utterances of stream %s wait for the ledger already; nothing was kept, send them again later", "直播 {2} 已有 {1} 句等候上链；未保存，请稍后重发"},
		{"more than %g utterances a second of stream %s; nothing was kept, slow down", "直播 {2} 每秒超过 {1} 句；未保存，请放慢"},
		{"utterance %d of stream %s came before with other content", "直播 {2} 的第 {1} 句先前已收到，且内容不同"},
		{"row %s of the floor is not of this version", "直播数据中的 {1} 不是本版本写的"},
		{"the gateway is shutting down; nothing was kept", "网关正在停机，未保存"},
		{"rule %s %s is on the chain with other content", "规则 {1} {2} 已在账本上，且内容不同"},
		{"there is no verdict %s", "没有判定 {1}"},
		{"the run with the words of this verdict is not on the chain yet: ask again in a minute", "含有该判定话语的话语段尚未上链：请稍后再问"},
		{"no run on the chain holds the words of this verdict", "账本上没有一段话语含有该判定所依据的话"},
		{"the words of this verdict are not kept here: file %s of run %s is with %s, or was removed in its time", "本网关没有该判定的话语：话语段 {2} 的文件 {1} 在 {3} 处，或已到期删除"},
		{"no speech rule is loaded here", "本网关没有装载话语规则"},
		{"event id %.40q is not one that was sent, such as 1204-3", "{1} 不是发出过的事件编号，应形如 1204-3"},
		{"more than %d actions since event %s: read them from /v1/records?kind=action and follow from now", "事件 {2} 之后已有 {1} 次以上处置：请从 /v1/records?kind=action 读取，再从现在起接收"},
	}
}
