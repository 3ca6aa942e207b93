package wording

// ofDevices is about what devices send: their enrolment and messages, and the readings on
// their way to the chain.
func ofDevices() []sentence {
	return []sentence{
		// Enrolment and sign-in.
		{"no such terminal is enrolled here", "本网关没有登记这台终端"},
		{"the device is not enrolled any more", "该设备已不再登记"},
		{"device %s is registered; it logs out first, or its party resets its credential", "设备 {1} 已注册；请先注销，或由所属主体重置其凭证"},
		{"device %s is registered", "设备 {1} 已注册"},
		{"device %s is enrolled for another vehicle, or for none", "设备 {1} 登记的是另一辆车，或没有登记车辆"},
		{"device %s is registered for the vehicle", "该车辆已注册设备 {1}"},
		{"the credential is not that of device %s", "凭证不是设备 {1} 的"},
		{"the credential of device %s was just changed", "设备 {1} 的凭证刚刚更换"},
		{"a JT/T 808 server needs a sink and the devices", "JT/T 808 服务缺少读数去处或设备登记"},
		{"a broker needs a sink and the devices", "MQTT 服务缺少读数去处或设备登记"},

		// Readings on their way.
		{"device %s was bound to nothing at %s", "设备 {1} 在 {2} 没有绑定到任何运单、地块或库"},
		{"the device was bound to nothing then", "设备当时没有绑定到任何运单、地块或库"},
		{"device %s is bound without a probe %q", "设备 {1} 绑定时没有探头 {2}"},
		{"%d readings at once, at most %d", "一次有 {1} 条读数，最多 {2} 条"},
		{"a reading of %s lies in the future, it is %s", "读数时间 {1} 晚于现在，现在是 {2}"},
		{"a reading of %s is older than %s", "读数时间 {1} 早于 {2}，已不再接收"},
		{"a reading of %s lies before shipment %s departed, %s", "读数时间 {1} 早于运单 {2} 的发运 {3}"},
		{"a reading of %s lies after shipment %s arrived, %s", "读数时间 {1} 晚于运单 {2} 的到货 {3}"},
		{"a reading of %d temperatures; device %s is bound with %d probes", "读数有 {1} 个温度；设备 {2} 绑定时有 {3} 个探头"},
		{"a reading has a position but no fix", "读数有位置，却没有定位成功的标志"},
		{"a reading of device %s at %s is on the chain or on its way there already", "设备 {1} 在 {2} 的读数已在账本上，或正在上链"},
		{"shipment %s is not to be seen here yet", "本网关还看不到运单 {1}，请稍后重发"},
		{"%d bytes of readings wait to be anchored, at most %d", "已有 {1} 字节读数等候上链，最多 {2} 字节；请稍后重发"},
		{"a segment from a file needs the enrolment of who brings it", "来自文件的读数段应写明由谁提交"},
		{"%s is not whole and was left as it is: %v", "{1} 不完整，未作改动：{2}"},
		{"readings from %s to %s are on the chain and no longer here: whether that of %s is among them cannot be told", "{1} 至 {2} 的读数已在账本上，本机不再保存：无法判断 {3} 的读数是否在内"},

		// MQTT.
		{"the payload has a field that a message does not have: %v", "消息有不该有的字段：{1}"},
		{"the payload gives a field twice: %v", "消息中同一字段写了两次：{1}"},
		{"the payload is not the JSON of a message: %v", "消息不是规定的 JSON：{1}"},
		{"%d readings in a message, 1 to %d are taken", "一条消息有 {1} 条读数，应为 1 至 {2} 条"},
		{"%s %s is below 0", "{1} {2} 小于 0"},
		{"%s %.40q is not a number with at most %d decimals", "{1} {2} 应是最多 {3} 位小数的数"},

		// JT/T 808.
		{"more than %d bytes without a marker", "超过 {1} 字节没有标识位 7e"},
		{"a frame shorter than a header and a checksum, %d bytes", "帧短于消息头加校验码的 {1} 字节"},
		{"7d is followed by neither 01 nor 02", "转义符 7d 之后既不是 01 也不是 02"},
		{"the XOR of header and body is not the checksum", "消息头和消息体的异或值与校验码不符"},
		{"the frame ends within its header", "帧在消息头之内就结束了"},
		{"the body has another length than the header says", "消息体长度与消息头所写不符"},
		{"the terminal's number is not binary coded decimal", "终端手机号不是 BCD 码"},
		{"packet index must be 1 to the number of packets", "分包序号应为 1 至总包数"},
		{"a message in more than %d packets, or larger than the limit", "消息超过 {1} 个分包，或超过长度上限"},
		{"a terminal's number has 1 to %d digits, not %d", "终端手机号应为 1 至 {1} 位，却有 {2} 位"},
		{"a terminal's number has digits only", "终端手机号只能是数字"},
		{"the terminal has not authenticated on this connection", "终端在此连接上尚未鉴权"},
		{"the message carries another terminal's number than this connection authenticated", "消息中的终端手机号不是此连接鉴权的那台"},
		{"a registration of %d bytes, at least %d in edition %d", "注册消息有 {1} 字节，{3} 版至少 {2} 字节"},
		{"an authentication of %d bytes: the length of the code, the code, %d bytes of IMEI and %d of software version", "鉴权消息有 {1} 字节：应为鉴权码长度、鉴权码、{2} 字节 IMEI 和 {3} 字节软件版本号"},
		{"a general answer of %d bytes, must be 5", "通用应答有 {1} 字节，应为 5 字节"},
		{"an answer to a registration of %d bytes, at least 3", "注册应答有 {1} 字节，至少 3 字节"},
		{"the coordinates or the body are encrypted", "坐标或消息体已加密，无法读取"},
		{"the position is not on the earth", "位置不在地球上"},
		{"the terminal's clock is away from ours by more than the limit", "终端时钟与本机相差超过限度"},
		{"an item has another size than the device's model says", "附加信息项的长度与设备型号的规定不符"},
		{"a position shorter than %d bytes", "位置信息短于 {1} 字节"},
		{"the time of a position is no YYMMDDhhmmss in binary coded decimal", "位置信息的时间不是 BCD 码的 YYMMDDhhmmss"},
		{"the items of a position do not end where the last one does", "位置附加信息项的长度与消息不符"},
		{"the positions of a batch are not as many or as long as it says", "批量位置的条数或长度与所写不符"},

		// Models of terminals, which their operator configures.
		{"device models: %v", "设备型号文件：{1}"},
		{"device models: model %q must be named, and once", "设备型号文件：型号 {1} 应有名称，且只写一次"},
		{"device models: there is no model %q", "设备型号文件：缺少型号 {1}"},
		{"%s: items are 0x01 to 0xFF, each once", "{1}：附加信息项应为 0x01 至 0xFF，各写一次"},
		{"%s: bytes is %d, must be 1, 2 or 4", "{1}：字节数 {2}，应为 1、2 或 4"},
		{"%s: unit is %q, must be \"1\", \"0.1\" or \"0.01\"", "{1}：单位 {2}，应为 1、0.1 或 0.01"},
		{"%s: sign is %q, must be magnitude or complement", "{1}：符号 {2}，应为 magnitude（原码）或 complement（补码）"},
		{"%s: %d values", "{1}：有 {2} 个值"},
		{"device model %s has %d different values, at most %d", "设备型号 {1} 有 {2} 种值，最多 {3} 种"},
		{"there is no device model %q", "没有设备型号 {1}"},

		// Templates of sheets; other messages about sheets carry their Chinese with them.
		{"there is no template of kind %q; there are: %s", "没有种类为 {1} 的模板；现有：{2}"},
	}
}
